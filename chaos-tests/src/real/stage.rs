//! Everything around the etcd members that a run needs: nodes, containers, Kubernetes, collectors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::history::Attachment;
use crate::real::calls::Caller;
use crate::real::containers::Containers;
use crate::real::control_plane::{ControlPlane, Pod};
use crate::real::nodes::Node;
use crate::real::observer::Observer;
use crate::real::plan::Plan;
use crate::real::recorder::Recorder;
use crate::real::replicas::Replica;

/// What is done to calls of the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mischief {
    /// Nothing.
    #[default]
    None,
    /// Processes are killed at random moments.
    Kill,
    /// Processes are stopped at random moments, and go on later.
    Pause,
    /// Calls are made twice at once.
    Twice,
    /// The runtime does not wait for the end of an ADD before its DEL.
    Overtake,
}

/// The stage.
#[derive(Debug)]
pub struct Stage {
    /// The seed of the run.
    pub seed: u64,
    /// The workload.
    pub plan: Plan,
    /// Where everything is written down.
    pub recorder: Arc<Recorder>,
    /// Looks into etcd.
    pub observer: Arc<Observer>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The containers.
    pub containers: Containers,
    /// Kubernetes.
    pub control_plane: ControlPlane,
    /// Calls the plugin.
    pub caller: Caller,
    /// The collectors.
    pub replicas: Vec<Replica>,
    /// No new pods from now on; those that live end.
    pub closing: AtomicBool,
    /// The background ends, too.
    pub over: AtomicBool,
    mischief: Mutex<Mischief>,
    /// How often a call was the victim.
    pub victims: AtomicUsize,
    /// Numbers for names.
    names: AtomicU64,
    running: Mutex<BTreeMap<Attachment, Pod>>,
}

impl Stage {
    /// A stage without any life on it.
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the parts that it is made of"
    )]
    pub fn new(
        seed: u64,
        plan: Plan,
        recorder: Arc<Recorder>,
        observer: Arc<Observer>,
        nodes: Vec<Node>,
        containers: Containers,
        control_plane: ControlPlane,
        caller: Caller,
        replicas: Vec<Replica>,
    ) -> Self {
        Self {
            seed,
            plan,
            recorder,
            observer,
            nodes,
            containers,
            control_plane,
            caller,
            replicas,
            closing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            mischief: Mutex::default(),
            victims: AtomicUsize::new(0),
            names: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }

    /// Whether no new pods are wanted.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Whether the background is to end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// What is done to calls now.
    pub fn mischief(&self) -> Mischief {
        *lock(&self.mischief)
    }

    /// From now on, this is done to calls; nobody was the victim yet.
    pub fn set_mischief(&self, mischief: Mischief) {
        self.victims.store(0, Ordering::SeqCst);
        *lock(&self.mischief) = mischief;
    }

    /// A call was the victim.
    pub fn count_victim(&self) {
        self.victims.fetch_add(1, Ordering::SeqCst);
    }

    /// A number that no other name has.
    pub fn next_name(&self) -> u64 {
        self.names.fetch_add(1, Ordering::SeqCst)
    }

    /// The pods whose containers run, with their attachments.
    pub fn running(&self) -> MutexGuard<'_, BTreeMap<Attachment, Pod>> {
        lock(&self.running)
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name() == name)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
