//! All objects of a cluster at one time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::object::{Key, Object};
use super::resource::Resource;

/// The objects of one resource, in the order of lists.
pub(super) type Objects = BTreeMap<Key, Arc<Object>>;

/// The objects of a cluster at one version.
#[derive(Clone, Debug, Default)]
pub(super) struct Cluster {
    /// Grows with every change.
    pub(super) version: u64,
    objects: BTreeMap<Resource, Objects>,
}

/// What a cluster held at one moment.
#[derive(Clone, Debug)]
pub struct Mark(pub(super) Arc<Cluster>);

impl Cluster {
    /// One object.
    pub(super) fn get(&self, resource: Resource, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(&resource)?.get(key)
    }

    /// The objects of a resource, in one namespace or in all, in the order of lists.
    pub(super) fn list(&self, resource: Resource, namespace: Option<&str>) -> Vec<Arc<Object>> {
        let all = self.objects.get(&resource).into_iter().flatten();
        let chosen = all.filter(|((of, _), _)| namespace.is_none_or(|wanted| wanted == of));
        chosen.map(|(_, object)| Arc::clone(object)).collect()
    }

    /// Puts an object in its place, and gives the one that was there.
    pub(super) fn put(
        &mut self,
        resource: Resource,
        key: Key,
        object: Arc<Object>,
    ) -> Option<Arc<Object>> {
        self.objects
            .entry(resource)
            .or_default()
            .insert(key, object)
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, resource: Resource, key: &Key) -> Option<Arc<Object>> {
        self.objects.get_mut(&resource)?.remove(key)
    }
}
