//! `ipamctl ls`: every allocation.

mod allocation;

use store::clock::Clock;
use store::txn::Etcd;

use self::allocation::{Allocation, allocations};
use super::Context;
use super::reading::{Reading, refusal};
use crate::output::{Align, Output, Table};
use crate::text::{age, shortened};

/// What `--help` says.
pub const ABOUT: &str = "\
List every allocation, sorted by address space and address.

Keys that cannot be read are named on standard error; they count as taken. A store that is frozen \
or was restored is listed all the same, with a warning.

With -o json: an array of objects with address, prefix (its length), gateway (where one was handed \
out), space, namespace, pod, uid, cluster, node, network, container, interface, created (RFC 3339, \
by the node's clock), age_seconds (null where created cannot be read) and plugin (the version that \
wrote it).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl ls
  ipamctl ls -o json | jq -r '.[] | select(.node == \"node-1\") | .address'";

/// How many characters of a container's ID a table shows: as many as other tools do.
const CONTAINER_WIDTH: usize = 12;

/// Lists.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let store = &context.store;
    let refusal = refusal(context).await?;
    let (owners, mut damaged) = store.owners(context.deadline()).await?;
    damaged.extend(store.damaged_addresses(context.deadline()).await?);
    let allocations = allocations(owners, store.clock().wall());
    let reading = Reading {
        what: "allocations",
        is_empty: allocations.is_empty(),
        damaged: &damaged,
        consequence: "so what it stands for counts as taken",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    Ok(output.result(&allocations, |allocations| table(allocations))?)
}

fn table(allocations: &[Allocation]) -> String {
    let columns = [
        "ADDRESS",
        "SPACE",
        "NAMESPACE/POD",
        "NODE",
        "NETWORK",
        "CONTAINER",
        "INTERFACE",
        "AGE",
    ];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in allocations {
        table.row([
            format!("{}/{}", one.address, one.prefix),
            one.space.clone(),
            pod(one),
            one.node.clone(),
            one.network.clone(),
            shortened(&one.container, CONTAINER_WIDTH),
            one.interface.clone(),
            one.age.map(age).unwrap_or_default(),
        ]);
    }
    table.render()
}

/// As people call a pod. Not every runtime says whose container it is.
fn pod(allocation: &Allocation) -> String {
    let Allocation { namespace, pod, .. } = allocation;
    if namespace.is_empty() || pod.is_empty() {
        format!("{namespace}{pod}")
    } else {
        format!("{namespace}/{pod}")
    }
}

#[cfg(test)]
mod tests;
