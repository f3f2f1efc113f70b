//! The commands, one file each, and what they share: the way to the store.

pub mod check;
pub mod completions;
pub mod doctor;
pub mod etcd_roles;
pub mod explain;
pub mod export;
pub mod filters;
pub mod freeze;
pub mod gc;
pub mod import;
pub mod init;
mod listing;
pub mod ls;
pub mod man;
pub mod node;
pub mod pod;
pub mod ranges;
mod reading;
pub mod release;
pub mod repair;
pub mod reserve;
mod standing;
pub mod status;
pub mod thaw;
pub mod unreserve;
pub mod watch;
pub mod who;

use std::time::Duration;

use anyhow::anyhow;
use ipam_plugin::config::{EtcdAccess, NodeFile};
use store::clock::{Clock, SystemClock};
use store::etcd::Client;
use store::gate::Gate;
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;
use store::txn::Etcd;

use crate::access::{EtcdFlags, given};
use crate::cli::{AnyCommand, Cli, Command, Standalone};
use crate::config;
use crate::network;
use crate::output::Output;

/// What every command works with.
pub struct Context<E, C> {
    /// The store.
    pub store: Store<E, C>,
    /// What all its keys begin with.
    pub prefix: String,
    /// The Kubernetes cluster that is meant.
    pub cluster: String,
    /// How long to keep trying.
    pub timeout: Duration,
}

impl<E: Etcd, C: Clock> Context<E, C> {
    /// When something that begins now is given up.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.store.clock(), self.timeout)
    }
}

/// What came of a command that could be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done, and there is nothing to add.
    Done,
    /// The answer is no: nobody has that address, something is wrong with the store, and so on.
    Negative,
}

/// Does what the command line says.
///
/// # Errors
/// Whatever kept the command from being carried out.
pub async fn run(cli: &Cli, output: &mut Output<'_>) -> anyhow::Result<Verdict> {
    let command = match &cli.command {
        AnyCommand::WithStore(command) => command,
        AnyCommand::Standalone(command) => return Box::pin(standalone(cli, command, output)).await,
    };
    let (context, file) = connect(cli, &cli.etcd, output)?;
    let done = |()| Verdict::Done;
    match command {
        Command::Check(options) => check::run(&context, output, options).await,
        Command::Doctor(options) => {
            let etcd = context.store.etcd();
            let machine = doctor::Machine {
                settings: etcd.settings(),
                file: file.as_ref(),
            };
            let members = etcd.members().await?;
            doctor::run(&context, output, options, &machine, members).await
        }
        Command::Freeze(options) => freeze::run(&context, output, options).await.map(done),
        Command::Export(options) => export::run(&context, output, options).await.map(done),
        Command::Gc(options) => gc::run(&context, output, options).await.map(done),
        Command::Import(options) => {
            let defaults = network::Defaults {
                named: cli.etcd.node_config(),
                environment: std::env::var("ETCD_IPAM_CONFIG").ok(),
            };
            import::run(&context, output, options, &defaults).await
        }
        Command::Init(options) => {
            let etcd = context.store.etcd();
            let raise = async |term| etcd.raise_term(term).await;
            init::run(&context, output, options, raise).await.map(done)
        }
        Command::Quarantine(options) => {
            reserve::run(&context, output, reserve::Kind::Quarantine, options).await
        }
        Command::Release(options) => release::run(&context, output, options).await,
        Command::Repair(options) => repair::run(&context, output, options).await,
        Command::Reserve(options) => {
            reserve::run(&context, output, reserve::Kind::Reservation, options).await
        }
        Command::Unreserve(options) => unreserve::run(&context, output, options).await,
        Command::Status => {
            let members = context.store.etcd().members().await?;
            status::run(&context, output, members).await
        }
        Command::Thaw(options) => thaw::run(&context, output, options).await.map(done),
        Command::Ls(options) => ls::run(&context, output, options).await.map(done),
        Command::Pod(options) => pod::run(&context, output, options).await,
        Command::Ranges => ranges::run(&context, output).await.map(done),
        Command::Watch(options) => watch::run(&context, output, options).await.map(done),
        Command::Who(options) => who::run(&context, output, options).await,
    }
}

async fn standalone(
    cli: &Cli,
    command: &Standalone,
    output: &mut Output<'_>,
) -> anyhow::Result<Verdict> {
    match command {
        Standalone::Completions(options) => completions::run(output, *options)?,
        Standalone::EtcdRoles(options) => {
            return Box::pin(etcd_roles::run(cli, output, options)).await;
        }
        Standalone::Explain(options) => {
            let place = explain::Place::new(cli, std::env::var("ETCD_IPAM_CONFIG").ok())?;
            let open = |target: explain::Target| {
                open(&target.access, target.gate, target.cluster, cli.timeout)
            };
            return Box::pin(explain::run(&place, open, output, options)).await;
        }
        Standalone::Man(options) => man::run(output, options)?,
        Standalone::Node(command) => {
            if let Some(task) = &command.task {
                return Box::pin(task.run(cli, output)).await;
            }
            let (context, _) = connect(cli, &cli.etcd, output)?;
            return Box::pin(node::run(&context, output, command)).await;
        }
    }
    Ok(Verdict::Done)
}

/// The store of the settings, of which nothing is asked yet, and the node's file.
fn connect(
    cli: &Cli,
    etcd: &EtcdFlags,
    output: &mut Output<'_>,
) -> anyhow::Result<(Context<Client, SystemClock>, Option<NodeFile>)> {
    let environment = std::env::var("ETCD_IPAM_CONFIG").ok();
    let found = config::find(etcd, environment.as_deref())?;
    for warning in &found.warnings {
        output.warn(warning);
    }
    let gate = Gate {
        store_id: found.access.store_id().map(str::to_owned),
        memory: None,
    };
    let cluster = given(cli.cluster.as_ref()).unwrap_or(found.cluster);
    let context = open(&found.access, gate, cluster, cli.timeout)?;
    Ok((context, found.file))
}

/// A store, of which such things are expected. Nothing is asked of it yet.
fn open(
    access: &EtcdAccess,
    gate: Gate,
    cluster: String,
    timeout: Duration,
) -> anyhow::Result<Context<Client, SystemClock>> {
    let settings = access.settings().map_err(|error| {
        anyhow!("{error} (as flag and variable etcd.ca_file is --ca-file and IPAMCTL_CA_FILE, and so on)")
    })?;
    let prefix = access.prefix().to_owned();
    let keys = Keyspace::new(&prefix);
    Ok(Context {
        store: Store::new(Client::new(settings), SystemClock::start(), keys, gate),
        prefix,
        cluster,
        timeout,
    })
}
