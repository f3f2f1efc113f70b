//! The command line: what can be typed. Its comments are what `--help` prints.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::access::EtcdFlags;
use crate::command::{doctor, freeze, gc, init, ls, ranges, status, thaw};

/// See and care for the addresses that etcd-ipam has given out.
///
/// Where etcd is comes from flags, else from the variables IPAMCTL_*, else from the configuration
/// file that the plugin uses on nodes; each setting by itself. Results go to standard output,
/// warnings and errors to standard error. The exit status is 0 if the command did what it was asked
/// for, 1 if not, 2 if the command line is wrong, and 3 if it did and the answer is no: nobody has
/// that address, the check found something, and so on.
#[derive(Debug, Parser)]
#[command(name = "ipamctl", version, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Where etcd is and how to be let in.
    #[command(flatten)]
    pub etcd: EtcdFlags,

    /// How long to keep trying to reach etcd, such as 10s or 2m
    #[arg(
        long,
        global = true,
        env = "IPAMCTL_TIMEOUT",
        help_heading = "Options",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = timeout
    )]
    pub timeout: Duration,

    /// The Kubernetes cluster that is meant; else the one in the plugin's configuration file, else
    /// `default`
    #[arg(
        long,
        global = true,
        env = "IPAMCTL_CLUSTER",
        help_heading = "Options",
        value_name = "NAME"
    )]
    pub cluster: Option<String>,

    /// What results look like: a table for people, JSON for programs
    #[arg(
        short,
        long,
        global = true,
        env = "IPAMCTL_OUTPUT",
        help_heading = "Options",
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub output: Format,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns, for people.
    Table,
    /// One JSON document, for programs.
    Json,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge the store and its etcd, and say what to do
    #[command(long_about = doctor::ABOUT, after_help = doctor::EXAMPLES)]
    Doctor(doctor::Options),
    /// Stop giving out addresses, on all nodes
    #[command(long_about = freeze::ABOUT, after_help = freeze::EXAMPLES)]
    Freeze(freeze::Options),
    /// Create the store, once; later calls change nothing
    #[command(long_about = init::ABOUT, after_help = init::EXAMPLES)]
    Init,
    /// List every allocation
    #[command(long_about = ls::ABOUT, after_help = ls::EXAMPLES)]
    Ls,
    /// List every configured range and how full it is
    #[command(long_about = ranges::ABOUT, after_help = ranges::EXAMPLES)]
    Ranges,
    /// Ask the elected collector for a sweep now, and wait for its report
    #[command(long_about = gc::ABOUT, after_help = gc::EXAMPLES)]
    Gc(gc::Options),
    /// Show how the store and its etcd are
    #[command(long_about = status::ABOUT, after_help = status::EXAMPLES)]
    Status,
    /// Let addresses be given out again
    #[command(long_about = thaw::ABOUT, after_help = thaw::EXAMPLES)]
    Thaw(thaw::Options),
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it leaves no time to ask; give 1s or more".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!("{error}; give a number with a unit, such as 10s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for line in [
            ["ipamctl", "-o", "json", "--timeout", "3s", "ls"],
            ["ipamctl", "ls", "-o", "json", "--timeout", "3s"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.output, Format::Json);
            assert_eq!(cli.timeout, Duration::from_secs(3));
        }
    }

    #[test]
    fn a_timeout_that_leaves_no_time_is_refused() {
        for text in ["0s", "ten", "-1s", "5"] {
            let flag = format!("--timeout={text}");
            let error = Cli::try_parse_from(["ipamctl", "ls", &flag]).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
