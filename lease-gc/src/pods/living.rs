//! All pods and nodes of the cluster at one time, found by what the rules of evidence look for.

use std::collections::HashMap;

use store::address::Address;

use super::{Node, Pod};

/// A complete reading of the cluster's nodes and pods.
#[derive(Debug, Default)]
pub struct Living {
    nodes: HashMap<String, Node>,
    pods: Vec<Pod>,
}

/// A pod as the index shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivingPod<'a> {
    /// `metadata.namespace`.
    pub namespace: &'a str,
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// `spec.nodeName`; empty while the pod is not bound.
    pub node: &'a str,
    /// Whether its phase is `Succeeded` or `Failed`.
    pub finished: bool,
    /// Whether its deletion was asked for.
    pub terminating: bool,
}

/// A pod that names an address as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming<'a> {
    /// The address.
    pub address: Address,
    /// Who names it.
    pub pod: LivingPod<'a>,
    /// The network-status entry that names it: `name` and `interface`; `None` where only
    /// `status.podIPs` does.
    pub attachment: Option<(&'a str, &'a str)>,
}

impl Living {
    /// Adds one node.
    pub fn add_node(&mut self, node: Node) {
        self.nodes.insert(node.name.clone(), node);
    }

    /// Adds one pod.
    pub fn add_pod(&mut self, pod: Pod) {
        self.pods.push(pod);
    }

    /// Sorts what was added; to be called once, after the last pod and before the first question.
    pub fn complete(&mut self) {}

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// All nodes.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.values()
    }

    /// How many pods there are.
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// The pod that has this uid, or that mirrors a static pod whose config hash it is. The empty
    /// uid is nobody's.
    pub fn pod_of_uid(&self, uid: &str) -> Option<LivingPod<'_>> {
        let mut pods = self.pods.iter();
        let found = pods.find(|pod| pod.uid == uid || pod.mirrors.iter().any(|hash| hash == uid));
        found.filter(|_| !uid.is_empty()).map(living)
    }

    /// The pod of this namespace and name, on any node.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<LivingPod<'_>> {
        let mut pods = self.pods.iter();
        pods.find(|pod| pod.namespace == namespace && pod.name == name)
            .map(living)
    }

    /// Which unfinished pods name this address.
    pub fn naming(&self, address: Address) -> impl Iterator<Item = Naming<'_>> {
        self.named().filter(move |naming| naming.address == address)
    }

    /// Every address that an unfinished pod names, in the order of the addresses.
    pub fn named(&self) -> impl Iterator<Item = Naming<'_>> {
        let unfinished = self.pods.iter().filter(|pod| !pod.finished);
        unfinished.flat_map(|pod| {
            pod.addresses.iter().map(|named| Naming {
                address: named.address,
                pod: living(pod),
                attachment: named
                    .attachment
                    .as_ref()
                    .map(|(network, interface)| (network.as_str(), interface.as_str())),
            })
        })
    }
}

fn living(pod: &Pod) -> LivingPod<'_> {
    LivingPod {
        namespace: &pod.namespace,
        name: &pod.name,
        uid: &pod.uid,
        node: &pod.node,
        finished: pod.finished,
        terminating: pod.terminating,
    }
}
