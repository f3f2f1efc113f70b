//! What was true of the cluster, whatever anybody's records say.

use super::Moment;
use super::hash::Map;
use crate::history::{Node, Pod};

/// Pods and nodes over time.
#[derive(Debug, Default)]
pub struct Truth<'a> {
    pods: Map<&'a str, PodLife<'a>>,
    nodes: Map<(&'a str, &'a str), Vec<(Moment, &'a Node)>>,
}

/// A pod's object in the API.
#[derive(Debug)]
pub struct PodLife<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// When it went, if it did.
    pub deleted: Option<Moment>,
}

impl<'a> Truth<'a> {
    /// A pod exists from now on.
    pub fn pod_created(&mut self, pod: &'a Pod) {
        let life = PodLife { pod, deleted: None };
        self.pods.insert(&pod.uid, life);
    }

    /// It exists no more.
    pub fn pod_deleted(&mut self, moment: Moment, pod: &'a Pod) {
        let life = self.pods.entry(&pod.uid);
        life.or_insert(PodLife { pod, deleted: None }).deleted = Some(moment);
    }

    /// A node is like this from now on.
    pub fn node(&mut self, moment: Moment, node: &'a Node) {
        let states = self.nodes.entry((&node.cluster, &node.name)).or_default();
        states.push((moment, node));
    }

    /// The pod of a uid, if it ever had an object.
    pub fn pod(&self, uid: &str) -> Option<&PodLife<'a>> {
        self.pods.get(uid)
    }

    /// Whether a pod of this name existed at some time in this stretch (milliseconds).
    pub fn pod_named(&self, cluster: &str, namespace: &str, name: &str, at: u64) -> bool {
        self.pods.values().any(|PodLife { pod, deleted }| {
            (
                pod.cluster.as_str(),
                pod.namespace.as_str(),
                pod.name.as_str(),
            ) == (cluster, namespace, name)
                && deleted.is_none_or(|deleted| deleted.at > at)
        })
    }

    /// Every state that a node had at some time between two (milliseconds), with the time from which
    /// and until which it had it.
    pub fn node_between<'s>(
        &'s self,
        cluster: &'s str,
        name: &'s str,
        from: u64,
        until: u64,
    ) -> impl Iterator<Item = (u64, u64, &'s Node)> {
        let states: &'s [(Moment, &'s Node)] = self
            .nodes
            .get(&(cluster, name))
            .map_or(&[][..], Vec::as_slice);
        let ends = states.iter().skip(1).map(|(moment, _)| moment.at);
        let ends = ends.chain([u64::MAX]);
        let states = states.iter().zip(ends);
        states
            .map(|((moment, node), end)| (moment.at, end, *node))
            .filter(move |(begin, end, _)| *begin <= until && *end >= from)
    }
}
