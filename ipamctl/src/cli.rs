//! The command line: what can be typed. Its comments are what `--help` prints.

use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::access::EtcdFlags;
use crate::command::{
    check, completions, doctor, etcd_roles, explain, export, freeze, gc, import, init, ls, man,
    node, pod, ranges, release, repair, reserve, status, thaw, unreserve, watch, who,
};

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
    pub command: AnyCommand,
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
pub enum AnyCommand {
    /// With the store of the settings.
    #[command(flatten)]
    WithStore(Command),
    /// Without a store, or with one that the command finds in a way of its own.
    #[command(flatten)]
    Standalone(Standalone),
}

/// What can be done with the store of the settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the store, once; later calls change nothing
    #[command(long_about = init::ABOUT, after_help = init::EXAMPLES)]
    Init(init::Options),
    /// Show how the store and its etcd are
    #[command(long_about = status::ABOUT, after_help = status::EXAMPLES)]
    Status,
    /// Judge the store and its etcd, and say what to do
    #[command(long_about = doctor::ABOUT, after_help = doctor::EXAMPLES)]
    Doctor(doctor::Options),
    /// List every configured range and how full it is
    #[command(long_about = ranges::ABOUT, after_help = ranges::EXAMPLES)]
    Ranges,
    /// List every address that is taken
    #[command(long_about = ls::ABOUT, after_help = ls::EXAMPLES)]
    Ls(ls::Options),
    /// Say who has an address, or why nobody may
    #[command(long_about = who::ABOUT, after_help = who::EXAMPLES)]
    Who(who::Options),
    /// Show what a pod holds
    #[command(long_about = pod::ABOUT, after_help = pod::EXAMPLES)]
    Pod(pod::Options),
    /// Show addresses being given out and released as it happens
    #[command(long_about = watch::ABOUT, after_help = watch::EXAMPLES)]
    Watch(watch::Options),
    /// Keep addresses from being given out, because something else has them
    #[command(long_about = reserve::ABOUT, after_help = reserve::EXAMPLES)]
    Reserve(reserve::Options),
    /// Keep addresses from being given out, because something is wrong with them
    #[command(long_about = reserve::QUARANTINE_ABOUT, after_help = reserve::QUARANTINE_EXAMPLES)]
    Quarantine(reserve::Options),
    /// End reservations and quarantines
    #[command(long_about = unreserve::ABOUT, after_help = unreserve::EXAMPLES)]
    Unreserve(unreserve::Options),
    /// Free what one attachment holds, or end the rest of an address
    #[command(long_about = release::ABOUT, after_help = release::EXAMPLES)]
    Release(release::Options),
    /// Compare the store with itself and with the pods that live
    #[command(long_about = check::ABOUT, after_help = check::EXAMPLES)]
    Check(check::Options),
    /// Put right what two checks found
    #[command(long_about = repair::ABOUT, after_help = repair::EXAMPLES)]
    Repair(repair::Options),
    /// Stop giving out addresses, on all nodes
    #[command(long_about = freeze::ABOUT, after_help = freeze::EXAMPLES)]
    Freeze(freeze::Options),
    /// Let addresses be given out again
    #[command(long_about = thaw::ABOUT, after_help = thaw::EXAMPLES)]
    Thaw(thaw::Options),
    /// Ask the elected collector for a sweep now, and wait for its report
    #[command(long_about = gc::ABOUT, after_help = gc::EXAMPLES)]
    Gc(gc::Options),
    /// Write all that the store holds into a file that `import` reads
    #[command(long_about = export::ABOUT, after_help = export::EXAMPLES)]
    Export(export::Options),
    /// Take over what another store, Whereabouts or host-local has given out
    #[command(long_about = import::ABOUT, after_help = import::EXAMPLES)]
    Import(import::Options),
}

/// What needs no store, or finds it in a way of its own.
#[derive(Debug, Subcommand)]
pub enum Standalone {
    /// Print or make the users and roles of etcd that the programs need
    #[command(long_about = etcd_roles::ABOUT, after_help = etcd_roles::EXAMPLES)]
    EtcdRoles(etcd_roles::Options),
    /// Explain what an ADD would do for a pod or with a configuration, without doing it
    #[command(long_about = explain::ABOUT, after_help = explain::EXAMPLES)]
    Explain(explain::Options),
    /// Print a script that makes a shell complete commands and flags
    #[command(long_about = completions::ABOUT, after_help = completions::EXAMPLES)]
    Completions(completions::Options),
    /// Print the manual page, or write one page a command
    #[command(long_about = man::ABOUT, after_help = man::EXAMPLES)]
    Man(man::Options),
    /// Show what a node holds, or install and uninstall the plugin on this one
    #[command(long_about = node::ABOUT, after_help = node::EXAMPLES)]
    Node(node::NodeCommand),
}

/// The name of the binary as a plugin of kubectl, and what is typed then.
const PLUGIN: &str = "kubectl-ipam";
const AS_PLUGIN: &str = "kubectl ipam";

/// The command line of the binary at this path: as a plugin of kubectl it speaks of itself as
/// people call it then.
pub fn called_as(program: &Path) -> clap::Command {
    let command = Cli::command();
    if program.file_stem().is_none_or(|name| name != PLUGIN) {
        return command;
    }
    with_examples_as_plugin(command.name(PLUGIN).bin_name(AS_PLUGIN))
}

fn with_examples_as_plugin(command: clap::Command) -> clap::Command {
    let examples = command.get_after_help().map(|help| {
        help.to_string()
            .replace("ipamctl ", &format!("{AS_PLUGIN} "))
    });
    let command = match examples {
        Some(examples) => command.after_help(examples),
        None => command,
    };
    command.mut_subcommands(with_examples_as_plugin)
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

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_plugin_of_kubectl_speaks_of_itself_as_one() {
        let mut plugin = called_as(Path::new("/usr/local/bin/kubectl-ipam"));
        let mut help = |line: &[&str]| {
            plugin
                .try_get_matches_from_mut(line)
                .unwrap_err()
                .to_string()
        };
        let texts = [
            ["kubectl-ipam", "gc", "--help"],
            ["kubectl-ipam", "gc", "--nonsense"],
        ];
        for text in texts.map(|line| help(&line)) {
            assert!(text.contains("Usage: kubectl ipam gc"), "{text}");
            assert!(!text.contains("  ipamctl"), "{text}");
        }
        let mut own = called_as(Path::new("/usr/local/bin/ipamctl"));
        let help = own.try_get_matches_from_mut(["ipamctl", "gc", "--help"]);
        let help = help.unwrap_err().to_string();
        assert!(help.contains("  ipamctl gc --dry-run"), "{help}");
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
