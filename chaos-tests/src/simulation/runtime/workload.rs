//! Pods that come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::time::Instant;

use super::{Pod, Runtime};
use crate::history;

/// The namespace of all pods.
const NAMESPACE: &str = "default";

/// What is done with the pods of a cluster, one thing after another.
pub struct Workload {
    runtimes: Vec<Runtime>,
    rng: StdRng,
    /// How many pods there are at most.
    most_pods: usize,
    /// The longest pause between two doings (milliseconds).
    longest_pause: u64,
    /// How often a node is rebooted, of all doings.
    reboots: f64,
    /// How long a node may not hear that a pod was deleted by force (milliseconds).
    longest_delay: u64,
    /// What is done, and how often.
    doings: Vec<(Doing, u32)>,
    made: u64,
    /// How many pods were given up whose sandboxes cannot be stopped.
    stuck: usize,
    /// The pods that were not deleted yet, by their uid, with the number of their node.
    pods: BTreeMap<String, (Pod, usize)>,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Create,
    Delete,
    ForceDelete,
    Fail,
    Replace,
    AddAgain,
    Restart,
    Check,
    Status,
    Gc,
}

/// How often each is done on the whole, in hundredths. In one run some are done more often and others hardly.
const DOINGS: [(Doing, u32); 10] = [
    (Doing::Create, 38),
    (Doing::Delete, 20),
    (Doing::ForceDelete, 5),
    (Doing::Fail, 3),
    (Doing::Replace, 4),
    (Doing::AddAgain, 6),
    (Doing::Restart, 6),
    (Doing::Check, 8),
    (Doing::Status, 6),
    (Doing::Gc, 4),
];

impl Workload {
    /// A workload over these nodes.
    pub fn new(
        runtimes: Vec<Runtime>,
        most_pods: usize,
        longest_pause: u64,
        mut rng: StdRng,
    ) -> Self {
        let mut doings = DOINGS.to_vec();
        for (doing, weight) in &mut doings {
            if !matches!(doing, Doing::Create | Doing::Delete) {
                *weight *= [0, 1, 1, 3][rng.random_range(0..4)];
            }
        }
        Self {
            doings,
            runtimes,
            rng,
            most_pods,
            longest_pause,
            reboots: 0.0,
            longest_delay: 20_000,
            made: 0,
            stuck: 0,
            pods: BTreeMap::new(),
        }
    }

    /// With this many of its doings being the reboot of a node instead.
    #[must_use]
    pub fn with_reboots(self, reboots: f64) -> Self {
        Self { reboots, ..self }
    }

    /// With nodes that hear within so long (milliseconds) that a pod was deleted by force.
    #[must_use]
    pub fn with_delay(self, longest_delay: u64) -> Self {
        Self {
            longest_delay,
            ..self
        }
    }

    /// From now on no node is rebooted.
    pub fn calm(&mut self) -> &mut Self {
        self.reboots = 0.0;
        self
    }

    /// Deletes every other pod.
    pub fn thin_out(&mut self) {
        for _ in 0..self.pods.len() / 2 {
            if let Some((pod, runtime)) = self.take_one() {
                runtime.world().api.terminating(&pod);
                runtime.stop(&pod.identity.uid);
            }
        }
    }

    /// Goes on until then.
    pub async fn run(&mut self, until: Instant) {
        loop {
            let pause = self.rng.random_range(0..=self.longest_pause);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if Instant::now() >= until {
                return;
            }
            if self.reboots > 0.0 && self.rng.random_bool(self.reboots) {
                self.reboot();
            } else {
                self.do_one();
            }
        }
    }

    /// Creates a pod now, and says its uid. `None` where there is no node.
    pub fn create(&mut self) -> Option<String> {
        self.made += 1;
        let name = format!("pod-{}", self.made);
        self.create_named(name)
    }

    fn do_one(&mut self) {
        let all = self.doings.iter().map(|(_, weight)| weight).sum();
        let mut chosen = self.rng.random_range(0..all);
        let doing = self.doings.iter().find(|(_, weight)| {
            let is_it = chosen < *weight;
            chosen = chosen.saturating_sub(*weight);
            is_it
        });
        let Some(&(doing, _)) = doing else { return };
        match doing {
            Doing::Create if self.pods.len() + self.stuck < self.most_pods => {
                self.create();
            }
            Doing::Create | Doing::Delete => {
                if let Some((pod, runtime)) = self.take_one() {
                    runtime.world().api.terminating(&pod);
                    runtime.stop(&pod.identity.uid);
                }
            }
            Doing::ForceDelete => {
                self.force_delete();
            }
            Doing::Fail => {
                if let Some((pod, runtime)) = self.take_one() {
                    runtime.world().api.failed(&pod);
                    // Some sandboxes cannot be stopped.
                    if self.rng.random_bool(0.6) {
                        self.stop_later(runtime, pod);
                    } else {
                        self.stuck += 1;
                    }
                }
            }
            Doing::Replace => {
                if let Some(pod) = self.force_delete() {
                    self.create_named(pod.identity.name);
                }
            }
            Doing::AddAgain => self.with_one(Runtime::add_again),
            Doing::Restart => self.with_one(Runtime::restart),
            Doing::Check => self.with_one(Runtime::check),
            Doing::Status | Doing::Gc => self.ask_node(doing),
        }
    }

    fn create_named(&mut self, name: String) -> Option<String> {
        let number = self.rng.random_range(0..self.runtimes.len().max(1));
        let runtime = self.runtimes.get(number)?.clone();
        let kind = self.rng.random_range(0..10);
        let hash = (kind == 0).then(|| format!("{:032x}", self.rng.random::<u128>()));
        let node = runtime.node().name();
        let api = &runtime.world().api;
        let uid = api.create(NAMESPACE, &name, hash.as_deref(), node);
        let told_uid = match kind {
            // A runtime that passes none.
            1 => String::new(),
            _ => hash.unwrap_or_else(|| uid.clone()),
        };
        let networks = runtime.world().networks.len();
        let most = self.rng.random_range(1..=networks.max(1));
        let pod = Pod {
            identity: history::Pod {
                cluster: runtime.world().cluster.clone(),
                namespace: NAMESPACE.to_owned(),
                name,
                uid: uid.clone(),
                node: runtime.node().name().to_owned(),
            },
            told_uid,
            networks: (0..networks).take(most).collect(),
            is_annotated: self.rng.random_bool(0.7),
        };
        self.pods.insert(uid.clone(), (pod.clone(), number));
        runtime.start(pod);
        Some(uid)
    }

    /// Deletes a pod's object at once; its node learns of it later.
    fn force_delete(&mut self) -> Option<Pod> {
        let (pod, runtime) = self.take_one()?;
        runtime.world().api.deleted(&pod);
        self.stop_later(runtime, pod.clone());
        Some(pod)
    }

    fn stop_later(&mut self, runtime: Runtime, pod: Pod) {
        let later = Duration::from_millis(self.rng.random_range(0..self.longest_delay));
        tokio::task::spawn_local(async move {
            tokio::time::sleep(later).await;
            runtime.stop(&pod.identity.uid);
        });
    }

    fn reboot(&mut self) {
        let off = Duration::from_millis(self.rng.random_range(1000..20_000));
        if let Some(runtime) = self.runtimes.choose(&mut self.rng).cloned() {
            tokio::task::spawn_local(async move { runtime.reboot(off).await });
        }
    }

    fn ask_node(&mut self, doing: Doing) {
        let Some(runtime) = self.runtimes.choose(&mut self.rng).cloned() else {
            return;
        };
        let networks = runtime.world().networks.len();
        let network = self.rng.random_range(0..networks.max(1));
        tokio::task::spawn_local(async move {
            match doing {
                Doing::Gc => runtime.gc(network).await,
                _ => runtime.status(network).await,
            }
        });
    }

    fn with_one(&mut self, what: impl FnOnce(&Runtime, &str)) {
        if let Some((uid, number)) = self.choose()
            && let Some(runtime) = self.runtimes.get(number)
        {
            what(runtime, &uid);
        }
    }

    fn take_one(&mut self) -> Option<(Pod, Runtime)> {
        let (uid, _) = self.choose()?;
        let (pod, number) = self.pods.remove(&uid)?;
        Some((pod, self.runtimes.get(number)?.clone()))
    }

    fn choose(&mut self) -> Option<(String, usize)> {
        let chosen = self.rng.random_range(0..self.pods.len().max(1));
        let (uid, (_, number)) = self.pods.iter().nth(chosen)?;
        Some((uid.clone(), *number))
    }
}
