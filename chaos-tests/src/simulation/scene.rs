//! Everything of one run: etcd, the Kubernetes cluster, nodes and collectors, and who records it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lease_gc::status::Leader;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};
use store::gate::Gate;
use store::init::ARMED_TERM;
use store::key::{DEFAULT_PREFIX, Keyspace};
use store::record::FreezeRecord;
use store::retry::Deadline;
use store::store::Store;

use super::api::Server;
use super::clock::{SimClock, Wall};
use super::collector::{Deployment, Replica, Settings};
use super::etcd::{self, SimEtcd};
use super::kubernetes;
use super::node::{Node, misused, plugin};
use super::plan::Plan;
use super::recorder::Recorder;
use super::runtime::{Runtime, World};
use crate::history::{End, What};
use crate::model::Version;
use crate::mutants::distorted::Distorted;
use crate::mutants::etcd::Planted;
use crate::mutants::machine::Broken;
use crate::mutants::view::policy;
use crate::mutants::{Culprit, Mutant};

/// The name of the Kubernetes cluster.
pub const CLUSTER: &str = "default";

/// What a run consists of. A clone is the same.
#[derive(Clone)]
pub struct Scene {
    /// etcd.
    pub etcd: etcd::Cluster,
    /// The Kubernetes cluster.
    pub kubernetes: kubernetes::Cluster,
    /// The nodes.
    pub runtimes: Vec<Runtime>,
    /// The machines of the collectors, and their wall clocks.
    pub replicas: Rc<RefCell<Vec<Replica>>>,
    /// The wall clocks of the collectors. Those of nodes are right: by them the rest of an address may be
    /// cut short where a range is full.
    pub walls: Vec<Wall>,
    /// The history.
    pub recorder: Recorder,
    operator: Rc<Store<SimEtcd, SimClock>>,
    mutant: Option<Mutant>,
}

impl Scene {
    /// Sets everything up: an armed and initialised store, nodes that are Ready, two collectors.
    ///
    /// # Errors
    /// If what works without faults does not.
    pub async fn set_up(
        plan: &Plan,
        settings: &Settings,
        mutant: Option<Mutant>,
        recorder: &Recorder,
        rng: &mut StdRng,
    ) -> Result<Self> {
        let observer = || {
            let recorder = recorder.clone();
            move |what| recorder.push(what)
        };
        let began = recorder.began();
        let mut chance = || StdRng::seed_from_u64(rng.next_u64());
        let etcd = etcd::Cluster::new(Version::V3_5, chance(), Box::new(observer()));
        let wall = Wall::default();
        let clock = SimClock::start(began, &wall, chance());
        let kubernetes =
            kubernetes::Cluster::new(CLUSTER, clock.clone(), chance(), Box::new(observer()));
        tokio::task::spawn_local({
            let kubernetes = kubernetes.clone();
            async move { kubernetes.control().await }
        });
        etcd.raise_term(ARMED_TERM);
        let operator = Store::new(
            etcd.client("operator", "operator"),
            clock,
            Keyspace::new(DEFAULT_PREFIX),
            Gate::default(),
        );
        let deadline = Deadline::after(operator.clock(), Duration::from_secs(5));
        operator.init(deadline).await.context("no store")?;

        let bug = |culprit| mutant.filter(|mutant| mutant.culprit() == culprit);
        let (in_plugin, in_collector) = (bug(Culprit::Plugin), bug(Culprit::Collector));
        let world = World {
            cluster: CLUSTER.to_owned(),
            networks: plan.networks.clone().into(),
            program: misused(
                plugin(move |machine| Broken::new(machine, in_plugin)),
                in_plugin,
            ),
            etcd: etcd.clone(),
            api: Rc::new(Server::new(kubernetes.clone(), plan.networks.clone())),
            recorder: recorder.clone(),
        };
        let mut runtimes = Vec::new();
        let mut walls = Vec::new();
        for name in &plan.nodes {
            let node = Node::new(name, began);
            kubernetes.add_node(name, &node.machine_id(), &node.boot_id());
            kubernetes.set_wall(name, node.wall());
            runtimes.push(Runtime::new(world.clone(), node, plan.habits, chance()));
        }
        let mut replicas = Vec::new();
        let deployment = Deployment {
            settings: Settings {
                policy: policy(in_collector, settings.policy),
                ..settings.clone()
            },
            etcd: etcd.clone(),
            kubernetes: kubernetes.clone(),
            began,
            observer: Arc::new(observer()),
        };
        for name in ["collector-a", "collector-b", "collector-c"] {
            let wall = Wall::default();
            walls.push(wall.clone());
            let mut replica = Replica::new(name, &deployment, wall, chance())?;
            if name != "collector-c" {
                start(&mut replica, in_collector);
            }
            replicas.push(replica);
        }
        Ok(Self {
            etcd,
            kubernetes,
            runtimes,
            replicas: Rc::new(RefCell::new(replicas)),
            walls,
            recorder: recorder.clone(),
            operator: Rc::new(operator),
            mutant,
        })
    }

    /// Starts a collector, in the place of one that may run there.
    pub fn start_collector(&self, number: usize) {
        let bug = self
            .mutant
            .filter(|mutant| mutant.culprit() == Culprit::Collector);
        if let Some(replica) = self.replicas.borrow_mut().get_mut(number) {
            start(replica, bug);
        }
    }

    /// The collector that leads, by its own word.
    pub fn leader(&self) -> Option<usize> {
        let replicas = self.replicas.borrow();
        let mut states = replicas.iter().map(Replica::status);
        states.position(|status| status.is_some_and(|it| matches!(it.leader, Leader::Me { .. })))
    }

    /// Does something with a collector's machine.
    pub fn with_collector<T>(
        &self,
        number: usize,
        what: impl FnOnce(&mut Replica) -> T,
    ) -> Option<T> {
        self.replicas.borrow_mut().get_mut(number).map(what)
    }

    /// An operator freezes the store, or opens it again. Says whether that is done; it may fail as everything
    /// may.
    pub async fn set_frozen(&self, frozen: bool) -> bool {
        let deadline = Deadline::after(self.operator.clock(), Duration::from_secs(5));
        let Ok(openness) = self.operator.openness(deadline).await else {
            return false;
        };
        let record = FreezeRecord {
            reason: "a drill".to_owned(),
            ..FreezeRecord::default()
        };
        let changed = match (frozen, openness.freeze) {
            (true, None) => self.operator.freeze(&record, None, deadline).await,
            (false, Some(freeze)) => self.operator.thaw(&freeze, deadline).await,
            _ => return true,
        };
        changed.is_ok()
    }

    /// How things are left.
    pub fn end(&self) -> End {
        let root = format!("{DEFAULT_PREFIX}/v1");
        let (owner, address) = (format!("{root}/owner/"), format!("{root}/addr/"));
        let (owners, addresses) = self.etcd.look(|model| {
            let mut owners = Vec::new();
            let mut addresses = BTreeMap::new();
            for (key, kept) in model.keys() {
                if key.starts_with(&owner) {
                    owners.push(key.to_owned());
                } else if key.starts_with(&address) {
                    let value = String::from_utf8_lossy(&kept.value).into_owned();
                    addresses.insert(key.to_owned(), value);
                }
            }
            (owners, addresses)
        });
        let replicas = self.replicas.borrow();
        let held_by_breaker = replicas.iter().any(|replica| {
            replica
                .status()
                .is_some_and(|status| !status.found.breakers.is_empty())
        });
        let spooled: usize = self
            .runtimes
            .iter()
            .map(|it| it.node().spooled().len())
            .sum();
        End {
            owners,
            addresses,
            up: self.runtimes.iter().flat_map(Runtime::up).collect(),
            spooled: u64::try_from(spooled).unwrap_or(u64::MAX),
            held_by_breaker,
            ..End::default()
        }
    }

    /// Writes down what happens now.
    pub fn tell(&self, what: What) {
        self.recorder.push(what);
    }
}

fn start(replica: &mut Replica, bug: Option<Mutant>) {
    replica.start_over(
        |etcd| Planted::new(etcd, bug),
        |view| Distorted::new(view.with(bug), bug),
    );
}
