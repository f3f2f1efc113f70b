//! All pods and nodes of the cluster at one time, found by what the rules of evidence look for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use store::address::Address;

use super::{Node, Pod};

#[cfg(test)]
mod tests;

/// A complete reading of the cluster's nodes and pods.
///
/// Made for tens of thousands of pods: what many of them have in common is kept once, and what is
/// asked for is found by binary search.
#[derive(Debug, Default)]
pub struct Living {
    nodes: HashMap<String, Node>,
    /// In the order in which they were added; the vectors below name them by their place here.
    pods: Vec<Row>,
    /// Sorted by namespace and name.
    by_name: Vec<usize>,
    /// Sorted by uid, each uid once.
    by_uid: Vec<usize>,
    /// Sorted by the config hash.
    mirrors: Vec<(Box<str>, usize)>,
    /// Sorted by address.
    named: Vec<NamedRow>,
    shared: Shared,
    complete: bool,
}

/// A pod as the index keeps it.
#[derive(Debug)]
struct Row {
    namespace: Arc<str>,
    name: Box<str>,
    uid: Box<str>,
    node: Arc<str>,
    finished: bool,
    terminating: bool,
}

/// An address that an unfinished pod names.
#[derive(Debug)]
struct NamedRow {
    address: Address,
    pod: usize,
    attachment: Option<Arc<(String, String)>>,
}

/// What many pods have in common, as long as pods are added.
#[derive(Debug, Default)]
struct Shared {
    names: HashSet<Arc<str>>,
    attachments: HashSet<Arc<(String, String)>>,
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
    /// Adds one node. Of two with the same name the later counts.
    pub fn add_node(&mut self, node: Node) {
        self.nodes.insert(node.name.clone(), node);
    }

    /// Adds one pod. Of two with the same uid the earlier counts, and the addresses of both.
    pub fn add_pod(&mut self, pod: Pod) {
        self.complete = false;
        let place = self.pods.len();
        self.by_name.push(place);
        self.by_uid.push(place);
        let mirrors = pod.mirrors.into_iter();
        self.mirrors
            .extend(mirrors.map(|hash| (hash.into(), place)));
        let addresses = pod.addresses.into_iter().filter(|_| !pod.finished);
        self.named.extend(addresses.map(|named| NamedRow {
            address: named.address,
            pod: place,
            attachment: named.attachment.map(|it| self.shared.attachment(it)),
        }));
        self.pods.push(Row {
            namespace: self.shared.name(pod.namespace),
            name: pod.name.into(),
            uid: pod.uid.into(),
            node: self.shared.name(pod.node),
            finished: pod.finished,
            terminating: pod.terminating,
        });
    }

    /// Sorts what was added; to be called once, after the last pod and before the first question.
    pub fn complete(&mut self) {
        let Self {
            pods,
            by_name,
            by_uid,
            mirrors,
            named,
            ..
        } = self;
        by_name.sort_by_key(|place| pods.get(*place).map(Row::full_name));
        by_uid.sort_by_key(|place| uid_of(pods, *place));
        by_uid.dedup_by_key(|place| uid_of(pods, *place));
        mirrors.sort();
        named.sort_by(|a, b| key(pods, a).cmp(&key(pods, b)));
        named.dedup_by(|b, a| key(pods, a) == key(pods, b));

        pods.shrink_to_fit();
        by_name.shrink_to_fit();
        by_uid.shrink_to_fit();
        named.shrink_to_fit();
        self.shared = Shared::default();
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
        let own = self
            .by_uid
            .binary_search_by_key(&Some(uid), |place| uid_of(&self.pods, *place));
        let mirror = || {
            let first = self.mirrors.partition_point(|(hash, _)| **hash < *uid);
            self.mirrors.get(first).filter(|(hash, _)| **hash == *uid)
        };
        let place = match own {
            Ok(found) => self.by_uid.get(found),
            Err(_) => mirror().map(|(_, place)| place),
        };
        self.pod(*place?)
    }

    /// The pod of this namespace and name, on any node.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<LivingPod<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        let wanted = (namespace, name);
        let first = self
            .by_name
            .partition_point(|place| self.row(*place).is_some_and(|pod| pod.full_name() < wanted));
        self.pod(*self.by_name.get(first)?)
            .filter(|pod| (pod.namespace, pod.name) == wanted)
    }

    /// Which unfinished pods name this address.
    pub fn naming(&self, address: Address) -> impl Iterator<Item = Naming<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        let first = self.named.partition_point(|row| row.address < address);
        let from_there = self.named.get(first..).unwrap_or_default().iter();
        from_there
            .take_while(move |row| row.address == address)
            .filter_map(|row| self.shown(row))
    }

    /// Every address that an unfinished pod names, in the order of the addresses.
    pub fn named(&self) -> impl Iterator<Item = Naming<'_>> {
        debug_assert!(self.complete, "asked before it was sorted");
        self.named.iter().filter_map(|row| self.shown(row))
    }

    fn row(&self, place: usize) -> Option<&Row> {
        self.pods.get(place)
    }

    fn pod(&self, place: usize) -> Option<LivingPod<'_>> {
        self.row(place).map(Row::shown)
    }

    fn shown<'a>(&'a self, row: &'a NamedRow) -> Option<Naming<'a>> {
        Some(Naming {
            address: row.address,
            pod: self.pod(row.pod)?,
            attachment: attachment(row),
        })
    }
}

impl Row {
    fn full_name(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    fn shown(&self) -> LivingPod<'_> {
        LivingPod {
            namespace: &self.namespace,
            name: &self.name,
            uid: &self.uid,
            node: &self.node,
            finished: self.finished,
            terminating: self.terminating,
        }
    }
}

impl Shared {
    fn name(&mut self, name: String) -> Arc<str> {
        if let Some(known) = self.names.get(name.as_str()) {
            return Arc::clone(known);
        }
        let name = Arc::from(name);
        self.names.insert(Arc::clone(&name));
        name
    }

    fn attachment(&mut self, attachment: (String, String)) -> Arc<(String, String)> {
        if let Some(known) = self.attachments.get(&attachment) {
            return Arc::clone(known);
        }
        let attachment = Arc::new(attachment);
        self.attachments.insert(Arc::clone(&attachment));
        attachment
    }
}

fn attachment(row: &NamedRow) -> Option<(&str, &str)> {
    let (network, interface) = row.attachment.as_deref()?;
    Some((network, interface))
}

fn uid_of(pods: &[Row], place: usize) -> Option<&str> {
    pods.get(place).map(|pod| &*pod.uid)
}

/// What tells two rows apart: a pod that was listed twice names its addresses once.
fn key<'a>(
    pods: &'a [Row],
    row: &'a NamedRow,
) -> (Address, Option<&'a str>, Option<(&'a str, &'a str)>) {
    (row.address, uid_of(pods, row.pod), attachment(row))
}
