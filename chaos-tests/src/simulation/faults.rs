//! What goes wrong in a simulated run, and how it is taken back.
//!
//! The models do exactly what they are told, so a fault is proven by its construction; how often it hit
//! something is in the tallies of the models.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::collector::Replica;
use super::etcd::{Link, MEMBERS};
use super::kubernetes::{PATIENCE, Trouble, Weather};
use super::plan::Story;
use super::scene::Scene;
use crate::history::{Fault, What};

/// How wrong a wall clock goes at most (milliseconds).
const WORST_CLOCK: i64 = 90 * 60 * 1000;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    LeaderKilled,
    MemberKilled,
    MemberPaused,
    LeaderPaused,
    LeaderApart,
    QuorumLost,
    LeaderMoved,
    Overloaded,
    NoSpace,
    Compacted,
    NodeCutOff,
    NodeCutFromMember,
    NodeLosesPackets,
    NodeLate,
    CollectorKilled,
    CollectorPaused,
    CollectorCutFromEtcd,
    CollectorCutFromKubernetes,
    CollectorLosesAnswers,
    ThirdCollector,
    ClockWrong,
    ApiDown,
    ListStale,
    ListEmpty,
    ListCut,
    ListRefused,
    WatchCut,
    KubeletSilent,
    NodeOff,
    NodeDeleted,
    DiskFull,
    Frozen,
}

#[allow(
    clippy::enum_glob_use,
    reason = "the kinds are named in tables, where a prefix would hide them"
)]
use Kind::*;

const ETCD: &[Kind] = &[
    LeaderKilled,
    MemberKilled,
    MemberPaused,
    LeaderPaused,
    LeaderApart,
    QuorumLost,
    LeaderMoved,
    Overloaded,
    NoSpace,
    Compacted,
    NodeCutOff,
    NodeCutFromMember,
    NodeLosesPackets,
    NodeLate,
    CollectorPaused,
    CollectorCutFromEtcd,
    CollectorLosesAnswers,
    Frozen,
];
const KUBERNETES: &[Kind] = &[
    CollectorKilled,
    CollectorPaused,
    CollectorCutFromKubernetes,
    CollectorCutFromEtcd,
    ThirdCollector,
    ClockWrong,
    ApiDown,
    ListStale,
    ListEmpty,
    ListCut,
    ListRefused,
    WatchCut,
    KubeletSilent,
    KubeletSilent,
    NodeOff,
    NodeDeleted,
    LeaderMoved,
];
const PROCESSES: &[Kind] = &[
    NodeLosesPackets,
    NodeLate,
    NodeCutOff,
    DiskFull,
    ClockWrong,
    NoSpace,
    Frozen,
    LeaderKilled,
    CollectorPaused,
    CollectorKilled,
    KubeletSilent,
];

impl Kind {
    fn of(story: Story, rng: &mut StdRng) -> Option<Self> {
        let story = match story {
            Story::Everything => [ETCD, KUBERNETES, PROCESSES].choose(rng).copied(),
            Story::Etcd | Story::Restores => Some(ETCD),
            Story::Kubernetes => Some(KUBERNETES),
            Story::Processes => Some(PROCESSES),
        };
        story?.choose(rng).copied()
    }

    /// Its name, as in `leader_killed`.
    fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// How long it may last (milliseconds).
    const fn lasts(self) -> std::ops::Range<u64> {
        match self {
            LeaderMoved | Compacted => 0..1,
            NodeOff | NodeDeleted => 50_000..90_000,
            KubeletSilent => 20_000..90_000,
            CollectorPaused | CollectorKilled | CollectorCutFromEtcd => 1000..40_000,
            _ => 1000..15_000,
        }
    }
}

/// Breaks things until it is over.
pub struct Storm {
    scene: Scene,
    rng: StdRng,
    struck: u64,
    under_way: JoinSet<()>,
}

impl Storm {
    /// A storm over this scene.
    pub fn new(scene: &Scene, rng: StdRng) -> Self {
        Self {
            scene: scene.clone(),
            rng,
            struck: 0,
            under_way: JoinSet::new(),
        }
    }

    /// Blows until then, with a fault every so often, and waits until all are taken back.
    pub async fn blow(&mut self, story: Story, every: Duration, until: Instant) {
        if story == Story::Restores {
            self.restore_later(until);
        }
        let longest = 2 * u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        loop {
            let pause = Duration::from_millis(self.rng.random_range(0..longest));
            if Instant::now() + pause >= until {
                break;
            }
            sleep(pause).await;
            if let Some(kind) = Kind::of(story, &mut self.rng) {
                let lasts = Duration::from_millis(self.rng.random_range(kind.lasts()));
                let lasts = lasts.min(until - Instant::now());
                self.strike(kind, lasts);
            }
        }
        while self.under_way.join_next().await.is_some() {}
    }

    fn strike(&mut self, kind: Kind, lasts: Duration) {
        let mut strike = self.begin(kind.name());
        self.under_way.spawn_local(async move {
            strike.carry_out(kind, lasts).await;
            strike.end();
        });
    }

    /// The next fault, which is written down.
    fn begin(&mut self, kind: String) -> Strike {
        self.struck += 1;
        let fault = Fault {
            number: self.struck,
            kind,
            detail: "as the model was told".to_owned(),
        };
        self.scene.tell(What::FaultBegins(fault.clone()));
        self.scene.tell(What::FaultProven(fault.clone()));
        Strike {
            scene: self.scene.clone(),
            rng: StdRng::seed_from_u64(self.rng.next_u64()),
            fault,
        }
    }

    /// A snapshot is taken early, restored in the middle, and the original data are put back later.
    fn restore_later(&mut self, until: Instant) {
        let storm = until - Instant::now();
        let at = |part: f64| storm.mul_f64(part);
        let taken = at(self.rng.random_range(0.1..0.4));
        let restored = at(self.rng.random_range(0.1..0.3));
        let back = at(self.rng.random_range(0.1..0.2));
        let bump = if self.rng.random_bool(0.5) {
            100_000
        } else {
            0
        };
        let mut strike = self.begin("snapshot_restored".to_owned());
        self.under_way.spawn_local(async move {
            let etcd = &strike.scene.etcd;
            sleep(taken).await;
            let snapshot = etcd.snapshot();
            sleep(restored).await;
            let original = etcd.snapshot();
            etcd.restore(&snapshot, bump);
            sleep(back).await;
            etcd.put_back(&original);
            strike.end();
        });
    }

    /// Whatever may still be wrong is put right.
    pub async fn heal(&mut self) {
        let scene = &self.scene;
        for member in 0..MEMBERS {
            scene.etcd.start(member);
            scene.etcd.set_apart(member, false);
        }
        scene.etcd.set_overloaded(0.0);
        scene.etcd.set_out_of_space(false);
        scene.kubernetes.set_down(false);
        for runtime in &scene.runtimes {
            let node = runtime.node();
            scene.etcd.set_link(node.name(), Link::fair());
            node.set_full(false);
            scene.kubernetes.set_out_of_service(node.name(), false);
            scene.kubernetes.start_kubelet(node.name());
        }
        for wall in &scene.walls {
            wall.set_error(0);
        }
        for number in 0..2 {
            let machine = scene.with_collector(number, |replica| {
                replica.resume();
                (replica.name().to_owned(), replica.lives())
            });
            if let Some((name, lives)) = machine {
                scene.etcd.set_link(&name, Link::fair());
                scene.kubernetes.set_weather(&name, Weather::default());
                if !lives {
                    scene.start_collector(number);
                }
            }
        }
        while scene.etcd.leader().is_none() {
            sleep(Duration::from_millis(100)).await;
        }
        while !scene.set_frozen(false).await {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// One fault.
struct Strike {
    scene: Scene,
    rng: StdRng,
    fault: Fault,
}

impl Strike {
    fn end(&mut self) {
        self.scene.tell(What::FaultEnds(self.fault.clone()));
    }

    async fn carry_out(&mut self, kind: Kind, lasts: Duration) {
        match kind {
            LeaderKilled | MemberKilled | MemberPaused | LeaderPaused | LeaderApart => {
                self.hit_member(kind, lasts).await;
            }
            QuorumLost => self.lose_quorum(lasts).await,
            LeaderMoved => drop(self.scene.etcd.move_leader()),
            Compacted => drop(self.scene.etcd.compact(self.rng.random_range(0..40))),
            Overloaded => {
                self.scene
                    .etcd
                    .set_overloaded(self.rng.random_range(0.1..0.8));
                sleep(lasts).await;
                self.scene.etcd.set_overloaded(0.0);
            }
            NoSpace => {
                self.scene.etcd.set_out_of_space(true);
                sleep(lasts).await;
                self.scene.etcd.set_out_of_space(false);
            }
            NodeCutOff | NodeCutFromMember | NodeLosesPackets | NodeLate => {
                if let Some(runtime) = self.scene.runtimes.choose(&mut self.rng) {
                    let machine = runtime.node().name().to_owned();
                    self.hit_link(&machine, kind, lasts).await;
                }
            }
            CollectorKilled
            | CollectorPaused
            | CollectorCutFromEtcd
            | CollectorLosesAnswers
            | CollectorCutFromKubernetes
            | ThirdCollector => self.hit_collector(kind, lasts).await,
            ClockWrong => {
                if let Some(wall) = self.scene.walls.choose(&mut self.rng) {
                    wall.set_error(self.rng.random_range(-WORST_CLOCK..=WORST_CLOCK));
                    sleep(lasts).await;
                    wall.set_error(0);
                }
            }
            ApiDown => {
                self.scene.kubernetes.set_down(true);
                sleep(lasts).await;
                self.scene.kubernetes.set_down(false);
            }
            ListStale | ListEmpty | ListCut | ListRefused | WatchCut => {
                self.hit_lists(kind, lasts).await;
            }
            KubeletSilent | NodeOff | NodeDeleted | DiskFull => self.hit_node(kind, lasts).await,
            Frozen => {
                self.scene.set_frozen(true).await;
                sleep(lasts).await;
                self.scene.set_frozen(false).await;
            }
        }
    }

    async fn hit_member(&mut self, kind: Kind, lasts: Duration) {
        let etcd = self.scene.etcd.clone();
        let any = self.rng.random_range(0..MEMBERS);
        let member = match kind {
            LeaderKilled | LeaderPaused | LeaderApart => etcd.leader().unwrap_or(any),
            _ => any,
        };
        match kind {
            LeaderApart => etcd.set_apart(member, true),
            MemberPaused | LeaderPaused => etcd.pause(member),
            _ => etcd.kill(member),
        }
        sleep(lasts).await;
        etcd.set_apart(member, false);
        etcd.start(member);
    }

    async fn lose_quorum(&mut self, lasts: Duration) {
        let etcd = self.scene.etcd.clone();
        let spared = self.rng.random_range(0..MEMBERS);
        let hit = || (0..MEMBERS).filter(|member| *member != spared);
        let paused = self.rng.random_bool(0.5);
        for member in hit() {
            if paused {
                etcd.pause(member);
            } else {
                etcd.kill(member);
            }
        }
        sleep(lasts).await;
        hit().for_each(|member| etcd.start(member));
    }

    async fn hit_link(&mut self, machine: &str, kind: Kind, lasts: Duration) {
        let fair = Link::fair();
        let link = match kind {
            NodeCutFromMember => Link {
                cut_from: vec![self.rng.random_range(0..MEMBERS)],
                ..fair
            },
            NodeLosesPackets => Link {
                lose_request: self.rng.random_range(0.0..0.4),
                lose_answer: self.rng.random_range(0.1..0.6),
                ..fair
            },
            NodeLate => Link {
                late: self.rng.random_range(0.1..0.6),
                late_by: 100..=8000,
                ..fair
            },
            CollectorLosesAnswers => Link {
                lose_answer: self.rng.random_range(0.1..0.6),
                late: 0.2,
                late_by: 100..=4000,
                ..fair
            },
            _ => Link { cut: true, ..fair },
        };
        self.scene.etcd.set_link(machine, link);
        sleep(lasts).await;
        self.scene.etcd.set_link(machine, Link::fair());
    }

    async fn hit_collector(&mut self, kind: Kind, lasts: Duration) {
        let number = if kind == ThirdCollector {
            2
        } else {
            self.rng.random_range(0..2)
        };
        let scene = self.scene.clone();
        let Some(name) = scene.with_collector(number, |replica| replica.name().to_owned()) else {
            return;
        };
        match kind {
            CollectorKilled => {
                scene.with_collector(number, Replica::kill);
                sleep(lasts).await;
                scene.start_collector(number);
            }
            CollectorPaused => {
                scene.with_collector(number, |replica| replica.pause());
                sleep(lasts).await;
                scene.with_collector(number, |replica| replica.resume());
            }
            CollectorCutFromKubernetes => {
                let trouble = [Trouble::Down, Trouble::Silent];
                let trouble = &trouble[self.rng.random_range(0..trouble.len())];
                scene.kubernetes.set_weather(&name, Weather::all(trouble));
                sleep(lasts).await;
                scene.kubernetes.set_weather(&name, Weather::default());
            }
            ThirdCollector => {
                scene.start_collector(number);
                sleep(lasts).await;
                let graceful = self.rng.random_bool(0.5);
                scene.with_collector(number, |replica| {
                    if graceful {
                        replica.terminate();
                    } else {
                        replica.kill();
                    }
                });
            }
            _ => self.hit_link(&name, kind, lasts).await,
        }
    }

    async fn hit_lists(&mut self, kind: Kind, lasts: Duration) {
        let scene = self.scene.clone();
        let number = self.rng.random_range(0..2);
        let Some(name) = scene.with_collector(number, |replica| replica.name().to_owned()) else {
            return;
        };
        let trouble = match kind {
            // What an earlier moment showed, which a quorum read never does.
            ListStale => {
                let mark = scene.kubernetes.mark();
                sleep(Duration::from_secs(5)).await;
                Some(Trouble::Stale(mark))
            }
            ListEmpty => Some(Trouble::Empty),
            ListCut => Some(Trouble::CutMidList),
            ListRefused => [410, 429, 500]
                .choose(&mut self.rng)
                .copied()
                .map(Trouble::Error),
            _ => None,
        };
        let weather = Weather {
            nodes: trouble.clone().filter(|_| self.rng.random_bool(0.5)),
            pods: trouble,
            watch_is_cut: kind == WatchCut,
            ..Weather::default()
        };
        scene.kubernetes.set_weather(&name, weather);
        sleep(lasts).await;
        scene.kubernetes.set_weather(&name, Weather::default());
    }

    async fn hit_node(&mut self, kind: Kind, lasts: Duration) {
        let scene = self.scene.clone();
        let Some(runtime) = scene.runtimes.choose(&mut self.rng) else {
            return;
        };
        let name = runtime.node().name();
        match kind {
            DiskFull => {
                runtime.node().set_full(true);
                sleep(lasts).await;
                runtime.node().set_full(false);
            }
            // Its containers live.
            KubeletSilent => {
                scene.kubernetes.silence_kubelet(name);
                sleep(lasts).await;
                scene.kubernetes.start_kubelet(name);
            }
            _ => {
                let off = {
                    let runtime = runtime.clone();
                    tokio::task::spawn_local(async move { runtime.reboot(lasts).await })
                };
                // An operator who sees that the machine is off says so.
                sleep((PATIENCE + Duration::from_secs(5)).min(lasts / 2)).await;
                if kind == NodeDeleted {
                    scene.kubernetes.delete_node(name);
                } else {
                    scene.kubernetes.set_out_of_service(name, true);
                }
                for pod in runtime.pods() {
                    runtime.stop(&pod);
                }
                // The operator may forget to take it back for a while.
                let _ = off.await;
                sleep(Duration::from_millis(self.rng.random_range(0..30_000))).await;
                scene.kubernetes.set_out_of_service(name, false);
            }
        }
    }
}
