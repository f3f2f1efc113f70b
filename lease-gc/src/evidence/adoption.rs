//! Live addresses that the store lacks, and the records that make up for them.

use std::collections::BTreeMap;

use store::address::Address;
use store::names::{Attachment, Space};
use store::record::{Boot, HeldAddress, Kind, OwnerRecord, Pod, SCHEMA};

use crate::pods::{Living, LivingPod, Naming};

mod ranges;

pub use ranges::{Place, Ranges};

/// An address that a live pod names and no record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The address as it is to be held.
    pub held: HeldAddress,
    /// The pod that names it.
    pub pod: LivingPod<'a>,
    /// The `name` of the network-status entry.
    pub network: &'a str,
    /// Its `interface`.
    pub interface: &'a str,
}

/// What could be adopted, and what could not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missing<'a> {
    /// Each address of a space once.
    pub candidates: Vec<Candidate<'a>>,
    /// How many addresses lie in ranges of more than one space: nobody knows in which they live.
    pub ambiguous: usize,
}

/// Finds the addresses that live pods name and no record holds.
///
/// A pod counts if it is unfinished, bound to a node and not being deleted, an address if its
/// network-status annotation names it and it lies in ranges of exactly one space. `held` says
/// whether a record holds an address of a space.
pub fn missing<'a>(
    living: &'a Living,
    ranges: &Ranges,
    held: impl Fn(&Space, Address) -> bool,
) -> Missing<'a> {
    let mut missing = Missing::default();
    for naming in living.named() {
        let Naming { address, pod, .. } = naming;
        let Some((network, interface)) = naming.attachment else {
            continue;
        };
        if pod.finished || pod.terminating || pod.node.is_empty() || pod.uid.is_empty() {
            continue;
        }
        match ranges.place(address) {
            Place::Ambiguous => missing.ambiguous += 1,
            Place::In(space, range) if !held(space, address) => {
                missing.candidates.push(Candidate {
                    held: HeldAddress {
                        space: space.clone(),
                        address,
                        prefix: range.network().length(),
                        gateway: range.gateway(),
                    },
                    pod,
                    network,
                    interface,
                });
            }
            Place::Nowhere | Place::In(..) => {}
        }
    }
    // Of two pods that name the same address one is enough to keep it from being given out.
    let place = |candidate: &Candidate<'a>| (candidate.held.address, candidate.pod.uid);
    missing.candidates.sort_by(|a, b| place(a).cmp(&place(b)));
    missing
        .candidates
        .dedup_by_key(|candidate| candidate.held.address);
    missing
}

/// The owner records to write for adopted addresses: one for each interface that names some.
///
/// `living` tells the boots of their nodes, `new_id` makes the records' random ids, and `created`
/// is the wall clock (RFC 3339).
pub fn records<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    cluster: &str,
    living: &Living,
    mut new_id: impl FnMut() -> String,
    created: &str,
) -> Vec<(Attachment, OwnerRecord)> {
    let mut interfaces: BTreeMap<_, Vec<Candidate<'a>>> = BTreeMap::new();
    for candidate in candidates {
        let interface = (candidate.pod.uid, candidate.network, candidate.interface);
        interfaces.entry(interface).or_default().push(candidate);
    }
    let record = |group: Vec<Candidate<'a>>| {
        let first = group.first()?;
        let pod = first.pod;
        let attachment = Attachment {
            cluster: cluster.to_owned(),
            node: pod.node.to_owned(),
            network: first.network.to_owned(),
            container: format!("adopted-{}", pod.uid),
            interface: first.interface.to_owned(),
        };
        let record = OwnerRecord {
            v: SCHEMA,
            id: new_id(),
            kind: Kind::Adopted,
            addresses: group.into_iter().map(|candidate| candidate.held).collect(),
            pod: Pod {
                namespace: pod.namespace.to_owned(),
                name: pod.name.to_owned(),
                uid: pod.uid.to_owned(),
            },
            boot: boot(living, pod.node),
            created: created.to_owned(),
            cooldown_s: 0,
            plugin: env!("CARGO_PKG_VERSION").to_owned(),
            other: serde_json::Map::new(),
        };
        Some((attachment, record))
    };
    interfaces.into_values().filter_map(record).collect()
}

/// The boot that a node runs in. Unknown unless it is Ready: it may have booted again and not said
/// so, and then its next report would count as proof that the record is dead.
pub fn boot(living: &Living, node: &str) -> Boot {
    let ready = living.node(node).filter(|node| node.readiness.ready);
    ready.map_or_else(Boot::default, |node| Boot {
        machine: node.machine_id.clone(),
        id: node.boot_id.clone(),
        started_ms: 0,
    })
}
