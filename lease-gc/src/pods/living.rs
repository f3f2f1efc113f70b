//! All pods and nodes of the cluster at one time, found by what the rules of evidence look for.

use std::collections::HashMap;
use std::net::IpAddr;

use store::address::Address;

use super::{Node, Pod};
use crate::texts::{Span, Texts, index, place};

#[cfg(test)]
mod tests;

/// About how long name and uid of a pod are, in bytes.
const TEXT_OF_A_POD: usize = 36 + 44;

/// A complete reading of the cluster's nodes and pods.
///
/// Made for tens of thousands of pods, of which each takes about 200 bytes. What is asked for is found
/// by binary search.
#[derive(Debug, Default)]
pub struct Living {
    nodes: HashMap<String, Node>,
    texts: Texts,
    /// In the order in which they were added; the vectors below name them by their place here.
    pods: Vec<Row>,
    /// Sorted by namespace and name.
    by_name: Vec<u32>,
    /// Sorted by uid, each uid once.
    by_uid: Vec<u32>,
    /// Sorted by the config hash.
    mirrors: Vec<(Span, u32)>,
    /// Sorted by address.
    named: Vec<NamedRow>,
    complete: bool,
}

/// A pod as the index keeps it.
#[derive(Clone, Copy, Debug)]
struct Row {
    namespace: Span,
    name: Span,
    uid: Span,
    node: Span,
    finished: bool,
    terminating: bool,
}

/// An address that an unfinished pod names.
#[derive(Clone, Copy, Debug)]
struct NamedRow {
    /// Ordered as addresses are, and of half their size.
    ip: IpAddr,
    pod: u32,
    attachment: Option<(Span, Span)>,
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
    /// Makes room for so many more pods, so that nothing has to be moved when they are added.
    pub fn reserve(&mut self, pods: usize) {
        self.texts.reserve(pods.saturating_mul(TEXT_OF_A_POD));
        self.pods.reserve(pods);
        self.by_name.reserve(pods);
        self.by_uid.reserve(pods);
        self.named.reserve(pods.saturating_mul(2));
    }

    /// Adds one node. Of two with the same name the later counts.
    pub fn add_node(&mut self, node: Node) {
        self.nodes.insert(node.name.clone(), node);
    }

    /// Adds one pod. Of two with the same uid the earlier counts, and the addresses of both.
    pub fn add_pod(&mut self, pod: Pod) {
        self.complete = false;
        let texts = &mut self.texts;
        let row = Row {
            namespace: texts.add_shared(pod.namespace),
            name: texts.add(&pod.name),
            uid: texts.add(&pod.uid),
            node: texts.add_shared(pod.node),
            finished: pod.finished,
            terminating: pod.terminating,
        };
        let place = place(self.pods.len());
        self.pods.push(row);
        self.by_name.push(place);
        self.by_uid.push(place);
        let mirrors = pod.mirrors.iter().map(|hash| (texts.add(hash), place));
        self.mirrors.extend(mirrors);
        let addresses = pod.addresses.into_iter().filter(|_| !pod.finished);
        self.named.extend(addresses.map(|named| NamedRow {
            ip: named.address.to_ip(),
            pod: place,
            attachment: named.attachment.map(|(network, interface)| {
                (texts.add_shared(network), texts.add_shared(interface))
            }),
        }));
    }

    /// Sorts what was added; to be called once, after the last pod and before the first question.
    pub fn complete(&mut self) {
        // Sorting in place takes no memory; equals stay in the order in which they were added.
        let mut by_name = std::mem::take(&mut self.by_name);
        by_name.sort_unstable_by_key(|place| (self.pod(*place).map(full_name), *place));
        by_name.shrink_to_fit();
        self.by_name = by_name;

        let mut by_uid = std::mem::take(&mut self.by_uid);
        by_uid.sort_unstable_by_key(|place| (self.uid(*place), *place));
        by_uid.dedup_by_key(|place| self.uid(*place));
        by_uid.shrink_to_fit();
        self.by_uid = by_uid;

        let mut mirrors = std::mem::take(&mut self.mirrors);
        mirrors.sort_unstable_by_key(|(hash, place)| (self.texts.get(*hash), *place));
        self.mirrors = mirrors;

        let mut named = std::mem::take(&mut self.named);
        named.sort_unstable_by_key(|row| self.identity(row));
        // A pod that was listed twice names its addresses once.
        named.dedup_by_key(|row| self.identity(row));
        named.shrink_to_fit();
        self.named = named;

        self.pods.shrink_to_fit();
        self.texts.complete();
        self.complete = true;
    }

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
        self.by_uid.len()
    }

    /// The pod that has this uid, else one that mirrors a static pod whose config hash it is. The
    /// empty uid is nobody's.
    pub fn pod_of_uid(&self, uid: &str) -> Option<LivingPod<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        if uid.is_empty() {
            return None;
        }
        let by_uid = &self.by_uid;
        let place = match by_uid.binary_search_by_key(&Some(uid), |place| self.uid(*place)) {
            Ok(found) => by_uid.get(found),
            Err(_) => self.mirror_of(uid),
        };
        self.pod(*place?)
    }

    /// The pod of this namespace and name, on any node.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<LivingPod<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        let wanted = Some((namespace, name));
        let name = |place: &u32| self.pod(*place).map(full_name);
        let first = self.by_name.partition_point(|place| name(place) < wanted);
        let place = self
            .by_name
            .get(first)
            .filter(|place| name(place) == wanted);
        self.pod(*place?)
    }

    /// Which unfinished pods name this address.
    pub fn naming(&self, address: Address) -> impl Iterator<Item = Naming<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        let ip = address.to_ip();
        let first = self.named.partition_point(|row| row.ip < ip);
        let from_there = self.named.get(first..).unwrap_or_default().iter();
        from_there
            .take_while(move |row| row.ip == ip)
            .filter_map(|row| self.naming_of(row))
    }

    /// Every address that an unfinished pod names, in the order of the addresses.
    pub fn named(&self) -> impl Iterator<Item = Naming<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        self.named.iter().filter_map(|row| self.naming_of(row))
    }

    fn pod(&self, place: u32) -> Option<LivingPod<'_>> {
        let row = self.pods.get(index(place))?;
        Some(LivingPod {
            namespace: self.texts.get(row.namespace),
            name: self.texts.get(row.name),
            uid: self.texts.get(row.uid),
            node: self.texts.get(row.node),
            finished: row.finished,
            terminating: row.terminating,
        })
    }

    fn uid(&self, place: u32) -> Option<&str> {
        self.pod(place).map(|pod| pod.uid)
    }

    /// The first pod that mirrors a static pod with this config hash.
    fn mirror_of(&self, uid: &str) -> Option<&u32> {
        let hash = |(hash, _): &(Span, u32)| self.texts.get(*hash);
        let first = self.mirrors.partition_point(|mirror| hash(mirror) < uid);
        let found = self.mirrors.get(first).filter(|found| hash(found) == uid);
        found.map(|(_, place)| place)
    }

    fn naming_of(&self, row: &NamedRow) -> Option<Naming<'_>> {
        Some(Naming {
            address: row.ip.into(),
            pod: self.pod(row.pod)?,
            attachment: self.attachment(row),
        })
    }

    fn attachment(&self, row: &NamedRow) -> Option<(&str, &str)> {
        let (network, interface) = row.attachment?;
        Some((self.texts.get(network), self.texts.get(interface)))
    }

    fn identity(&self, row: &NamedRow) -> (IpAddr, Option<&str>, Option<(&str, &str)>) {
        (row.ip, self.uid(row.pod), self.attachment(row))
    }
}

fn full_name(pod: LivingPod<'_>) -> (&str, &str) {
    (pod.namespace, pod.name)
}
