//! What can be done on a node.

use clap::Subcommand;

use super::here::Here;
use super::{install, report, uninstall};
use crate::cli::Cli;
use crate::command::{Verdict, connect};
use crate::output::Output;

/// What can be done on a node.
#[derive(Clone, Debug, Subcommand)]
pub enum Task {
    /// Install the plugin on this node, and keep it up to date
    #[command(long_about = install::ABOUT, after_help = install::EXAMPLES)]
    Install(install::Options),
    /// Write into the store what this node's journal says that it holds
    #[command(long_about = report::ABOUT, after_help = report::EXAMPLES)]
    Report(report::Options),
    /// Take the plugin off this node, once nothing needs it any more
    #[command(long_about = uninstall::ABOUT, after_help = uninstall::EXAMPLES)]
    Uninstall(uninstall::Options),
}

impl Task {
    /// Does it.
    ///
    /// # Errors
    /// Whatever kept it from being done.
    pub async fn run(&self, cli: &Cli, output: &mut Output<'_>) -> anyhow::Result<Verdict> {
        match self {
            Self::Install(options) => install::run(cli, output, options).await,
            Self::Report(options) => {
                let (context, file) = connect(cli, &cli.etcd, output)?;
                let node = options.node_name.as_ref();
                let here = Here::of(file.as_ref(), node, cli.cluster.as_ref())?;
                report::run(&context, &here, output, options).await
            }
            Self::Uninstall(options) => uninstall::run(cli, output, options).await,
        }
    }
}
