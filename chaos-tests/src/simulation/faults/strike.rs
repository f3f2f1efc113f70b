//! One fault, from its beginning to its end.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::time::{Instant, sleep};

use super::kind::Kind;
use crate::history::{Fault, What};
use crate::simulation::collector::Replica;
use crate::simulation::etcd::{Cluster, Late, Link, MEMBERS};
use crate::simulation::kubernetes::{BEAT, PATIENCE, Trouble, Weather};
use crate::simulation::runtime::Runtime;
use crate::simulation::scene::Scene;

/// How wrong a wall clock goes at most (milliseconds).
const WORST_CLOCK: i64 = 90 * 60 * 1000;

#[allow(
    clippy::enum_glob_use,
    reason = "the kinds are named in tables, where a prefix would hide them"
)]
use Kind::*;

/// One fault.
pub(super) struct Strike {
    scene: Scene,
    rng: StdRng,
    fault: Fault,
}

impl Strike {
    /// A fault that has begun.
    pub(super) fn new(scene: &Scene, rng: StdRng, fault: Fault) -> Self {
        Self {
            scene: scene.clone(),
            rng,
            fault,
        }
    }

    /// The etcd that it hits.
    pub(super) fn etcd(&self) -> &Cluster {
        &self.scene.etcd
    }

    /// It is taken back.
    pub(super) fn end(&mut self) {
        self.scene.tell(What::FaultEnds(self.fault.clone()));
    }

    /// Breaks something for so long, and mends it.
    pub(super) async fn carry_out(&mut self, kind: Kind, lasts: Duration) {
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
            | CollectorWritesLate
            | CollectorWritesHeld
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
            ApiSlow | ListStale | ListEmpty | ListCut | ListRefused | WatchCut => {
                self.hit_lists(kind, lasts).await;
            }
            KubeletSilent | NodeOff | NodeDeleted | NodeForgotten | TaintForgotten | DiskFull => {
                self.hit_node(kind, lasts).await;
            }
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
            CollectorWritesLate => Link {
                late: 0.7,
                late_by: 500..=10_000,
                late_ones: Late::Changes,
                ..fair
            },
            // Longer than an election's lease.
            CollectorWritesHeld => Link {
                late: 1.0,
                late_by: 16_000..=40_000,
                late_ones: Late::ChangesAndLeases,
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
            self.a_collector()
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

    /// Mostly the one that leads: the other one does nothing.
    fn a_collector(&mut self) -> usize {
        let any = self.rng.random_range(0..2);
        match self.scene.leader() {
            Some(leader) if self.rng.random_bool(0.7) => leader,
            _ => any,
        }
    }

    async fn hit_lists(&mut self, kind: Kind, lasts: Duration) {
        let scene = self.scene.clone();
        let number = self.a_collector();
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
            slow: Duration::from_millis(if kind == ApiSlow {
                self.rng.random_range(1000..15_000)
            } else {
                0
            }),
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
            NodeForgotten | TaintForgotten => self.forget(kind, runtime, lasts).await,
            _ => {
                let off = {
                    let runtime = runtime.clone();
                    tokio::task::spawn_local(async move { runtime.reboot(lasts).await })
                };
                // An operator who sees that the machine is off says so.
                let seen = PATIENCE + BEAT + Duration::from_secs(1);
                sleep(seen.min(lasts.mul_f64(0.8))).await;
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

    /// The API lacks what runs on, until the kubelet is heard again and ends it.
    async fn forget(&mut self, kind: Kind, runtime: &Runtime, lasts: Duration) {
        let kubernetes = self.scene.kubernetes.clone();
        let name = runtime.node().name();
        let until = Instant::now() + lasts;
        if kind == TaintForgotten {
            kubernetes.set_out_of_service(name, true);
            sleep(Duration::from_millis(self.rng.random_range(1000..5000))).await;
        }
        kubernetes.silence_kubelet(name);
        let later = Duration::from_millis(self.rng.random_range(0..10_000));
        sleep(later.min(until - Instant::now())).await;
        if kind == NodeForgotten {
            kubernetes.delete_node(name);
        }
        let forsaken = runtime.forsake();
        tokio::time::sleep_until(until).await;
        kubernetes.set_out_of_service(name, false);
        kubernetes.start_kubelet(name);
        for pod in forsaken {
            runtime.stop(&pod);
        }
    }
}
