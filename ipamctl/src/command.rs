//! The commands, one file each, and what they share: the way to the store.

pub mod doctor;
pub mod freeze;
pub mod gc;
pub mod init;
pub mod ls;
pub mod ranges;
mod reading;
pub mod status;
pub mod thaw;

use std::time::Duration;

use anyhow::anyhow;
use ipam_plugin::config::NodeFile;
use store::clock::{Clock, SystemClock};
use store::etcd::Client;
use store::gate::Gate;
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;
use store::txn::Etcd;

use crate::access::given;
use crate::cli::{Cli, Command};
use crate::config;
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
    let (context, file) = connect(cli, output)?;
    let done = |()| Verdict::Done;
    match &cli.command {
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
        Command::Gc(options) => gc::run(&context, output, options).await.map(done),
        Command::Init => {
            let etcd = context.store.etcd();
            let raise = async |term| etcd.raise_term(term).await;
            init::run(&context, output, raise).await.map(done)
        }
        Command::Ls => ls::run(&context, output).await.map(done),
        Command::Ranges => ranges::run(&context, output).await.map(done),
        Command::Status => {
            let members = context.store.etcd().members().await?;
            status::run(&context, output, members).await
        }
        Command::Thaw(options) => thaw::run(&context, output, options).await.map(done),
    }
}

/// The store of the settings, of which nothing is asked yet, and the node's file.
fn connect(
    cli: &Cli,
    output: &mut Output<'_>,
) -> anyhow::Result<(Context<Client, SystemClock>, Option<NodeFile>)> {
    let environment = std::env::var("ETCD_IPAM_CONFIG").ok();
    let found = config::find(&cli.etcd, environment.as_deref())?;
    for warning in &found.warnings {
        output.warn(warning);
    }
    let settings = found.access.settings().map_err(|error| {
        anyhow!("{error} (as flag and variable etcd.ca_file is --ca-file and IPAMCTL_CA_FILE, and so on)")
    })?;
    let prefix = found.access.prefix().to_owned();
    let gate = Gate {
        store_id: found.access.store_id().map(str::to_owned),
        memory: None,
    };
    let keys = Keyspace::new(&prefix);
    let context = Context {
        store: Store::new(Client::new(settings), SystemClock::start(), keys, gate),
        prefix,
        cluster: given(cli.cluster.as_ref()).unwrap_or(found.cluster),
        timeout: cli.timeout,
    };
    Ok((context, found.file))
}
