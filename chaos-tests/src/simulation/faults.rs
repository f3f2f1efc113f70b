//! What goes wrong in a simulated run, and how it is taken back.
//!
//! The models do exactly what they are told, so a fault is proven by its construction; how often it hit
//! something is in the tallies of the models.

mod kind;
mod strike;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::etcd::{Link, MEMBERS};
use super::kubernetes::Weather;
use super::plan::Story;
use super::scene::Scene;
use crate::history::{Fault, What};

use kind::Kind;
use strike::Strike;

/// Breaks things until it is over.
pub struct Storm {
    scene: Scene,
    rng: StdRng,
    story: Story,
    kinds: Vec<Kind>,
    struck: u64,
    under_way: JoinSet<()>,
}

impl Storm {
    /// A storm over this scene.
    pub fn new(scene: &Scene, story: Story, mut rng: StdRng) -> Self {
        Self {
            scene: scene.clone(),
            kinds: Kind::some_of(story, &mut rng),
            story,
            rng,
            struck: 0,
            under_way: JoinSet::new(),
        }
    }

    /// Blows until then, with a fault every so often, and waits until all are taken back.
    pub async fn blow(&mut self, every: Duration, until: Instant) {
        if self.story == Story::Restores {
            self.restore_later(until);
        }
        let longest = 2 * u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        loop {
            let pause = Duration::from_millis(self.rng.random_range(0..longest));
            if Instant::now() + pause >= until {
                break;
            }
            sleep(pause).await;
            if let Some(kind) = self.kinds.choose(&mut self.rng).copied() {
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
        let rng = StdRng::seed_from_u64(self.rng.next_u64());
        Strike::new(&self.scene, rng, fault)
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
            let etcd = strike.etcd();
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
