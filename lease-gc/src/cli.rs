//! The command line: what can be asked of the collector. Its comments are what `--help` prints.

mod etcd;
mod flags;
mod layers;
mod values;

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Error, FromArgMatches as _, Parser};

pub use self::etcd::EtcdFlags;
pub use self::flags::{LogFormat, LogLevel, RuleFlags, RunFlags, SourceFlags, TellFlags};

const EXAMPLES: &str = "\
Examples:
  In a cluster, every minute:
    lease-gc --endpoints https://10.0.0.1:2379 --ca-file ca.crt --cert-file gc.crt \\
      --key-file gc.key --cron-schedule '* * * * *'
  What would be freed, without a cluster at hand:
    kubectl get pods,nodes -A -o json > living.json
    lease-gc --endpoints 10.0.0.1:2379 --pods-from living.json --once --dry-run --grace-period 0s";

const ABOUT: &str = "\
Free the addresses of pods that are gone, and never one that is in use.

One collector works for each Kubernetes cluster: run two or three, and they elect one.

Each flag can also be given as a variable: LEASE_GC_ and the flag's name in capitals, with _ for -, \
such as LEASE_GC_GRACE_PERIOD=15m; an empty one counts as not given. Or in a file that --config \
names: a JSON object of the flags' names, such as {\"endpoints\": [\"https://10.0.0.1:2379\"], \
\"grace-period\": \"15m\", \"dry-run\": true}. A flag beats a variable, and a variable beats the \
file.

The log goes to standard error. The exit status is 0 if all was done, 1 if not, and 2 if a flag, a \
variable or the file is wrong.";

/// Free the addresses of pods that are gone, and never one that is in use.
#[derive(Debug, Parser)]
#[command(name = "lease-gc", version, max_term_width = 100)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct Cli {
    /// Where etcd is and how to be let in.
    #[command(flatten)]
    pub etcd: EtcdFlags,

    /// Whose pods live.
    #[command(flatten)]
    pub source: SourceFlags,

    /// When to sweep, and who does.
    #[command(flatten)]
    pub run: RunFlags,

    /// What may be released.
    #[command(flatten)]
    pub rules: RuleFlags,

    /// What is told, and where.
    #[command(flatten)]
    pub tell: TellFlags,

    /// A file with defaults for all these flags
    #[arg(long, value_name = "FILE", help_heading = "Options")]
    pub config: Option<PathBuf>,
}

impl Cli {
    /// What `line` says, the program's name first; what it does not say, the variables that
    /// `variable` looks up; and what they do not say, the configuration file.
    ///
    /// # Errors
    /// What is wrong, naming the flag, and the variable or the file where it stands there.
    /// [`Error::exit`] prints it and ends the process; so also for `--help`.
    pub fn load(
        line: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let mut command = Self::command();
        let line = layers::merged(&mut command, line.into_iter().collect(), variable)?;
        let matches = command.try_get_matches_from_mut(line)?;
        let cli = Self::from_arg_matches(&matches)?;
        match cli.contradiction() {
            Some((kind, message)) => Err(command.error(kind, message)),
            None => Ok(cli),
        }
    }

    /// What is missing, or cannot be meant together, whichever layers it comes from.
    fn contradiction(&self) -> Option<(ErrorKind, String)> {
        let together = |one: &str, other: &str| {
            let message = format!("{one} and {other} cannot be used together");
            Some((ErrorKind::ArgumentConflict, message))
        };
        let offline = self.source.pods_from.is_some();
        if offline && self.source.kubeconfig.is_some() {
            return together("--pods-from", "--kubeconfig");
        }
        if offline && self.source.enable_pod_watch {
            return together("--enable-pod-watch", "--pods-from");
        }
        if self.run.once && self.source.enable_pod_watch {
            return together("--enable-pod-watch", "--once");
        }
        self.etcd
            .lack()
            .or_else(|| self.unreadable())
            .or_else(|| self.etcd.unusable())
    }

    /// A file that is to be read and cannot be. That of `--pods-from` may be a pipe, which can be
    /// opened only once.
    fn unreadable(&self) -> Option<(ErrorKind, String)> {
        let kubeconfig = ("--kubeconfig", &self.source.kubeconfig);
        let files = self.etcd.files().into_iter().chain([kubeconfig]);
        files
            .filter_map(|(flag, file)| file.as_ref().map(|path| (flag, path)))
            .find_map(|(flag, path)| {
                let error = File::open(path).err()?;
                let message = format!("{flag} {} cannot be read: {error}", path.display());
                Some((ErrorKind::Io, message))
            })
    }
}

#[cfg(test)]
mod tests;
