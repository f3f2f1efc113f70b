//! A simulated kubelet with its container runtime: it gives the pods of one node their containers, and the
//! containers their interfaces, as real ones do and as they fail to.
//!
//! A container has its addresses from the moment at which its ADD's success was delivered until its sandbox
//! is torn down, which the runtime begins by ending what runs in it; DEL comes after that, or never.
//! (Some main plugins remove the interface only after the IPAM plugin's DEL, a few milliseconds in which
//! nobody speaks for the address any more.) A GC call is never beside another of its runtime.

mod call;
mod habits;
mod pod;
mod workload;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ipam_plugin::cni::command::Command;
use ipam_plugin::config::{NodeFile, node_file};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::{RwLock, mpsc};
use tokio::task::JoinHandle;

use super::etcd::Cluster;
use super::node::{Node, Program};
use super::recorder::Recorder;
use crate::history::{self, Attachment, Interface, Outcome, What};

pub use habits::Habits;
pub use workload::Workload;

use pod::Wish;

/// A network that pods are attached to.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its CNI name.
    pub name: String,
    /// Its address space's name, as it stands in the keys.
    pub space: String,
    /// The interface that a container has in it.
    pub interface: String,
    /// The `ipam` section of its configuration.
    pub ipam: Value,
}

/// A pod, as its node knows it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// As the API knows it.
    pub identity: history::Pod,
    /// The uid that the runtime passes to plugins: for a static pod the hash of its configuration, and
    /// nothing where the runtime is old.
    pub told_uid: String,
    /// Which of the node's networks it is attached to.
    pub networks: Vec<usize>,
    /// Whether the API is told its addresses, as Multus does and a plugin by itself does not.
    pub is_annotated: bool,
}

impl Pod {
    /// Whether it is a static pod, of which the API has a mirror with another uid.
    pub fn is_static(&self) -> bool {
        !self.told_uid.is_empty() && self.told_uid != self.identity.uid
    }
}

/// What is told to the Kubernetes API.
pub trait Api {
    /// A pod is made and bound to a node; a mirror of a static pod has the hash of its configuration.
    /// Its uid.
    fn create(&self, namespace: &str, name: &str, hash: Option<&str>, node: &str) -> String;
    /// It runs, with these addresses.
    fn running(&self, pod: &Pod, addresses: &[IpAddr]);
    /// Its containers have failed; its sandbox may live on.
    fn failed(&self, pod: &Pod);
    /// Its deletion was asked for.
    fn terminating(&self, pod: &Pod);
    /// Its object is gone, if it was still there.
    fn deleted(&self, pod: &Pod);
    /// A node is down.
    fn down(&self, node: &Node);
    /// A node has started again.
    fn booted(&self, node: &Node);
}

/// The kubelet and the runtime of one node. A clone is the same.
#[derive(Clone)]
pub struct Runtime {
    shared: Rc<Shared>,
}

/// What all runtimes of a run share.
#[derive(Clone)]
pub struct World {
    /// The name of the Kubernetes cluster.
    pub cluster: String,
    /// The networks that the nodes have.
    pub networks: Rc<[Network]>,
    /// The plugin.
    pub program: Program,
    /// etcd.
    pub etcd: Cluster,
    /// The Kubernetes API.
    pub api: Rc<dyn Api>,
    /// The history.
    pub recorder: Recorder,
}

struct Shared {
    world: World,
    node: Node,
    node_file: Option<NodeFile>,
    habits: Cell<Habits>,
    rng: RefCell<StdRng>,
    /// ADD, DEL and CHECK share it; GC has it alone.
    verbs: RwLock<()>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The machine is off.
    off: bool,
    pods: BTreeMap<String, Kept>,
    /// Which sandboxes there are, and the pod of each.
    sandboxes: BTreeMap<String, Pod>,
    up: BTreeMap<Attachment, Interface>,
    /// How many processes are at work for an attachment.
    at_work: BTreeMap<Attachment, u32>,
    containers: u64,
}

/// A pod and who looks after it.
struct Kept {
    pod: Pod,
    /// A kubelet that starts again does not give it a container.
    is_to_end: bool,
    wishes: mpsc::UnboundedSender<Wish>,
    task: Option<JoinHandle<()>>,
}

impl Runtime {
    /// The runtime of a node, with these habits. Most nodes have a file that says where etcd is.
    pub fn new(world: World, node: Node, habits: Habits, mut rng: StdRng) -> Self {
        let has_file = rng.random_bool(0.7);
        let node_file = has_file.then(|| node_file(&world.networks)).flatten();
        Self {
            shared: Rc::new(Shared {
                world,
                node,
                node_file,
                habits: Cell::new(habits),
                rng: RefCell::new(rng),
                verbs: RwLock::new(()),
                state: RefCell::default(),
            }),
        }
    }

    /// Its node.
    pub fn node(&self) -> &Node {
        &self.shared.node
    }

    /// Changes what it does wrong, from the next call on.
    pub fn set_habits(&self, habits: Habits) {
        self.shared.habits.set(habits);
    }

    /// Gives a pod its container, as soon as the machine runs.
    pub fn start(&self, pod: Pod) {
        self.keep(pod, None, Duration::ZERO);
    }

    /// Ends a pod. Its object goes once its sandbox was torn down.
    pub fn stop(&self, uid: &str) {
        let mut state = self.state();
        if state.off {
            // Nothing of it is left to be torn down.
            if let Some(kept) = state.pods.remove(uid) {
                self.world().api.deleted(&kept.pod);
            }
        } else if let Some(kept) = state.pods.get_mut(uid) {
            kept.is_to_end = true;
            kept.wish(Wish::Stop);
        }
    }

    /// Calls ADD again for a container that runs.
    pub fn add_again(&self, uid: &str) {
        self.wish(uid, Wish::AddAgain);
    }

    /// Calls CHECK for a container that runs.
    pub fn check(&self, uid: &str) {
        self.wish(uid, Wish::Check);
    }

    /// Stops a container and starts it again under the same id.
    pub fn restart(&self, uid: &str) {
        self.wish(uid, Wish::Restart);
    }

    fn wish(&self, uid: &str, wish: Wish) {
        if let Some(kept) = self.state().pods.get(uid) {
            kept.wish(wish);
        }
    }

    /// The uids of its pods.
    pub fn pods(&self) -> Vec<String> {
        self.state().pods.keys().cloned().collect()
    }

    /// The API loses the objects of its pods, and they run on. Their uids.
    pub fn forsake(&self) -> Vec<String> {
        let state = self.state();
        for kept in state.pods.values() {
            self.world().api.deleted(&kept.pod);
        }
        state.pods.keys().cloned().collect()
    }

    /// The interfaces that are up.
    pub fn up(&self) -> Vec<Attachment> {
        self.state().up.keys().cloned().collect()
    }

    /// Whether all pods have all their interfaces and no process of the plugin is at work.
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        let wanted: usize = state.pods.values().map(|it| it.pod.networks.len()).sum();
        !state.off && wanted == state.up.len() && self.node().processes().is_empty()
    }

    /// Asks whether an ADD in this network could be served.
    pub async fn status(&self, network: usize) -> Option<Outcome> {
        if self.state().off {
            return None;
        }
        let network = self.world().networks.get(network)?.clone();
        let config = network.config();
        let attachment = self.attachment(&network, "", "");
        Some(
            self.call(Command::Status, attachment, "", config, None)
                .await,
        )
    }

    /// Calls GC for a network, with the list of what lives, when no other call is under way.
    pub async fn gc(&self, network: usize) -> Option<Outcome> {
        let network = self.world().networks.get(network)?.clone();
        let _alone = self.shared.verbs.write().await;
        let config = {
            let state = self.state();
            if state.off {
                return None;
            }
            network.gc_config(state.sandboxes.keys())
        };
        let attachment = self.attachment(&network, "", "");
        Some(self.call(Command::Gc, attachment, "", config, None).await)
    }

    /// The machine goes down at once, is off for so long, and gives its pods their containers anew.
    pub async fn reboot(&self, off: Duration) {
        if std::mem::replace(&mut self.state().off, true) {
            return;
        }
        let tasks: Vec<_> = {
            let mut state = self.state();
            let kept = state.pods.values_mut();
            kept.filter_map(|kept| kept.task.take()).collect()
        };
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        for (_, interface) in std::mem::take(&mut self.state().up) {
            self.world().recorder.push(What::Down(interface));
        }
        let sandboxes = std::mem::take(&mut self.state().sandboxes);
        self.node().reboot();
        self.world().api.down(self.node());
        tokio::time::sleep(off).await;
        self.state().off = false;
        self.world().api.booted(self.node());
        let pods: Vec<_> = {
            let mut state = self.state();
            let over = state.pods.extract_if(.., |_, kept| kept.is_to_end);
            over.for_each(|(_, kept)| self.world().api.deleted(&kept.pod));
            state.pods.values().map(|kept| kept.pod.clone()).collect()
        };
        for pod in pods {
            let of = |other: &Pod| other.identity.uid == pod.identity.uid;
            let mut before = sandboxes.iter().filter(|(_, other)| of(other));
            let same = before.next().map(|(container, _)| container.clone());
            let same = same.filter(|_| self.happens(self.habits().same_container));
            let is_slow = self.happens(self.habits().slow_start);
            let wait = is_slow.then(|| self.moment(0..60_000));
            self.keep(pod, same, wait.unwrap_or_default());
        }
    }

    /// Looks after a pod as soon as the machine runs, from so long after on.
    fn keep(&self, pod: Pod, container: Option<String>, wait: Duration) {
        let (wishes, heard) = mpsc::unbounded_channel();
        let uid = pod.identity.uid.clone();
        let task = (!self.state().off).then(|| {
            let (kubelet, pod) = (self.clone(), pod.clone());
            tokio::task::spawn_local(async move {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                kubelet.look_after(pod, container, heard).await;
            })
        });
        let kept = Kept {
            pod,
            is_to_end: false,
            wishes,
            task,
        };
        self.state().pods.insert(uid, kept);
    }

    fn attachment(&self, network: &Network, container: &str, interface: &str) -> Attachment {
        Attachment {
            cluster: self.world().cluster.clone(),
            node: self.node().name().to_owned(),
            network: network.name.clone(),
            container: container.to_owned(),
            interface: interface.to_owned(),
        }
    }

    fn world(&self) -> &World {
        &self.shared.world
    }

    fn habits(&self) -> Habits {
        self.shared.habits.get()
    }

    fn state(&self) -> std::cell::RefMut<'_, State> {
        self.shared.state.borrow_mut()
    }

    fn happens(&self, chance: f64) -> bool {
        chance > 0.0 && self.shared.rng.borrow_mut().random_bool(chance)
    }

    /// A random time between the two, in milliseconds.
    fn moment(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.shared.rng.borrow_mut().random_range(range))
    }

    /// Chance for somebody else.
    fn fork(&self) -> StdRng {
        StdRng::from_rng(&mut *self.shared.rng.borrow_mut())
    }
}

/// What an installer leaves on a node: where the etcd of the networks is.
fn node_file(networks: &[Network]) -> Option<NodeFile> {
    let content = json!({"etcd": networks.first()?.ipam["etcd"]});
    let path = Path::new(node_file::USUAL[1]);
    NodeFile::parse(path, content.to_string().as_bytes()).ok()
}

impl Kept {
    fn wish(&self, wish: Wish) {
        // One that nobody hears is about a pod that is already gone.
        let _ = self.wishes.send(wish);
    }
}
