//! What the server knows, shared by the test and the requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::ballast;
use super::cluster::{Cluster, Mark};
use super::fault::Faults;
use super::list::Lists;
use super::node;
use super::object::{Key, Object, key_of};
use super::request::Request;
use super::resource::{self, Resource};
use crate::random::uuid;

/// The state and who may see it.
#[derive(Debug)]
pub(super) struct Shared {
    /// What a client must show.
    pub(super) token: String,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) cluster: Cluster,
    pub(super) lists: Lists,
    pub(super) faults: Faults,
    pub(super) requests: Vec<Request>,
    /// In the order of their versions.
    pub(super) changes: Vec<Change>,
    /// The changes up to this version are forgotten.
    pub(super) forgotten: u64,
    /// Tells watches the version after every change.
    pub(super) changed: watch::Sender<u64>,
    ballast: Arc<str>,
}

/// A change of one object, as watches tell it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) resource: Resource,
    pub(super) namespace: String,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) kind: &'static str,
    pub(super) object: Arc<Object>,
}

impl Shared {
    /// An empty cluster for clients with this token.
    pub(super) fn new(token: String) -> Self {
        let state = State {
            cluster: Cluster::default(),
            lists: Lists::default(),
            faults: Faults::default(),
            requests: Vec::new(),
            changes: Vec::new(),
            forgotten: 0,
            changed: watch::Sender::new(0),
            ballast: ballast::managed_fields(ballast::USUAL),
        };
        Self {
            token,
            state: Mutex::new(state),
        }
    }

    /// The state, for a moment.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while it held the state has failed the test already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates or replaces an object.
    pub(super) fn put(&self, resource: Resource, value: Value) -> Result<()> {
        self.state().put(resource, value)?;
        Ok(())
    }

    /// Deletes an object; fails if there is none.
    pub(super) fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<()> {
        let key = (namespace.to_owned(), name.to_owned());
        self.state().delete(resource, &key)
    }
}

impl State {
    /// Creates or replaces an object, and its namespace if that is missing.
    pub(super) fn put(&mut self, resource: Resource, mut value: Value) -> Result<Arc<Object>> {
        let key = key_of(&value)?;
        if resource.is_namespaced() && !self.has_namespace(&key.0) {
            self.put(Resource::Namespaces, resource::namespace(&key.0))?;
        }
        let version = self.cluster.version + 1;
        let before = self.cluster.get(resource, &key);
        let before = before.map(|object| object.value()).transpose()?;
        if resource == Resource::Nodes {
            node::date_transition(&mut value, before.as_ref());
        }
        let metadata = &mut value["metadata"];
        metadata["resourceVersion"] = version.to_string().into();
        for (field, fresh) in [
            ("uid", uuid()),
            ("creationTimestamp", seconds(Timestamp::now())),
        ] {
            if metadata[field].is_null() {
                let kept = before.as_ref().map(|object| &object["metadata"][field]);
                metadata[field] = kept.cloned().unwrap_or_else(|| fresh.into());
            }
        }
        let ballast = match resource {
            Resource::Pods | Resource::Nodes => Arc::clone(&self.ballast),
            Resource::Namespaces
            | Resource::ConfigMaps
            | Resource::Leases
            | Resource::Events
            | Resource::Networks => Arc::from(""),
        };
        let object = Arc::new(Object::new(resource, value, ballast)?);
        let kind = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.cluster.put(resource, key.clone(), Arc::clone(&object));
        self.record(resource, key, kind, Arc::clone(&object));
        Ok(object)
    }

    /// Deletes an object; fails if there is none.
    fn delete(&mut self, resource: Resource, key: &Key) -> Result<()> {
        let Some(object) = self.cluster.remove(resource, key) else {
            bail!("no {} {key:?}", resource.plural());
        };
        // The last that watches see of an object carries the version of its deletion.
        let mut value = object.value()?;
        value["metadata"]["resourceVersion"] = (self.cluster.version + 1).to_string().into();
        let last = Object::new(resource, value, Arc::from(""))?;
        self.record(resource, key.clone(), "DELETED", Arc::new(last));
        Ok(())
    }

    fn record(&mut self, resource: Resource, key: Key, kind: &'static str, object: Arc<Object>) {
        self.cluster.version += 1;
        self.changes.push(Change {
            version: self.cluster.version,
            resource,
            namespace: key.0,
            kind,
            object,
        });
        self.changed.send_replace(self.cluster.version);
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        let key = (String::new(), name.to_owned());
        self.cluster.get(Resource::Namespaces, &key).is_some()
    }

    /// All objects of a resource.
    pub(super) fn all(&self, resource: Resource) -> Result<Vec<Value>> {
        let objects = self.cluster.list(resource, None);
        let values = objects.iter().map(|object| object.value());
        values
            .collect::<Result<_>>()
            .context("an object is no JSON")
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(Arc::new(self.cluster.clone()))
    }

    pub(super) fn forget_changes(&mut self) {
        self.changes.clear();
        self.forgotten = self.cluster.version;
    }

    pub(super) fn set_object_size(&mut self, bytes: usize) {
        self.ballast = ballast::managed_fields(bytes);
    }
}

/// A `metav1.Time`.
pub(super) fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}
