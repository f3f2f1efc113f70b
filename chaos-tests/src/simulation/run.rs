//! One seed from beginning to end.

use std::time::Duration;

use anyhow::Result;
use lease_gc::evidence::Policy;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::clock::EPOCH;
use super::collector::Settings;
use super::faults::Storm;
use super::plan::Plan;
use super::recorder::Recorder;
use super::runtime::{Habits, Runtime, Workload};
use super::scene::Scene;
use crate::history::{History, Run, What};
use crate::mutants::Mutant;

/// How long a Node object must be gone. No fault lasts as long in which the node itself runs.
const NODE_GONE_GRACE: Duration = Duration::from_secs(100);
const SWEEP_EVERY: Duration = Duration::from_secs(20);
/// So long after the faults and the grace period all that they left behind must be gone: two sweeps and more.
const AFTER_GRACE: Duration = Duration::from_secs(100);
/// Fewer acknowledged calls prove nothing.
const LEAST_CALLS: u64 = 20;

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// What happened.
    pub history: History,
    /// How much time passed.
    pub virtual_time: Duration,
    /// How many requests were sent to etcd.
    pub requests: u64,
}

/// Runs a seed.
///
/// # Errors
/// If what works without faults does not: then the simulation itself is broken.
pub fn run(seed: u64, mutant: Option<Mutant>) -> Result<Simulated> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    LocalSet::new().block_on(&runtime, simulate(seed, mutant))
}

async fn simulate(seed: u64, mutant: Option<Mutant>) -> Result<Simulated> {
    let mut rng = StdRng::seed_from_u64(seed);
    let plan = Plan::new(&mut rng);
    let settings = Settings {
        sweep_every: SWEEP_EVERY,
        policy: Policy {
            grace: plan.grace,
            node_gone_grace: NODE_GONE_GRACE,
            ..Policy::default()
        },
        ..Settings::default()
    };
    let recorder = Recorder::begin();
    recorder.push(What::Run(about(seed, mutant, &plan, &settings)));
    let scene = Scene::set_up(&plan, &settings, mutant, &recorder, &mut rng).await?;
    let chance = |rng: &mut StdRng| StdRng::seed_from_u64(rng.next_u64());

    let mut workload = Workload::new(
        scene.runtimes.clone(),
        plan.most_pods,
        plan.longest_pause,
        chance(&mut rng),
    )
    .with_reboots(plan.reboots)
    .with_delay(plan.longest_delay);
    let mut storm = Storm::new(&scene, plan.story, chance(&mut rng));
    let until = Instant::now() + plan.storm;
    tokio::join!(workload.run(until), storm.blow(plan.faults_every, until),);
    for runtime in &scene.runtimes {
        runtime.set_habits(Habits::good());
    }
    storm.heal().await;
    recorder.push(What::Healed);
    workload
        .calm()
        .run(Instant::now() + Duration::from_secs(30))
        .await;
    workload.thin_out();
    let aftermath = plan.grace + AFTER_GRACE;
    sleep(aftermath / 2).await;
    keep_asking(&scene.runtimes).await;
    // Proves that ADD and DEL work again.
    let last = workload.create();
    sleep(aftermath / 4).await;
    if let Some(uid) = last {
        scene.runtimes.iter().for_each(|runtime| runtime.stop(&uid));
    }
    sleep(aftermath / 4).await;
    keep_asking(&scene.runtimes).await;
    recorder.push(What::End(scene.end()));
    Ok(Simulated {
        virtual_time: recorder.began().elapsed(),
        requests: scene.etcd.tally().sent,
        history: recorder.take(),
    })
}

/// Runtimes ask every few seconds whether their networks work; what waits in the spools goes with it.
async fn keep_asking(runtimes: &[Runtime]) {
    for runtime in runtimes {
        runtime.status(0).await;
    }
}

fn about(seed: u64, mutant: Option<Mutant>, plan: &Plan, settings: &Settings) -> Run {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Run {
        wall: EPOCH.as_secs(),
        leg: "simulation".to_owned(),
        seed,
        commit: String::new(),
        mutant: mutant.map(|mutant| mutant.name().to_owned()),
        workload: plan.story.name().to_owned(),
        prefix: settings.prefix.clone(),
        ranges: plan.ranges.clone(),
        cooldown: milliseconds(plan.cooldown),
        grace: milliseconds(settings.policy.grace),
        node_gone_grace: milliseconds(settings.policy.node_gone_grace),
        election_ttl: milliseconds(settings.election_ttl),
        sweep_every: milliseconds(settings.sweep_every),
        least_operations: LEAST_CALLS,
    }
}
