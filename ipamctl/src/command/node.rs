//! `ipamctl node`: what a node holds, and what is done on one.

mod here;
pub mod install;
pub mod report;
pub mod task;
pub mod uninstall;

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use serde::Serialize;
use store::clock::Clock;
use store::txn::Etcd;

use self::task::Task;
use super::listing::Listing;
use super::reading::{Reading, refusal};
use super::{Context, Verdict};
use crate::inventory::{self, Taken};
use crate::output::{Align, Output, Table};

/// What `--help` says.
pub const ABOUT: &str = "\
Show what a node of the cluster (--cluster) holds: how much on each network, then each address.

Only the node's own records are read, and the keys of the addresses that they name. The columns and \
states are those of `ipamctl ls`. The exit status is 3 if the node holds nothing.

install, report and uninstall are done on the node on which they are called.

With -o json: an object with cluster, node, networks (an array of objects with network, attachments \
and addresses: how many) and addresses (an array of objects as `ipamctl ls` has them).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl node node-1
  ipamctl node node-1 -o json | jq '.networks[] | {network, addresses}'";

/// What about a node.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct NodeCommand {
    /// The node to show
    #[arg(value_name = "NAME", required = true)]
    pub node: Option<String>,

    /// What to do on this one.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What a node holds. The fields' names are those of the JSON.
#[derive(Serialize)]
struct Holding<'a, L> {
    cluster: &'a str,
    node: &'a str,
    networks: Vec<OnNetwork<'a>>,
    addresses: L,
}

/// How much it holds on a network.
#[derive(Serialize)]
struct OnNetwork<'a> {
    network: &'a str,
    attachments: usize,
    addresses: usize,
}

/// Shows a node.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    command: &NodeCommand,
) -> anyhow::Result<Verdict> {
    let NodeCommand { node, .. } = command;
    let node = node.as_deref().unwrap_or_default();
    let Context { cluster, store, .. } = context;
    let refusal = refusal(context).await?;
    let records = store.keys().owners_of_node(cluster, node);
    let inventory = inventory::of_records(context, records, |_| true).await?;
    let reading = Reading {
        what: &format!("addresses of a node {node} in the cluster {cluster} (--cluster)"),
        is_empty: inventory.is_empty(),
        damaged: inventory.damaged(),
        consequence: "so what it holds is missing here",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    let listing = Listing {
        inventory: &inventory,
        now: store.clock().wall(),
        wanted: |_: &_| true,
    };
    let holding = Holding {
        cluster,
        node,
        networks: networks(listing.taken()),
        addresses: listing,
    };
    output.result(&holding, |holding| {
        if inventory.is_empty() {
            return String::new();
        }
        let summary = summary(&holding.networks).render();
        format!("{summary}\n{}", holding.addresses.table().render())
    })?;
    Ok(if inventory.is_empty() {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

fn networks<'a>(taken: impl Iterator<Item = Taken<'a>>) -> Vec<OnNetwork<'a>> {
    let mut networks: BTreeMap<&str, (HashSet<_>, usize)> = BTreeMap::new();
    for names in taken.filter_map(|taken| taken.subject.names) {
        let (attachments, addresses) = networks.entry(names.network).or_default();
        attachments.insert((names.container, names.interface));
        *addresses += 1;
    }
    let networks = networks.into_iter();
    networks
        .map(|(network, (attachments, addresses))| OnNetwork {
            network,
            attachments: attachments.len(),
            addresses,
        })
        .collect()
}

fn summary(networks: &[OnNetwork<'_>]) -> Table {
    let mut table = Table::new([
        ("NETWORK", Align::Left),
        ("ATTACHMENTS", Align::Right),
        ("ADDRESSES", Align::Right),
    ]);
    for one in networks {
        table.row([
            one.network.to_owned(),
            one.attachments.to_string(),
            one.addresses.to_string(),
        ]);
    }
    table
}
