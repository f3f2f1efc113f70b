//! A Kubernetes API server of one test: real HTTPS, real paging and watching, and faults on demand.
//!
//! It serves what the collector asks for (pods, nodes, namespaces, kubelet leases, events),
//! definitions of networks and config maps, in the shapes that
//! [the API's concepts](https://kubernetes.io/docs/reference/using-api/api-concepts/)
//! describe, from objects that the test puts there. Of schemas it checks those of what clients write.

mod ballast;
mod cluster;
mod config_map;
mod event;
mod fault;
mod handler;
mod lease;
mod list;
mod node;
mod object;
mod pod;
mod request;
mod resource;
mod server;
mod state;
mod status;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use self::cluster::Mark;
pub use self::fault::{Fault, Hold, When, on};
pub use self::lease::{Lease, lease};
pub use self::node::{Node, Ready, node};
pub use self::pod::{Pod, network, pod};
pub use self::request::{Request, Verb};
pub use self::resource::Resource;

use self::server::Tls;
use self::state::Shared;
use crate::certs::Authority;
use crate::loopback::Place;
use crate::random::hex;

/// An API server with the namespaces of a fresh cluster and nothing else. Dropping it ends every
/// connection to it.
#[derive(Debug)]
pub struct Kubernetes {
    /// Runs the server; `None` while nobody listens. Dropped before what it serves.
    server: Option<Runtime>,
    shared: Arc<Shared>,
    tls: Tls,
    place: Place,
    home: TempDir,
}

impl Kubernetes {
    /// A server that listens, somewhere on loopback.
    pub fn start() -> Result<Self> {
        Self::start_at(Place::free()?)
    }

    /// A server that listens here.
    pub fn start_at(place: Place) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("kubernetes-").tempdir()?;
        let authority = Authority::new(home.path(), "kubernetes-ca")?;
        let token = hex();
        let mut kubernetes = Self {
            server: None,
            tls: Tls::new(&authority.server(place.ip.into())?)?,
            shared: Arc::new(Shared::new(token.clone())),
            place,
            home,
        };
        let ca_file = authority.ca_file.display().to_string();
        let config = kubernetes.access(&ca_file, &token);
        std::fs::write(kubernetes.kubeconfig(), config.to_string())?;
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            kubernetes.put_namespace(name)?;
        }
        kubernetes.listen()?;
        Ok(kubernetes)
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.place.ip, Place::CLIENT_PORT)
    }

    /// The certificate (PEM) of the authority that vouches for the server.
    pub fn ca_file(&self) -> PathBuf {
        self.home.path().join("kubernetes-ca.crt")
    }

    /// A kubeconfig with a token; whoever shows no token or another one gets 401.
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// The token in the kubeconfig.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    fn access(&self, ca_file: &str, token: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{
                "name": "test",
                "cluster": {"server": self.url(), "certificate-authority": ca_file},
            }],
            "users": [{"name": "test", "user": {"token": token}}],
        })
    }

    /// Closes the port and every connection: who connects is refused.
    pub fn stop_listening(&mut self) {
        self.server = None;
    }

    /// Listens again, on the same address and port.
    pub fn listen(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "the server listens already");
        let shared = Arc::clone(&self.shared);
        self.server = Some(server::listen(self.place, &self.tls, shared)?);
        Ok(())
    }

    /// Creates or replaces a pod. Its namespace is created if it lacks; uid, creation time and
    /// resource version are filled in.
    pub fn put_pod(&self, pod: impl Into<Value>) -> Result<()> {
        self.shared.put(Resource::Pods, pod.into())
    }

    /// Deletes a pod; fails if there is none.
    pub fn delete_pod(&self, namespace: &str, name: &str) -> Result<()> {
        self.shared.delete(Resource::Pods, namespace, name)
    }

    /// Creates or replaces a node. A `Ready` condition without `lastTransitionTime` keeps the one
    /// of the node that it replaces, or has changed now if its status differs from that one's.
    pub fn put_node(&self, node: impl Into<Value>) -> Result<()> {
        self.shared.put(Resource::Nodes, node.into())
    }

    /// Deletes a node; fails if there is none.
    pub fn delete_node(&self, name: &str) -> Result<()> {
        self.shared.delete(Resource::Nodes, "", name)
    }

    /// Creates or replaces a lease.
    pub fn put_lease(&self, lease: impl Into<Value>) -> Result<()> {
        self.shared.put(Resource::Leases, lease.into())
    }

    /// Deletes a lease; fails if there is none.
    pub fn delete_lease(&self, namespace: &str, name: &str) -> Result<()> {
        self.shared.delete(Resource::Leases, namespace, name)
    }

    /// Creates or replaces the definition of a network, whose configuration is this text.
    pub fn put_network(&self, namespace: &str, name: &str, config: &str) -> Result<()> {
        let definition = json!({
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"config": config},
        });
        self.shared.put(Resource::Networks, definition)
    }

    /// Creates or replaces a config map with this data.
    pub fn put_config_map(&self, namespace: &str, name: &str, data: &Value) -> Result<()> {
        let map = json!({"metadata": {"namespace": namespace, "name": name}, "data": data});
        self.shared.put(Resource::ConfigMaps, map)
    }

    /// A config map, if there is one of this name.
    pub fn config_map(&self, namespace: &str, name: &str) -> Result<Option<Value>> {
        let key = (namespace.to_owned(), name.to_owned());
        let state = self.shared.state();
        let found = state.cluster.get(Resource::ConfigMaps, &key);
        found.map(|object| object.value()).transpose()
    }

    /// Creates a namespace.
    pub fn put_namespace(&self, name: &str) -> Result<()> {
        self.shared
            .put(Resource::Namespaces, resource::namespace(name))
    }

    /// Makes this another cluster: the uid of its namespace `kube-system` is what clusters are told
    /// apart by.
    pub fn set_cluster_uid(&self, uid: &str) -> Result<()> {
        let mut namespace = resource::namespace("kube-system");
        namespace["metadata"]["uid"] = uid.into();
        self.shared.put(Resource::Namespaces, namespace)
    }

    /// From now on, how large a pod or a node is about (bytes of JSON; 5,000 unless set). What
    /// fills it up, its `managedFields`, is stored once for all.
    pub fn set_object_size(&self, bytes: usize) {
        self.shared.state().set_object_size(bytes);
    }

    /// The events that were written, as they stand now.
    pub fn events(&self) -> Result<Vec<Value>> {
        self.shared.state().all(Resource::Events)
    }

    /// What the cluster holds now, to be served later by [`Fault::Stale`].
    pub fn mark(&self) -> Mark {
        self.shared.state().mark()
    }

    /// Forgets what has changed so far: a watch from an earlier version is told 410.
    pub fn forget_changes(&self) {
        self.shared.state().forget_changes();
    }

    /// From now on, answers such requests so. What was asked for first goes first.
    pub fn fail(&self, when: When, fault: Fault) {
        self.shared.state().faults.add(when, fault);
    }

    /// No more faults; what hangs goes on hanging.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// How many requests were struck by a fault so far.
    pub fn struck(&self) -> usize {
        self.shared.state().faults.struck()
    }

    /// Every request so far, also those that were refused.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// How many requests there were so far.
    pub fn request_count(&self) -> usize {
        self.shared.state().requests.len()
    }
}
