//! `ipamctl node uninstall`: takes the plugin off a node, once nothing on it needs the plugin.

mod held;
mod remove;

use std::fmt::Write as _;
use std::fs::File;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ipam_plugin::config::NodeFile;
use serde::Serialize;
use store::clock::Clock as _;
use store::retry::Deadline;

use self::held::{Held, Holdings};
use self::remove::Removed;
use super::here::Here;
use super::install::{Directories, LOCK};
use crate::cli::Cli;
use crate::command::{Verdict, connect};
use crate::output::{Align, Output, Table};
use crate::text::shortened;

/// What `--help` says.
pub const ABOUT: &str = "\
Take the plugin off this node, once no attachment of the node needs it any more.

Drain the node and end its installer first. What the node still holds is looked up in the store, in \
the node's journal and in its spool of releases that wait. If there is anything, it is listed, \
nothing is done, and the exit status is 3; --wait waits until there is nothing.

--force takes away the node's settings all the same, and also while etcd is out of reach: no pod of \
the node gets an address any more, but the pods that run can still end. For that the plugin stays, \
the certificates that it shows to etcd, and where its journal and its spool are, if that is not \
where it would look. Uninstall again when the pods are gone.

With -o json: an object with removed and left (paths) and held: an array of objects with network, \
container, interface, namespace, pod, addresses (an array) and known_by (store, journal or spool).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl node uninstall --bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d
  ipamctl node uninstall --bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d --wait 10m --yes";

/// How often it is looked whether the last attachment is gone.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many characters of a container's ID a table shows.
const CONTAINER_WIDTH: usize = 12;

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the command's own")]
    pub directories: Directories,

    /// The node's name, where its file does not say it
    #[arg(long, env = "NODENAME", value_name = "NAME")]
    pub node_name: Option<String>,

    /// Wait until the node holds nothing, for so long or, without a duration, for as long as it
    /// takes
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub wait: Option<Option<Duration>>,

    /// Take away the settings although the node holds something, or nobody knows
    #[arg(long)]
    pub force: bool,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    removed: Removed,
    held: Vec<Held>,
}

/// Uninstalls.
///
/// # Errors
/// Where it cannot be known what the node holds, or something cannot be removed.
pub async fn run(cli: &Cli, output: &mut Output<'_>, options: &Options) -> anyhow::Result<Verdict> {
    let directories = &options.directories;
    let own = directories.own();
    let _lock = if own.is_dir() {
        let lock = File::create(own.join(LOCK))?;
        lock.try_lock()
            .context("another ipamctl installs on this node; end it first")?;
        Some(lock)
    } else {
        None
    };
    let file = match NodeFile::read(&directories.file()) {
        Ok(file) => file,
        Err(error) if options.force => {
            output.warn(&error.to_string());
            None
        }
        Err(error) => return Err(error.into()),
    };
    let here = Here::of(
        file.as_ref(),
        options.node_name.as_ref(),
        cli.cluster.as_ref(),
    )?;
    let holdings = match holdings(cli, &here, file.as_ref(), output, options).await {
        Ok(holdings) => holdings,
        Err(error) if options.force => {
            output.warn(&format!(
                "the store cannot say what the node holds: {error:#}"
            ));
            Holdings::of_node(&here)
        }
        Err(error) => {
            return Err(error.context(
                "it is not known what the node holds, so nothing was removed (--force takes the \
                 settings away all the same)",
            ));
        }
    };
    for path in &holdings.unreadable {
        output.warn(&format!(
            "{} cannot be read: it may be a pod's",
            path.display()
        ));
    }
    let is_free = holdings.is_certain && holdings.unreadable.is_empty() && holdings.held.is_empty();
    if !is_free && !options.force {
        let report = Report {
            removed: Removed::default(),
            held: holdings.held,
        };
        output.result(&report, |report| table(&report.held))?;
        output.note(&format!(
            "nothing was removed: the node {} still holds this; drain it, and --wait for its pods \
             to end",
            here.node
        ));
        return Ok(Verdict::Negative);
    }
    let node = &here.node;
    let removed = if is_free {
        output.confirm(
            &format!("Take etcd-ipam off the node {node}, which holds nothing?"),
            options.yes,
        )?;
        remove::everything(directories)?
    } else {
        let question = format!(
            "Take the settings of etcd-ipam off the node {node}, of which {} attachments are known?",
            holdings.held.len()
        );
        output.confirm(&question, options.yes)?;
        remove::settings(directories)?
    };
    if !is_free {
        output.note(
            "the node's settings are removed, and no pod of it gets an address any more; what is \
             left is for the pods that run: uninstall again when they are gone",
        );
    }
    for path in &removed.left {
        output.note(&format!("left: {}", path.display()));
    }
    let report = Report {
        removed,
        held: holdings.held,
    };
    output.result(&report, text)?;
    Ok(Verdict::Done)
}

/// What the node holds, now or after it was waited for.
async fn holdings(
    cli: &Cli,
    here: &Here,
    file: Option<&NodeFile>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Holdings> {
    let mut etcd = cli.etcd.clone();
    // The node that is uninstalled says where its store is, not the usual place.
    if let Some(file) = file.filter(|_| etcd.node_config().is_none()) {
        etcd.node_config = Some(file.path().display().to_string());
    }
    let (context, _) = connect(cli, &etcd, output)?;
    let clock = context.store.clock();
    let wait = match options.wait {
        None => Duration::ZERO,
        Some(limit) => limit.unwrap_or(Duration::MAX),
    };
    let patience = Deadline::after(clock, wait);
    let mut said = None;
    loop {
        let holdings = Holdings::read(&context, here).await?;
        let count = holdings.held.len();
        if count == 0 || patience.remaining(clock).is_zero() {
            return Ok(holdings);
        }
        if said != Some(count) {
            output.note(&format!("waiting for {count} attachments to end ..."));
            said = Some(count);
        }
        clock.sleep(LOOK_EVERY.min(patience.remaining(clock))).await;
    }
}

fn text(report: &Report) -> String {
    let mut text = table(&report.held);
    if report.held.is_empty() {
        text.clear();
    }
    for path in &report.removed.removed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "removed {}", path.display());
    }
    text
}

fn table(held: &[Held]) -> String {
    let columns = [
        "NETWORK",
        "CONTAINER",
        "INTERFACE",
        "NAMESPACE/POD",
        "ADDRESSES",
        "KNOWN BY",
    ];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in held {
        table.row([
            one.network.clone(),
            shortened(&one.container, CONTAINER_WIDTH),
            one.interface.clone(),
            one.pod_name(),
            one.addresses.join(","),
            one.known_by.join(","),
        ]);
    }
    table.render()
}
