//! One look at the records of a node and network.

use std::collections::HashMap;
use std::time::SystemTime;

use store::inspect::Owner;
use store::record::{Kind, OwnerRecord};

use super::finding::{Evidence, Finding, KeepReason};
use super::witness::Witness;
use crate::pods::{Living, LivingPod, Naming, Node};

/// Looks at records once. The answer has one finding per record, in their order.
///
/// `group` holds, for every node and network that it touches, all records: only so is it seen
/// which ones are superseded. `witness` has seen this reading and all
/// earlier ones of this leadership.
pub fn judge(group: &[Owner], living: &Living, witness: &Witness) -> Vec<Finding> {
    let newest = Newest::of(group);
    let judge = |owner| {
        let case = Case::new(owner, living);
        let superseded = newest.supersedes(owner);
        case.finding(superseded, witness)
    };
    group.iter().map(judge).collect()
}

/// When the newest ADD of each interface of each pod started, in each boot.
struct Newest<'a>(HashMap<Interface<'a>, u64>);

/// One interface of one pod in one boot of its node.
#[derive(PartialEq, Eq, Hash)]
struct Interface<'a> {
    cluster: &'a str,
    node: &'a str,
    network: &'a str,
    name: &'a str,
    pod_uid: &'a str,
    boot_id: &'a str,
}

impl<'a> Interface<'a> {
    /// `None` where the record does not say: two that say nothing have nothing in common.
    fn of(owner: &'a Owner) -> Option<Self> {
        let Owner {
            attachment, record, ..
        } = owner;
        let said = !record.pod.uid.is_empty() && !record.boot.id.is_empty();
        said.then_some(Self {
            cluster: &attachment.cluster,
            node: &attachment.node,
            network: &attachment.network,
            name: &attachment.interface,
            pod_uid: &record.pod.uid,
            boot_id: &record.boot.id,
        })
    }
}

impl<'a> Newest<'a> {
    fn of(group: &'a [Owner]) -> Self {
        let mut newest = HashMap::new();
        for owner in group {
            if owner.record.kind == Kind::Allocated
                && let Some(interface) = Interface::of(owner)
            {
                let started = newest.entry(interface).or_insert(0);
                *started = owner.record.boot.started_ms.max(*started);
            }
        }
        Self(newest)
    }

    /// Whether another ADD of the same started later. A record that does not say when its own
    /// started (zero) cannot be older than another.
    fn supersedes(&self, owner: &Owner) -> bool {
        let started = owner.record.boot.started_ms;
        let newest = Interface::of(owner).and_then(|interface| self.0.get(&interface));
        started > 0 && newest.is_some_and(|newest| *newest > started)
    }
}

/// One record and what the cluster knows of its pod and node.
struct Case<'a> {
    record: &'a OwnerRecord,
    /// The name of the record's node; never empty where `node` is there.
    node_name: &'a str,
    node: Option<&'a Node>,
    /// The record's own pod, in whatever phase.
    pod: Option<LivingPod<'a>>,
    /// An unfinished pod, its own or another one, that names one of its addresses.
    naming: Option<Naming<'a>>,
}

impl<'a> Case<'a> {
    fn new(owner: &'a Owner, living: &'a Living) -> Self {
        let record = &owner.record;
        let node_name = owner.attachment.node.as_str();
        let pod = if record.pod.uid.is_empty() {
            living.pod_named(&record.pod.namespace, &record.pod.name)
        } else {
            living.pod_of_uid(&record.pod.uid)
        };
        let mut naming = record
            .addresses
            .iter()
            .flat_map(|held| living.naming(held.address));
        Self {
            record,
            node_name,
            node: living.node(node_name).filter(|_| !node_name.is_empty()),
            pod,
            naming: naming.next(),
        }
    }

    fn finding(self, superseded: bool, witness: &Witness) -> Finding {
        let known_kind = !matches!(self.record.kind, Kind::Other(_));
        // Only these two may overrule that the pod is listed, and nothing that a pod names one of
        // the addresses.
        if known_kind
            && self.naming.is_none()
            && self.pod.is_none_or(|pod| pod.node == self.node_name)
            && let Some(node) = self.node.filter(|node| node.readiness.ready)
        {
            if self.rebooted(node) {
                return Finding::Suspect(Evidence::Rebooted);
            }
            if superseded && node.boot_id == self.record.boot.id {
                return Finding::Suspect(Evidence::Superseded);
            }
        }
        if self.pod.is_some() {
            return Finding::Alive;
        }
        if let Some(naming) = self.naming {
            return Finding::Conflict(naming.into());
        }
        if !known_kind {
            return Finding::Kept(KeepReason::KindUnknown);
        }
        let found = match self.node {
            Some(node) if node.readiness.ready => self.without_pod(node),
            Some(node) => self.out_of_service(node, witness),
            None => self.without_node(witness),
        };
        found.map_or_else(Finding::Kept, Finding::Suspect)
    }

    fn other_boot(&self, node: &Node) -> bool {
        both_known_and_differ(&node.boot_id, &self.record.boot.id)
    }

    fn other_machine(&self, node: &Node) -> bool {
        both_known_and_differ(&node.machine_id, &self.record.boot.machine)
    }

    /// Whether the node has booted since the record was made. It may be the other way round: the
    /// record of a container that was started after a boot which the node has not reported yet. Both
    /// times are by the clock of that node.
    fn rebooted(&self, node: &Node) -> bool {
        let reported_since = match (node.reported, self.record.created_at()) {
            (Some(reported), Some(created)) => SystemTime::from(reported) > created,
            _ => true,
        };
        self.other_boot(node) && !self.other_machine(node) && reported_since
    }

    /// The pod is not listed and its node is Ready.
    fn without_pod(&self, node: &Node) -> Result<Evidence, KeepReason> {
        match (named(self.record), self.record.pod.uid.is_empty()) {
            (true, false) => Ok(Evidence::PodGone),
            (true, true) => Ok(Evidence::NameGone),
            (false, _) if self.other_boot(node) => Err(KeepReason::MachineReplaced),
            (false, _) => Err(KeepReason::NoPodName),
        }
    }

    /// The pod is not listed and its node is not Ready.
    fn out_of_service(&self, node: &Node, witness: &Witness) -> Result<Evidence, KeepReason> {
        let Some(tainted) = node.out_of_service else {
            return Err(KeepReason::NodeNotReady);
        };
        match (tainted, node.readiness.since) {
            (Some(tainted), Some(changed)) if tainted < changed => {
                return Err(KeepReason::TaintOutdated);
            }
            (Some(_), Some(_)) => {}
            _ if witness.saw_untainted(node) => {}
            _ => return Err(KeepReason::TaintUndated),
        }
        if node.boot_id.is_empty() || self.record.boot.id.is_empty() {
            return Err(KeepReason::BootUnknown);
        }
        if self.other_boot(node) {
            return Err(KeepReason::OtherBoot);
        }
        Ok(Evidence::OutOfService)
    }

    /// The pod is not listed and there is no such node.
    fn without_node(&self, witness: &Witness) -> Result<Evidence, KeepReason> {
        if self.node_name.is_empty() || !witness.has_seen(self.node_name) {
            Err(KeepReason::NodeUnknown)
        } else if self.record.pod.uid.is_empty() {
            Err(KeepReason::NodeGoneWithoutUid)
        } else {
            Ok(Evidence::NodeGone)
        }
    }
}

/// Whether the record says which pod it is for, so that the API can be asked for that one pod.
fn named(record: &OwnerRecord) -> bool {
    !record.pod.namespace.is_empty() && !record.pod.name.is_empty()
}

fn both_known_and_differ(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}
