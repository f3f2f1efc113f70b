//! The Kubernetes cluster as it truly is, and the API server that tells of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::Result;

use crate::history::{self, What};
use crate::kubernetes::{Kubernetes, Ready, lease, network, node, pod};
use crate::loopback::Place;
use crate::real::network::HARNESS;
use crate::real::nodes::Node;
use crate::real::recorder::Recorder;

/// The cluster's name.
pub const CLUSTER: &str = "default";

/// The namespace of all pods.
pub const NAMESPACE: &str = "test";

/// A small object; nothing here depends on how large they are.
const OBJECT_SIZE: usize = 600;

/// The API server. What is done to the cluster is done here, and written down.
#[derive(Debug)]
pub struct ControlPlane {
    kubernetes: RwLock<Kubernetes>,
    recorder: Arc<Recorder>,
    /// The pods that exist, by name: there is one of each name at most.
    pods: Mutex<BTreeMap<String, Pod>>,
}

/// A pod as its object has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its node.
    pub node: String,
}

impl ControlPlane {
    /// A server on the bridge, with one pod that holds nothing: no cluster is without pods.
    pub fn start(recorder: Arc<Recorder>) -> Result<Self> {
        let kubernetes = Kubernetes::start_at(Place { ip: HARNESS })?;
        kubernetes.set_object_size(OBJECT_SIZE);
        kubernetes.put_pod(pod("kube-system", "bystander", "", ""))?;
        Ok(Self {
            kubernetes: RwLock::new(kubernetes),
            recorder,
            pods: Mutex::default(),
        })
    }

    /// How collectors reach it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.server().kubeconfig()
    }

    /// The server, to be broken.
    pub fn server(&self) -> RwLockReadGuard<'_, Kubernetes> {
        self.kubernetes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The server, to be stopped and started.
    pub fn server_to_change(&self) -> RwLockWriteGuard<'_, Kubernetes> {
        self.kubernetes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a pod that is bound to its node: `false` if there is one of its name.
    pub fn create(&self, one: &Pod) -> Result<bool> {
        let mut pods = self.pods();
        if pods.contains_key(&one.name) {
            return Ok(false);
        }
        pods.insert(one.name.clone(), one.clone());
        self.recorder.push(What::PodCreated(known(one)));
        self.put(one, &[], "Pending")?;
        Ok(true)
    }

    /// Its kubelet says that it runs, and with which addresses.
    pub fn runs(&self, one: &Pod, addresses: &[String]) -> Result<()> {
        // Nobody deletes it meanwhile.
        let pods = self.pods();
        if pods.get(&one.name) == Some(one) {
            self.put(one, addresses, "Running")?;
        }
        Ok(())
    }

    fn put(&self, one: &Pod, addresses: &[String], phase: &str) -> Result<()> {
        let object = pod(NAMESPACE, &one.name, &one.uid, &one.node).phase(phase);
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let status = network("net", "net1", &addresses);
        let shown = (!addresses.is_empty()).then_some(status);
        self.server().put_pod(object.network_status(shown))
    }

    /// The pod's object goes, if it is there still.
    pub fn delete(&self, one: &Pod) -> Result<()> {
        let mut pods = self.pods();
        if pods.get(&one.name) != Some(one) {
            return Ok(());
        }
        pods.remove(&one.name);
        self.server().delete_pod(NAMESPACE, &one.name)?;
        self.recorder.push(What::PodDeleted(known(one)));
        Ok(())
    }

    /// The objects of a node's pods go.
    pub fn delete_all_on(&self, node: &Node) -> Result<()> {
        let pods: Vec<_> = self.pods().values().cloned().collect();
        let mut here = pods.iter().filter(|pod| pod.node == node.name());
        here.try_for_each(|pod| self.delete(pod))
    }

    /// Whether the pod's object is there.
    pub fn exists(&self, one: &Pod) -> bool {
        self.pods().get(&one.name) == Some(one)
    }

    /// The node's kubelet, or who watches it, says how it is. `news`: something has changed.
    pub fn tell(&self, one: &Node, news: bool) -> Result<()> {
        let ready = one.works();
        if news {
            self.note(one, true);
        } else if !ready {
            // A kubelet that is not heard of says nothing.
            return Ok(());
        }
        let status = if ready { Ready::True } else { Ready::Unknown };
        let object = node(one.name())
            .machine_id(one.machine())
            .boot_id(&one.boot())
            .ready(status);
        self.server().put_node(object)?;
        if ready {
            self.server().put_lease(lease(one.name()))?;
        }
        Ok(())
    }

    /// The node's object goes.
    pub fn forget(&self, one: &Node) -> Result<()> {
        self.server().delete_node(one.name())?;
        self.note(one, false);
        Ok(())
    }

    fn note(&self, one: &Node, exists: bool) {
        self.recorder.push(What::Node(history::Node {
            cluster: CLUSTER.to_owned(),
            name: one.name().to_owned(),
            exists,
            ready: exists && one.works(),
            boot: one.boot(),
            out_of_service: false,
        }));
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Pod>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(one: &Pod) -> history::Pod {
    history::Pod {
        cluster: CLUSTER.to_owned(),
        namespace: NAMESPACE.to_owned(),
        name: one.name.clone(),
        uid: one.uid.clone(),
        node: one.node.clone(),
    }
}
