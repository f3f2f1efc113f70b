//! Collectors as simulated processes: the real one, over the models of etcd and of the cluster.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use lease_gc::collector::{Collector, FatalError};
use lease_gc::evidence::Policy;
use lease_gc::history::{Causes, Destination};
use lease_gc::leader::Occasion;
use lease_gc::measured::Measured;
use lease_gc::metrics::{Labels, Metrics};
use lease_gc::pods::View;
use lease_gc::schedule::Schedule;
use lease_gc::signals::Shutdown;
use lease_gc::status::{Snapshot, Status};
use lease_gc::sweep::Deletions;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::clock::Clock;
use store::coordination::Coordination;
use store::election::Candidate;
use store::gate::Gate;
use store::key::Keyspace;
use store::store::Store;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::clock::{SimClock, Wall};
use super::etcd::{self, SimEtcd};
use super::kubernetes::{self, SimView};
use super::process::{Ended, Process};
use crate::history::{self, What};

#[cfg(test)]
mod tests;

/// A collector's program, in the words of the history.
const PROGRAM: &str = "lease-gc";

/// How collectors are set up, all alike.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The prefix of the keys.
    pub prefix: String,
    /// The id of the store that they work on, where it is configured.
    pub store_id: Option<String>,
    /// The length of the election's lease.
    pub election_ttl: Duration,
    /// How often they sweep beside the schedule, whose finest step is a minute: so often comes a
    /// SIGHUP.
    pub sweep_every: Duration,
    /// How patient they are.
    pub policy: Policy,
    /// Whether they adopt.
    pub adopt: bool,
    /// How fast they release.
    pub max_releases_per_second: NonZeroU32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: store::key::DEFAULT_PREFIX.to_owned(),
            store_id: None,
            election_ttl: Duration::from_secs(15),
            sweep_every: Duration::from_secs(10),
            policy: Policy {
                grace: Duration::from_secs(45),
                node_gone_grace: Duration::from_secs(90),
                ..Policy::default()
            },
            adopt: true,
            max_releases_per_second: NonZeroU32::MIN.saturating_add(49),
        }
    }
}

/// Hears what collectors say, and how they end.
pub type Observer = Arc<dyn Fn(What) + Send + Sync>;

/// How all collectors of a cluster are set up, and what they stand on.
#[derive(Clone)]
pub struct Deployment {
    /// Their settings.
    pub settings: Settings,
    /// Their etcd.
    pub etcd: etcd::Cluster,
    /// Their cluster.
    pub kubernetes: kubernetes::Cluster,
    /// When the run began.
    pub began: Instant,
    /// Who hears of them.
    pub observer: Observer,
}

/// A machine on which a collector may run: one replica of the deployment.
pub struct Replica {
    name: String,
    deployment: Deployment,
    wall: Wall,
    rng: StdRng,
    schedule: Schedule,
    metrics: Arc<Metrics>,
    started: u32,
    running: Option<Running>,
}

/// A collector that was started.
struct Running {
    process: Process,
    terminate: watch::Sender<bool>,
    status: Arc<Status>,
}

impl Replica {
    /// A machine of this name, by which the weather of its etcd and of its Kubernetes API are set.
    ///
    /// # Errors
    /// Never, unless the collector's own schedule or metrics are broken.
    pub fn new(
        name: &str,
        deployment: &Deployment,
        wall: Wall,
        rng: StdRng,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            deployment: deployment.clone(),
            wall,
            rng,
            schedule: Schedule::parse("* * * * *")?,
            metrics: Arc::new(Metrics::new(&Labels::default(), "simulated")?),
            started: 0,
            running: None,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts a collector, in place of one that may still run.
    #[cfg(test)]
    pub(crate) fn start(&mut self) {
        self.start_over(|etcd| etcd, |view| view);
    }

    /// Starts a collector over a decorated etcd and view of the cluster, in place of one that may still run.
    pub fn start_over<E, V>(
        &mut self,
        etcd: impl FnOnce(SimEtcd) -> E,
        view: impl FnOnce(SimView) -> V,
    ) where
        E: Coordination + 'static,
        V: View + 'static,
    {
        self.kill();
        self.started += 1;
        let identity = format!("{}.{}", self.name, self.started);
        let etcd = etcd(self.deployment.etcd.client(&self.name, &identity));
        let view = view(self.deployment.kubernetes.view(&self.name));
        let rng = StdRng::seed_from_u64(self.rng.random());
        let clock = SimClock::start(self.deployment.began, &self.wall, rng);
        let collector = self.collector(&identity, etcd, clock, view);
        let status = Arc::clone(&collector.status);
        let every = self.deployment.settings.sweep_every;
        let (terminate, told) = watch::channel(false);
        let body = async move { collect(&collector, every, told).await };
        let (observer, start) = (Arc::clone(&self.deployment.observer), Instant::now());
        let process = Process::start(body, move |how| {
            observer(What::Process(ended(&how, start.elapsed())));
        });
        self.running = Some(Running {
            process,
            terminate,
            status,
        });
    }

    fn collector<E: Coordination, V: View>(
        &self,
        identity: &str,
        etcd: E,
        clock: SimClock,
        view: V,
    ) -> Collector<E, SimClock, V> {
        let settings = &self.deployment.settings;
        let gate = Gate {
            store_id: settings.store_id.clone(),
            memory: None,
        };
        let cluster = self.deployment.kubernetes.name().to_owned();
        let (observer, collector) = (Arc::clone(&self.deployment.observer), identity.to_owned());
        Collector {
            store: Store::new(
                Measured::new(etcd, Arc::clone(&self.metrics)),
                clock,
                Keyspace::new(&settings.prefix),
                gate,
            ),
            status: Arc::new(Status::new(
                identity.to_owned(),
                cluster.clone(),
                self.schedule.to_string(),
            )),
            candidate: Candidate {
                cluster,
                identity: identity.to_owned(),
                ttl: settings.election_ttl,
            },
            view,
            schedule: self.schedule.clone(),
            policy: settings.policy,
            dry_run: false,
            adopt: settings.adopt,
            max_releases_per_second: settings.max_releases_per_second,
            history: Destination::Output(Arc::new(|_| Ok(()))),
            metrics: Arc::clone(&self.metrics),
            events: None,
            released: Some(Box::new(move |owner, evidence| {
                observer(What::Released(history::Released {
                    collector: collector.clone(),
                    key: owner.judged.key.clone(),
                    evidence: evidence.as_str().to_owned(),
                }));
            })),
            causes: Causes::default(),
            deletions: Deletions::default(),
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.process.kill();
        }
    }

    /// SIGTERM: it gives the leadership back and ends, if it is not held up.
    pub fn terminate(&self) {
        if let Some(running) = &self.running {
            running.terminate.send_replace(true);
        }
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        if let Some(running) = &self.running {
            running.process.pause();
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        if let Some(running) = &self.running {
            running.process.resume();
        }
    }

    /// Whether a collector runs here, paused or not.
    pub fn lives(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.process.lives())
    }

    /// What the collector that was started last knows of itself.
    pub fn status(&self) -> Option<Snapshot> {
        let running = self.running.as_ref();
        running.map(|running| running.status.snapshot())
    }
}

/// A collector's whole life.
async fn collect<E: Coordination, C: Clock, V: View>(
    collector: &Collector<E, C, V>,
    sweep_every: Duration,
    told: watch::Receiver<bool>,
) -> Result<(), FatalError> {
    let shutdown = Shutdown::by(told);
    let (occasion, occasions) = mpsc::channel(1);
    let hang_up = async {
        loop {
            collector.store.clock().sleep(sweep_every).await;
            let _ = occasion.try_send(Occasion::Signal);
        }
    };
    tokio::select! {
        biased;
        ended = collector.run(occasions, &shutdown) => ended,
        () = hang_up => Ok(()),
    }
}

fn ended(how: &Ended<Result<(), FatalError>>, ran: Duration) -> history::Process {
    let mut process = history::Process {
        program: PROGRAM.to_owned(),
        ran: u64::try_from(ran.as_millis()).unwrap_or(u64::MAX),
        ..history::Process::default()
    };
    match how {
        Ended::Done(done) => process.status = Some(i32::from(done.is_err())),
        Ended::Killed => (process.signal, process.disturbed) = (Some(9), true),
        Ended::Panicked(words) => process.panic = Some(words.clone()),
    }
    process
}
