//! `ipamctl etcd-roles`: the users and roles of etcd that the programs need.

mod nodes;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use store::accounts::{Accounts, Change, DEFAULT_NAME, Nodes, Purpose};
use store::clock::SystemClock;
use store::etcd::{Client, EtcdError};
use store::key::Keyspace;

use super::{Context, Verdict, connect};
use crate::access::given;
use crate::cli::Cli;
use crate::config;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Print or make the users and roles of etcd that the programs need.

One user for each node, called as the node is and confined to what the plugin does there; one for \
the collector (etcd-ipam-lease-gc), one for operators (etcd-ipam-operator: every command but init \
and import) and one that may only read (etcd-ipam-reader). None has a password: etcd takes the \
common name of a client's certificate as its user. The user root, whom etcd demands before \
authentication can be turned on, is made too.

--print needs no etcd. --apply adds what etcd lacks and can be repeated; it needs the root role \
where authentication is on. What these users may do beyond that is shown, and taken from them with \
--prune only; so are, with --nodes-from, the users of nodes that are not listed any more. \
Authentication itself is never turned on: that is `etcdctl auth enable`, with root's certificate.

With several clusters in one etcd call this for each, with its --cluster and a --name of its own.

The exit status is 3 if something is left that is too much.

With -o json, --print: an object with roles (an array of objects with name and grants: access, key \
and end, which is null for a single key) and users (name, roles). --apply: an object with changed, \
removed and excess, arrays of the commands of etcdctl that do the same.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl etcd-roles --print --node node-1 --node node-2
  kubectl get nodes -o name | ipamctl etcd-roles --apply --nodes-from -
  ipamctl etcd-roles --apply --nodes-from nodes.txt --prune";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    mode: Mode,

    /// A node of the cluster; may be given several times
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,

    /// A file with all nodes of the cluster, one name a line, as `kubectl get nodes -o name` prints
    /// them; `-` is standard input
    #[arg(long, value_name = "FILE")]
    nodes_from: Option<PathBuf>,

    /// A user for all nodes that share one certificate, etcd-ipam-node. It is not confined to a node
    #[arg(long)]
    shared: bool,

    /// What the names of roles, and of all users but the nodes', begin with
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,

    /// Take away what is too much
    #[arg(long, conflicts_with = "print")]
    prune: bool,

    /// Do not ask
    #[arg(short, long, requires = "prune")]
    yes: bool,
}

/// What is done with them.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
struct Mode {
    /// Print the commands of etcdctl that make them
    #[arg(long)]
    print: bool,

    /// Make them
    #[arg(long)]
    apply: bool,
}

/// What was done, as commands of etcdctl. The fields' names are those of the JSON.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    changed: Vec<String>,
    removed: Vec<String>,
    excess: Vec<String>,
}

/// Prints or makes them.
///
/// # Errors
/// Where the nodes cannot be read or have names that no user can have, and where etcd cannot be
/// asked or refuses.
pub async fn run(cli: &Cli, output: &mut Output<'_>, options: &Options) -> anyhow::Result<Verdict> {
    if options.mode.apply {
        let (context, _) = connect(cli, &cli.etcd, output)?;
        return apply(&context, output, options).await;
    }
    let environment = std::env::var("ETCD_IPAM_CONFIG").ok();
    let found = config::find_without_etcd(&cli.etcd, environment.as_deref())?;
    for warning in &found.warnings {
        output.warn(warning);
    }
    let keys = Keyspace::new(found.access.prefix());
    let purpose = Purpose {
        keys: &keys,
        cluster: &given(cli.cluster.as_ref()).unwrap_or(found.cluster),
        name: &options.name,
    };
    let wanted = Accounts::wanted(&purpose, &options.all_nodes()?)?;
    output.result(&wanted, |wanted| {
        lines(&commands(&wanted.missing(&Accounts::default())))
    })?;
    Ok(Verdict::Done)
}

async fn apply(
    context: &Context<Client, SystemClock>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let purpose = Purpose {
        keys: context.store.keys(),
        cluster: &context.cluster,
        name: &options.name,
    };
    let wanted = Accounts::wanted(&purpose, &options.all_nodes()?)?;
    let etcd = context.store.etcd();
    let standing = etcd.accounts(context.store.clock(), || context.deadline());
    let standing = standing.await.map_err(explained)?;
    let missing = wanted.missing(&standing);
    let mut excess = wanted.excess(&standing);
    if options.nodes_from.is_some() {
        excess.extend(wanted.gone(&purpose, &standing));
    }
    let prunes = options.prune && !excess.is_empty();
    if prunes {
        if !options.yes {
            output.note(&format!("too much: {}", commands(&excess).join("; ")));
        }
        let question = format!("Take away what is too much ({} commands)?", excess.len());
        output.confirm(&question, options.yes)?;
    }
    carry_out(context, &missing).await?;
    let mut outcome = Outcome {
        changed: commands(&missing),
        ..Outcome::default()
    };
    if prunes {
        carry_out(context, &excess).await?;
        outcome.removed = commands(&excess);
    } else {
        outcome.excess = commands(&excess);
    }
    output.result(&outcome, text)?;
    Ok(if outcome.excess.is_empty() {
        Verdict::Done
    } else {
        Verdict::Negative
    })
}

async fn carry_out(
    context: &Context<Client, SystemClock>,
    changes: &[Change],
) -> anyhow::Result<()> {
    let (etcd, clock) = (context.store.etcd(), context.store.clock());
    for (done, change) in changes.iter().enumerate() {
        let outcome = etcd
            .change_accounts(change, clock, context.deadline())
            .await;
        outcome.map_err(explained).with_context(|| {
            let all = changes.len();
            format!("{done} of {all} changes were made; the same call goes on where it stopped")
        })?;
    }
    Ok(())
}

/// Users and roles are for root alone.
fn explained(error: EtcdError) -> anyhow::Error {
    let denied = matches!(error, EtcdError::Denied { .. });
    let error = anyhow::Error::from(error);
    if denied {
        return error.context("users and roles can be seen and changed by the user root only");
    }
    error
}

impl Options {
    fn all_nodes(&self) -> anyhow::Result<Nodes> {
        let mut named: BTreeSet<_> = self.nodes.iter().cloned().collect();
        if let Some(path) = &self.nodes_from {
            named.extend(nodes::read(path)?);
        }
        Ok(Nodes {
            named,
            shared: self.shared,
        })
    }
}

fn commands(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

fn lines(commands: &[String]) -> String {
    let lines = commands.iter().map(|line| [line, "\n"].concat());
    lines.collect()
}

fn text(outcome: &Outcome) -> String {
    let parts = [
        ("Done", &outcome.changed),
        ("Taken away", &outcome.removed),
        ("Too much (--prune takes it away)", &outcome.excess),
    ];
    let parts = parts.iter().filter(|(_, commands)| !commands.is_empty());
    let parts =
        parts.map(|(title, commands)| format!("{title}, as etcdctl says it:\n{}", lines(commands)));
    let text: String = parts.collect();
    if text.is_empty() {
        return "All users and roles are as they should be; nothing was changed.\n".to_owned();
    }
    text
}
