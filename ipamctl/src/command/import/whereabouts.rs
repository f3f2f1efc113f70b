//! Whereabouts' objects in Kubernetes: pools of allocations, and reservations of single addresses
//! that keep overlapping pools apart.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use ipam_plugin::config::text::{Zeros, parse_cidr};
use serde::Deserialize;
use serde_json::Value;
use store::address::{Address, Network};

use super::Options;
use super::foreign::{Draft, Foreign};
use super::input::{Input, bytes};

/// The API group of its objects.
const GROUP: &str = "whereabouts.cni.cncf.io/";
const POOL: &str = "IPPool";
const RESERVATION: &str = "OverlappingRangeIPReservation";

/// An `IPPool`: the addresses of one range.
struct Pool {
    name: String,
    network: Network,
    allocations: BTreeMap<String, Value>,
}

impl Pool {
    /// What stands before the range in the pool's name: the `network_name`, and with node slices
    /// the node. Empty where there is neither.
    fn network_name(&self) -> &str {
        let range = self.network.to_string().replace([':', '/'], "-");
        let name = self.name.strip_suffix(&range).unwrap_or(&self.name);
        name.strip_suffix('-').unwrap_or(name)
    }

    /// The address at an offset from the network's.
    fn address(&self, offset: &str) -> Option<Address> {
        let address = self.network.first().checked_add(offset.parse().ok()?)?;
        self.network.contains(address).then_some(address)
    }
}

/// One entry of a pool, or what a reservation says.
#[derive(Deserialize)]
struct Allocation {
    /// The container's ID; older reservations have it under another name.
    #[serde(default, alias = "containerid")]
    id: String,
    #[serde(default)]
    podref: String,
    /// Since version 0.8.
    #[serde(default)]
    ifname: String,
}

impl Allocation {
    fn draft(self, origin: String) -> Draft {
        let pod = self.podref.split_once('/');
        let pod = pod.filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
        Draft {
            origin,
            pod: pod.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())),
            container: Some(self.id).filter(|id| !id.is_empty()),
            interface: Some(self.ifname).filter(|name| !name.is_empty()),
        }
    }
}

/// Reads files of objects.
pub(super) fn read(foreign: &mut Foreign<'_>, options: &Options) -> anyhow::Result<()> {
    let (mut pools, mut reservations) = (Vec::new(), Vec::new());
    for path in &options.inputs {
        let file = || format!("the file {}", path.display());
        let document: Value = serde_json::from_slice(&bytes(path)?).with_context(file)?;
        for (kind, object) in objects(document).with_context(file)? {
            match kind.as_str() {
                POOL => pools.extend(pool(&object, &mut foreign.input)),
                RESERVATION => reservations.push(object),
                // Which slice a node has says nothing of who holds what.
                _ => {}
            }
        }
    }
    let pools = selected(pools, foreign, &options.pool)?;
    for pool in &pools {
        for (offset, entry) in &pool.allocations {
            let origin = format!("pool {}, offset {offset}", pool.name);
            let allocation = Allocation::deserialize(entry);
            match (pool.address(offset), allocation) {
                (Some(address), Ok(allocation)) => foreign.add(address, allocation.draft(origin)),
                (None, _) => {
                    let because = format!("the offset leads to no address of {}", pool.network);
                    let what = format!("an allocation of {}", podref(entry));
                    foreign.input.leave_out(what, origin, because, true);
                }
                (Some(address), Err(error)) => {
                    let because = format!("the allocation cannot be read: {error}");
                    let what = address.to_string();
                    foreign.input.leave_out(what, origin, because, true);
                }
            }
        }
    }
    for object in &reservations {
        reservation(object, &pools, foreign);
    }
    Ok(())
}

fn podref(entry: &Value) -> &str {
    let podref = entry.get("podref").and_then(Value::as_str);
    podref.unwrap_or("nobody")
}

/// The objects of a document, which is one or a list of them, each with its kind.
fn objects(mut document: Value) -> anyhow::Result<Vec<(String, Value)>> {
    let kind = |value: &Value| {
        let kind = value.get("kind").and_then(Value::as_str);
        kind.unwrap_or_default().to_owned()
    };
    let list = kind(&document);
    let Some(items) = document.get_mut("items") else {
        let version = document.get("apiVersion").and_then(Value::as_str);
        if !version.unwrap_or_default().starts_with(GROUP) {
            bail!("it holds no objects of Whereabouts; is --from right?");
        }
        return Ok(vec![(list, document)]);
    };
    let Value::Array(items) = items.take() else {
        bail!("its items are no list");
    };
    // In a list of one kind the objects need not repeat it.
    let of_list = list.strip_suffix("List").unwrap_or_default();
    let with_kind = |item: Value| match kind(&item) {
        own if own.is_empty() => (of_list.to_owned(), item),
        own => (own, item),
    };
    Ok(items.into_iter().map(with_kind).collect())
}

/// Reads a pool; one that cannot be read is left out.
fn pool(object: &Value, input: &mut Input) -> Option<Pool> {
    let name = name(object);
    let range = object.pointer("/spec/range").and_then(Value::as_str);
    let network = range.and_then(|range| parse_cidr(range, Zeros::Decimal).ok());
    let allocations = object.pointer("/spec/allocations");
    let allocations = match allocations {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(allocations) => BTreeMap::deserialize(allocations).ok(),
    };
    if let (Some(cidr), Some(allocations)) = (network, allocations) {
        return Some(Pool {
            name,
            network: cidr.network,
            allocations,
        });
    }
    let because = "it is no pool: it has no range, or its allocations cannot be read";
    input.leave_out(format!("all of pool {name}"), name, because, true);
    None
}

fn name(object: &Value) -> String {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// The pools that were named; else those in the ranges of the configuration, of its `network_name`
/// where there are any of that.
fn selected(
    pools: Vec<Pool>,
    foreign: &mut Foreign<'_>,
    names: &[String],
) -> anyhow::Result<Vec<Pool>> {
    for wanted in names {
        if !pools.iter().any(|pool| pool.name == *wanted) {
            let names: Vec<_> = pools.iter().map(|pool| pool.name.as_str()).collect();
            bail!("there is no pool {wanted}; there are: {}", names.join(", "));
        }
    }
    let section = foreign.config.section();
    let network_name = section.network_name.clone().unwrap_or_default();
    let in_range = |pool: &Pool| foreign.overlaps(pool.network.first(), pool.network.last());
    let namesake = |pool: &Pool| in_range(pool) && pool.network_name() == network_name;
    let any_namesake = pools.iter().any(namesake);
    let because = |pool: &Pool| {
        if !names.is_empty() {
            (!names.contains(&pool.name)).then(|| "--pool does not name it".to_owned())
        } else if !in_range(pool) {
            Some("its range is none of the configuration's".to_owned())
        } else if any_namesake && !namesake(pool) {
            let told = pool.network_name();
            Some(format!(
                "its network_name is {told:?}, and the configuration's is {network_name:?}"
            ))
        } else {
            None
        }
    };
    let because: Vec<_> = pools.iter().map(because).collect();
    let mut selected = Vec::new();
    for (pool, because) in pools.into_iter().zip(because) {
        let Some(because) = because else {
            selected.push(pool);
            continue;
        };
        for address in pool.allocations.keys().filter_map(|key| pool.address(key)) {
            foreign.not_here(address);
        }
        let what = format!("all of pool {}", pool.name);
        foreign.input.leave_out(what, pool.name, because, false);
    }
    Ok(selected)
}

/// Reads a reservation of an address of one of the pools. Mostly it says what an allocation has said
/// already; one without an allocation is of a pod whose allocation was lost.
fn reservation(object: &Value, pools: &[Pool], foreign: &mut Foreign<'_>) {
    let name = name(object);
    let network_names: BTreeSet<_> = pools.iter().map(Pool::network_name).collect();
    let address = network_names.into_iter().find_map(|network_name| {
        let own = match network_name {
            "" => Some(name.as_str()),
            _ => name.strip_prefix(network_name)?.strip_prefix('-'),
        };
        let address = own.and_then(address_of_name)?;
        let of_pool =
            |pool: &&Pool| pool.network_name() == network_name && pool.network.contains(address);
        pools.iter().find(of_pool).map(|_| address)
    });
    // Of a pool that is not imported.
    let Some(address) = address else {
        return;
    };
    let origin = format!("reservation {name}");
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match Allocation::deserialize(spec) {
        Ok(allocation) => foreign.add(address, allocation.draft(origin)),
        Err(error) => {
            let because = format!("the reservation cannot be read: {error}");
            foreign
                .input
                .leave_out(address.to_string(), origin, because, true);
        }
    }
}

/// The address in the name of an object, which can hold no colon.
fn address_of_name(name: &str) -> Option<Address> {
    name.parse()
        .or_else(|_| name.replace('-', ":").parse())
        .ok()
}
