//! A simulated Kubernetes cluster: nodes and pods as the API has them, and what its readers see of them
//! on good days and bad.
//!
//! Every object goes to the collector through the collector's own parser. What truly is goes to the
//! history.

mod node;
mod objects;
mod pod;
mod view;
mod weather;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt as _;
use rand::rngs::StdRng;
use store::clock::Clock as _;
use tokio::sync::Notify;

use super::clock::{SimClock, Wall};
use crate::history::{self, What};
use crate::random::uuid_of;

pub use self::node::{Node, Object, Ready};
pub use self::objects::Mark;
pub use self::pod::{Network, NewPod, Phase, Pod};
pub use self::view::{SimSource, SimView};
pub use self::weather::{Tally, Trouble, Weather};

use self::objects::{Kept, PodObject};

/// How often kubelets report and the node controller looks.
pub const BEAT: Duration = Duration::from_secs(10);
/// After so long without a report a node's readiness is unknown.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Hears what is true of the cluster.
pub type Observer = Box<dyn FnMut(What) + Send>;

/// A cluster. A clone is the same cluster.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    clock: SimClock,
    state: Mutex<State>,
    /// Told when a pod was deleted.
    deleted: Notify,
}

struct State {
    uid: String,
    rng: StdRng,
    observer: Observer,
    nodes: BTreeMap<String, Node>,
    objects: Mark,
    /// Whether the API is down for everybody, kubelets and controllers included.
    down: bool,
    weather: BTreeMap<String, Weather>,
    tally: BTreeMap<String, Tally>,
    /// The uids of all pods that were deleted, in their order.
    deletions: Vec<String>,
}

/// What a restored backup changed.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Pods that the backup does not have.
    pub vanished: Vec<Pod>,
    /// Pods that were deleted since, and are there again.
    pub returned: Vec<Pod>,
}

impl Cluster {
    /// A cluster without nodes. It has one pod, of its own system, as every real cluster has some: a
    /// list without any pods is nothing that a collector believes.
    pub fn new(name: &str, clock: SimClock, mut rng: StdRng, observer: Observer) -> Self {
        let mut objects = Mark::default();
        objects.put(Pod {
            namespace: "kube-system".to_owned(),
            name: "scheduler".to_owned(),
            uid: uuid_of(rng.random()),
            mirrors: None,
            node: String::new(),
            phase: Phase::Running,
            deletion: None,
            ips: Vec::new(),
            networks: None,
        });
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                clock,
                state: Mutex::new(State {
                    uid: uuid_of(rng.random()),
                    rng,
                    observer,
                    nodes: BTreeMap::new(),
                    objects,
                    down: false,
                    weather: BTreeMap::new(),
                    tally: BTreeMap::new(),
                    deletions: Vec::new(),
                }),
                deleted: Notify::new(),
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What a process sees of it. It is named, so that it can have a weather of its own.
    pub fn view(&self, reader: &str) -> SimView {
        SimView::new(self.clone(), reader)
    }

    /// Sets what a reader meets from now on; what is under way goes on as it began.
    pub fn set_weather(&self, reader: &str, weather: Weather) {
        self.state().weather.insert(reader.to_owned(), weather);
    }

    /// Takes the API down, or brings it back, for everybody: kubelets and controllers included.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// What the requests of a reader have met so far.
    pub fn tally(&self, reader: &str) -> Tally {
        self.state().tally.get(reader).cloned().unwrap_or_default()
    }

    /// Adds a machine whose kubelet starts now and makes its Node object. One of a name that is known
    /// takes that one's place.
    pub fn add_node(&self, name: &str, machine: &str, boot: &str) {
        let node = Node {
            name: name.to_owned(),
            machine: machine.to_owned(),
            boot: boot.to_owned(),
            wall: Wall::default(),
            kubelet: true,
            lease: None,
            object: None,
        };
        let now = self.now();
        let mut state = self.state();
        let before = state.nodes.insert(name.to_owned(), node);
        let object = before.and_then(|before| before.object);
        self.change(&mut state, name, |node| {
            node.object = object;
            node.register(now);
        });
    }

    /// Has a node's kubelet tell times by this clock, and not by the right one.
    pub fn set_wall(&self, name: &str, wall: &Wall) {
        if let Some(node) = self.state().nodes.get_mut(name) {
            node.wall = wall.clone();
        }
    }

    /// A node as it is.
    pub fn node(&self, name: &str) -> Option<Node> {
        self.state().nodes.get(name).cloned()
    }

    /// All nodes, in the order of their names, those without an object included.
    pub fn nodes(&self) -> Vec<Node> {
        self.state().nodes.values().cloned().collect()
    }

    /// The machine boots: whatever ran there is gone. The API hears of it when the kubelet reports.
    pub fn reboot(&self, name: &str, boot: &str) {
        let mut state = self.state();
        self.change(&mut state, name, |node| {
            boot.clone_into(&mut node.boot);
            node.kubelet = false;
        });
    }

    /// The kubelet starts, or is heard again, and reports; one that starts also makes the Node object
    /// where the API lacks it.
    pub fn start_kubelet(&self, name: &str) {
        let now = self.now();
        let mut state = self.state();
        let down = state.down;
        self.change(&mut state, name, |node| {
            node.kubelet = true;
            if !down {
                node.register(now);
            }
        });
    }

    /// The kubelet dies, or its node is cut off from the API: it reports no more. [`PATIENCE`] later
    /// the node controller says so.
    pub fn silence_kubelet(&self, name: &str) {
        let mut state = self.state();
        self.change(&mut state, name, |node| node.kubelet = false);
    }

    /// Sets a node's `Ready` condition at once; a kubelet that reports turns it back.
    pub fn set_ready(&self, name: &str, ready: Ready) {
        let now = self.now();
        let mut state = self.state();
        self.change(&mut state, name, |node| {
            if let Some(object) = &mut node.object {
                object.turn(ready, now);
            }
        });
    }

    /// An operator says that a node's machine is off, or takes it back. A taint that stands is not set anew.
    pub fn set_out_of_service(&self, name: &str, out_of_service: bool) {
        let now = self.now();
        let mut state = self.state();
        self.change(&mut state, name, |node| {
            if let Some(object) = &mut node.object {
                let since = object.out_of_service.unwrap_or(now);
                object.out_of_service = out_of_service.then_some(since);
            }
        });
    }

    /// Deletes a node's object and its kubelet's lease, which a kubelet that runs makes again. The
    /// pods that are bound to it stay until somebody deletes them.
    pub fn delete_node(&self, name: &str) {
        let mut state = self.state();
        self.change(&mut state, name, |node| {
            node.object = None;
            node.lease = None;
        });
    }

    /// What kubelets and the node controller do by themselves, for ever: those that run report, those
    /// that are not heard become `Unknown`.
    pub async fn control(&self) {
        loop {
            self.shared.clock.sleep(BEAT).await;
            self.beat();
        }
    }

    fn beat(&self) {
        let now = self.now();
        let mut state = self.state();
        if state.down {
            return;
        }
        let names: Vec<String> = state.nodes.keys().cloned().collect();
        for name in names {
            self.change(&mut state, &name, |node| {
                if node.kubelet {
                    return node.report(now);
                }
                let Some(object) = &mut node.object else {
                    return;
                };
                let silent = now.duration_since(object.heard);
                if Duration::try_from(silent).is_ok_and(|silent| silent > PATIENCE) {
                    object.turn(Ready::Unknown, now);
                }
            });
        }
    }

    /// Makes a pod that is `Pending`, and gives its uid.
    pub fn create_pod(&self, new: NewPod) -> String {
        let mut state = self.state();
        let pod = Pod {
            namespace: new.namespace,
            name: new.name,
            uid: uuid_of(state.rng.random()),
            mirrors: new.mirrors,
            node: new.node,
            phase: Phase::Pending,
            deletion: None,
            ips: Vec::new(),
            networks: None,
        };
        let uid = pod.uid.clone();
        (state.observer)(What::PodCreated(self.told(&pod)));
        state.objects.put(pod);
        uid
    }

    /// Sets a pod's phase. Like every change of a pod that is gone, it does nothing then.
    pub fn set_phase(&self, uid: &str, phase: Phase) {
        self.state().change_pod(uid, |pod| pod.phase = phase);
    }

    /// Sets `status.podIPs`, as the kubelet does.
    pub fn set_ips(&self, uid: &str, ips: Vec<String>) {
        self.state().change_pod(uid, |pod| pod.ips = ips);
    }

    /// Sets the network-status annotation, as Multus does.
    pub fn set_networks(&self, uid: &str, networks: Vec<Network>) {
        self.state()
            .change_pod(uid, |pod| pod.networks = Some(networks));
    }

    /// Asks for a pod's deletion: it is terminating from now on, until [`Cluster::delete_pod`].
    pub fn terminate_pod(&self, uid: &str) {
        let now = self.now();
        self.state().change_pod(uid, |pod| {
            pod.deletion.get_or_insert(now);
        });
    }

    /// Takes a pod's object away: the kubelet has finished with it, or it is deleted by force. `false`
    /// if it was gone already.
    pub fn delete_pod(&self, uid: &str) -> bool {
        let mut state = self.state();
        let Some(object) = state.objects.take(uid) else {
            return false;
        };
        (state.observer)(What::PodDeleted(self.told(&object.pod)));
        state.deletions.push(uid.to_owned());
        drop(state);
        self.shared.deleted.notify_waiters();
        true
    }

    /// A pod.
    pub fn pod(&self, uid: &str) -> Option<Pod> {
        self.state()
            .objects
            .pod(uid)
            .map(|object| object.pod.clone())
    }

    /// The pod of this namespace and name.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<Pod> {
        let key = (namespace.to_owned(), name.to_owned());
        let state = self.state();
        state
            .objects
            .pods
            .get(&key)
            .map(|object| object.pod.clone())
    }

    /// All pods, by namespace and name.
    pub fn pods(&self) -> Vec<Pod> {
        let state = self.state();
        let pods = state.objects.pods.values();
        pods.map(|object| object.pod.clone()).collect()
    }

    /// What the API holds now, for [`Trouble::Stale`] and [`Cluster::restore`].
    pub fn mark(&self) -> Mark {
        self.state().objects.clone()
    }

    /// Brings the pods of a backup back. Nodes report what they are anew, so that theirs are not.
    pub fn restore(&self, backup: &Mark) -> Restored {
        let mut state = self.state();
        let now: Vec<Arc<PodObject>> = state.objects.pods.values().cloned().collect();
        let vanished = backup.lacks(&now);
        let returned = state.objects.lacks(backup.pods.values());
        for pod in &vanished {
            (state.observer)(What::PodDeleted(self.told(pod)));
        }
        state.objects.pods.clone_from(&backup.pods);
        for pod in &returned {
            (state.observer)(What::PodCreated(self.told(pod)));
        }
        Restored { vanished, returned }
    }

    /// Changes a node, writes its object anew, and tells what is true of it now, where that is not
    /// what was. Nothing happens where there is no such node.
    fn change(&self, state: &mut State, name: &str, change: impl FnOnce(&mut Node)) {
        let Some(node) = state.nodes.get_mut(name) else {
            return;
        };
        let before = self.truth(node);
        let new = node.object.is_none();
        change(node);
        let truth = self.truth(node);
        match node.json() {
            Some(json) => {
                let object = Arc::new(Kept::new(json));
                state.objects.nodes.insert(name.to_owned(), object);
            }
            None => drop(state.objects.nodes.remove(name)),
        }
        if truth != before || (new && truth.exists) {
            (state.observer)(What::Node(truth));
        }
    }

    fn truth(&self, node: &Node) -> history::Node {
        let object = node.object.as_ref();
        history::Node {
            cluster: self.shared.name.clone(),
            name: node.name.clone(),
            exists: object.is_some(),
            ready: node.is_ready(),
            boot: node.boot.clone(),
            out_of_service: object.is_some_and(|object| object.out_of_service.is_some()),
        }
    }

    fn told(&self, pod: &Pod) -> history::Pod {
        history::Pod {
            cluster: self.shared.name.clone(),
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            node: pod.node.clone(),
        }
    }

    fn now(&self) -> Timestamp {
        // A simulated clock stands in this century.
        Timestamp::try_from(self.shared.clock.wall()).unwrap_or_default()
    }

    /// Nobody panics while holding the lock, and the state is whole at any time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change_pod(&mut self, uid: &str, change: impl FnOnce(&mut Pod)) {
        if let Some(object) = self.objects.pod(uid) {
            let mut pod = object.pod.clone();
            change(&mut pod);
            self.objects.put(pod);
        }
    }
}
