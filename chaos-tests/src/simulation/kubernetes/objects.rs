//! What the API holds.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use lease_gc::pods::{ListedNode, ListedPod};
use serde_json::Value;

use super::Pod;

/// The objects of a cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    pub(super) nodes: BTreeMap<String, Arc<Kept<ListedNode>>>,
    pub(super) pods: BTreeMap<(String, String), Arc<PodObject>>,
}

/// A pod, and what the collector reads of it.
#[derive(Debug)]
pub(super) struct PodObject {
    pub(super) pod: Pod,
    pub(super) kept: Kept<ListedPod>,
}

/// An object of the API, read by the collector's parser once somebody lists it.
#[derive(Debug)]
pub(super) struct Kept<T> {
    json: Value,
    listed: OnceLock<Result<T, String>>,
}

impl Mark {
    /// The pod of a uid.
    pub(super) fn pod(&self, uid: &str) -> Option<&Arc<PodObject>> {
        self.pods.values().find(|object| object.pod.uid == uid)
    }

    /// Writes a pod's object.
    pub(super) fn put(&mut self, pod: Pod) {
        let key = (pod.namespace.clone(), pod.name.clone());
        let kept = Kept::new(pod.json());
        self.pods.insert(key, Arc::new(PodObject { pod, kept }));
    }

    /// Takes a pod's object away.
    pub(super) fn take(&mut self, uid: &str) -> Option<Arc<PodObject>> {
        let pod = &self.pod(uid)?.pod;
        let key = (pod.namespace.clone(), pod.name.clone());
        self.pods.remove(&key)
    }

    /// Of these pods, those that are not in it.
    pub(super) fn lacks<'a>(&self, pods: impl IntoIterator<Item = &'a Arc<PodObject>>) -> Vec<Pod> {
        let pods = pods.into_iter().map(|object| &object.pod);
        pods.filter(|pod| self.pod(&pod.uid).is_none())
            .cloned()
            .collect()
    }
}

impl<T: for<'de> serde::Deserialize<'de> + Clone> Kept<T> {
    /// An object that nobody has read yet.
    pub(super) const fn new(json: Value) -> Self {
        Self {
            json,
            listed: OnceLock::new(),
        }
    }

    /// What the collector's parser makes of it.
    pub(super) fn listed(&self) -> Result<T, String> {
        let read = || T::deserialize(&self.json).map_err(|error| error.to_string());
        self.listed.get_or_init(read).clone()
    }
}
