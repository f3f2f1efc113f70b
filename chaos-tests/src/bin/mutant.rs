//! The plugin or the collector with a planted bug: `mutant BUG [THE COLLECTOR'S FLAGS]`.
//!
//! It is everything that the real programs are, over decorated seams. Only the harness runs it, in place
//! of the one whose bug it is.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chaos_tests::mutants::distorted::Distorted;
use chaos_tests::mutants::etcd::Planted;
use chaos_tests::mutants::machine::Broken;
use chaos_tests::mutants::view::policy;
use chaos_tests::mutants::{Culprit, Mutant};
use ipam_plugin::local::machine::Linux;
use lease_gc::cli::Cli;
use lease_gc::evidence::Policy;
use store::clock::SystemClock;
use store::etcd::Client;

fn main() -> Result<ExitCode> {
    let name = env::args().nth(1).context("no planted bug is named")?;
    let mutant: Mutant = name.parse()?;
    match mutant.culprit() {
        Culprit::Plugin => Ok(plugin(mutant)),
        Culprit::Collector => collector(mutant, env::args_os().skip(1)),
    }
}

fn plugin(mutant: Mutant) -> ExitCode {
    ipam_plugin::run(
        Broken::new(Linux::start(), Some(mutant)),
        "etcd-ipam",
        |name| env::var(name).ok(),
        io::stdin().lock(),
        io::stdout().lock(),
    )
}

#[tokio::main(flavor = "current_thread")]
async fn collector(mutant: Mutant, arguments: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let mut cli = match Cli::load(arguments, |name| env::var_os(name)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    lease_gc::log::start(cli.tell.log_format, cli.tell.log_level)?;
    let patience = Policy {
        grace: cli.rules.grace_period,
        node_gone_grace: cli.rules.node_gone_grace,
        ..Policy::default()
    };
    let patience = policy(Some(mutant), patience);
    cli.rules.grace_period = patience.grace;
    cli.rules.node_gone_grace = patience.node_gone_grace;
    let etcd = Planted::new(Client::new(cli.etcd.settings()), Some(mutant));
    let view = Distorted::new(lease_gc::run::origin(&cli), Some(mutant));
    Ok(lease_gc::run::run_over(cli, etcd, SystemClock::start(), view).await)
}
