//! All flags but those of etcd.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args, ValueEnum};

use super::values::{default_identity, duration, election_ttl, ratio};
use crate::schedule::Schedule;

/// Whose pods live.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct SourceFlags {
    /// The name of the Kubernetes cluster whose records are judged
    #[arg(long, value_name = "NAME", default_value = "default")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub cluster: String,

    /// How to reach the API from outside the cluster
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Read the JSON of `kubectl get pods,nodes -A -o json` instead of the API
    #[arg(long, value_name = "FILE")]
    pub pods_from: Option<PathBuf>,

    /// Watch pods between sweeps: a deleted one then waits from its deletion on, not from the next
    /// sweep
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub enable_pod_watch: bool,
}

/// When to sweep, and who does.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sweeps")]
pub struct RunFlags {
    /// When to sweep, in the time zone TZ: minute, hour, day of month, month, day of week
    #[arg(long, value_name = "CRON", default_value = "*/5 * * * *")]
    pub cron_schedule: Schedule,

    /// Sweep once, now, and end; the grace period is waited for
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub once: bool,

    /// How long a leader must be silent before another takes over: whole seconds, 2s to 10m
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = election_ttl)]
    pub election_ttl: Duration,

    /// Its name in the election, for people [default: the host's name and a random number]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[arg(default_value_t = default_identity(), hide_default_value = true)]
    pub identity: String,
}

/// What may be released.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleFlags {
    /// How long a pod must have been gone; with 0s the next reading confirms
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub grace_period: Duration,

    /// How long the Node object of a node must have been gone
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub node_gone_grace: Duration,

    /// The most records that are released in one second
    #[arg(long, value_name = "COUNT", default_value = "50")]
    pub max_releases_per_second: NonZeroU32,

    /// The breaker: so many deaths in one sweep are always believed
    #[arg(long, value_name = "COUNT", default_value = "10")]
    pub breaker_min: u32,

    /// The breaker: more deaths in one sweep than this share of all records (0 to 1) are reported
    /// and not acted on
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = ratio)]
    pub breaker_ratio: f64,

    /// Only say what would be done
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub dry_run: bool,

    /// Do not write the address of a living pod into a store that lacks it
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub no_adopt: bool,
}

/// What is told, and where.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reports")]
pub struct TellFlags {
    /// Where to serve /metrics, /healthz, /readyz and a page for people
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9472")]
    pub listen: SocketAddr,

    /// Append the history of allocations to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub history_file: Option<PathBuf>,

    /// What the log looks like
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "json",
        ignore_case = true
    )]
    pub log_format: LogFormat,

    /// How much the log says
    #[arg(long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    pub log_level: LogLevel,
}

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least important messages that are still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "the names say it, and comments would be shown by --help"
)]
pub enum LogLevel {
    Error,
    #[value(alias = "warning")]
    Warn,
    Info,
    Debug,
    Trace,
}
