//! One run of the real leg: one seed, from an empty network to a history.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::binaries;
use crate::history::{self, End, History, Run, What};
use crate::layout::{DEFAULT_PREFIX, Layout};
use crate::real::Lab;
use crate::real::calls::{Caller, Disturbance, Order};
use crate::real::catalogue;
use crate::real::cluster::Settings;
use crate::real::containers::Containers;
use crate::real::control_plane::{ControlPlane, Pod};
use crate::real::faults::Fault;
use crate::real::network;
use crate::real::nodes::Node;
use crate::real::observer::Observer;
use crate::real::plan::{COOLDOWN, Plan};
use crate::real::prober::Prober;
use crate::real::recorder::Recorder;
use crate::real::replicas::{self, Replica};
use crate::real::stage::Stage;
use crate::real::workload::Worker;

/// How many nodes there are.
const NODES: u8 = 4;

/// How many collectors there are room for; the last one is not started.
const REPLICAS: u8 = 3;

/// The numbers of their addresses.
const FIRST_NODE: u8 = 31;
const FIRST_REPLICA: u8 = 51;

const ELECTION_TTL: Duration = Duration::from_secs(3);
/// Longer than a kubelet needs to end what was deleted by force.
const GRACE: Duration = Duration::from_secs(6);
const NODE_GONE_GRACE: Duration = Duration::from_secs(8);
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Before the first fault, between two, and after the last.
const CALM: Duration = Duration::from_secs(2);

/// An effect that was not seen for so long will not be.
const PROOF: Duration = Duration::from_secs(40);

/// The same for one that does not strike.
const NO_PROOF: Duration = Duration::from_secs(2);

/// How long everything may take to come right.
const SETTLING: Duration = Duration::from_secs(90);

/// Fewer acknowledged calls prove nothing.
const LEAST_OPERATIONS: u64 = 50;

/// More addresses than this are probed only while somebody has them.
const MOST_PROBED: usize = 300;

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of the workload and of the schedule.
    pub seed: u64,
    /// The workload.
    pub plan: Plan,
    /// The kinds of faults, one after the other.
    pub faults: Vec<String>,
    /// How long each fault lasts at least, once its effect was seen.
    pub hold: Duration,
    /// Whether the faults strike. Where they only aim, none may be proven.
    pub strikes: bool,
    /// The commit of this repository, where known.
    pub commit: String,
    /// Where the history and the logs go.
    pub results: PathBuf,
}

/// Runs. Only inside an isolation. `say` is told what happens, for people.
pub fn run(options: &Options, say: &(dyn Fn(&str) + Sync)) -> Result<History> {
    fs::create_dir_all(&options.results)?;
    let mut rng = StdRng::seed_from_u64(options.seed);
    let lab = Lab::start(Settings::newest(options.results.clone())?)?;
    let recorder = Recorder::begin(&options.results.join("history.jsonl"), described(options))?;
    let stage = Arc::new(set_up(&lab, options, Arc::new(recorder), &mut rng)?);
    let played = play(&lab, &stage, options, &mut rng, say);
    for replica in &stage.replicas {
        let name = format!("{}.log", replica.name());
        // A log that is missing is missed by people only.
        let _ = fs::copy(replica.log_file(), options.results.join(name));
    }
    played?;
    stage.recorder.finish()
}

fn described(options: &Options) -> Run {
    let millis = |time: Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
    Run {
        leg: "real".to_owned(),
        seed: options.seed,
        commit: options.commit.clone(),
        workload: options.plan.name.to_owned(),
        prefix: DEFAULT_PREFIX.to_owned(),
        ranges: options.plan.ranges(),
        cooldown: millis(COOLDOWN),
        grace: millis(GRACE),
        node_gone_grace: millis(NODE_GONE_GRACE),
        election_ttl: millis(ELECTION_TTL),
        sweep_every: millis(SWEEP_EVERY),
        least_operations: LEAST_OPERATIONS,
        ..Run::default()
    }
}

fn set_up(
    lab: &Lab,
    options: &Options,
    recorder: Arc<Recorder>,
    rng: &mut StdRng,
) -> Result<Stage> {
    let endpoints = lab.cluster.endpoints();
    let observer = Arc::new(Observer::start(
        &endpoints,
        DEFAULT_PREFIX,
        Arc::clone(&recorder),
    )?);
    lab.cluster.create_store()?;
    let control_plane = ControlPlane::start(Arc::clone(&recorder))?;
    let mut nodes = Vec::new();
    for number in 0..NODES {
        let address = network::address(FIRST_NODE + number);
        let (machine, boot) = (rng.random(), rng.random());
        let name = format!("node-{number}");
        let node = Node::add(&lab.network, &name, address, machine, boot, &endpoints)?;
        control_plane.tell(&node, true)?;
        nodes.push(node);
    }
    let mut replicas = Vec::new();
    for number in 0..REPLICAS {
        replicas.push(Replica::add(
            &lab.network,
            &format!("collector-{number}"),
            network::address(FIRST_REPLICA + number),
            replicas::Settings {
                program: binaries::collector()?,
                endpoints: endpoints.clone(),
                kubeconfig: control_plane.kubeconfig(),
                election_ttl: ELECTION_TTL,
                grace: GRACE,
                node_gone_grace: NODE_GONE_GRACE,
            },
            Arc::clone(&recorder),
        )?);
    }
    let all_but_one = replicas.iter().take(usize::from(REPLICAS) - 1);
    all_but_one.into_iter().try_for_each(Replica::start)?;
    let layout = Layout::default();
    let plugin = binaries::plugin()?;
    let caller = Caller::new(plugin, layout, Arc::clone(&recorder), Arc::clone(&observer));
    let containers = Containers::lay(Arc::clone(&recorder))?;
    Ok(Stage::new(
        options.seed,
        options.plan.clone(),
        recorder,
        observer,
        nodes,
        containers,
        control_plane,
        caller,
        replicas,
    ))
}

fn play(
    lab: &Lab,
    stage: &Arc<Stage>,
    options: &Options,
    rng: &mut StdRng,
    say: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    thread::scope(|scope| {
        let recorded = |stage: &Stage| {
            lab.cluster.recorded(stage.observer.consumed());
            Ok(())
        };
        let background = [
            repeat(scope, stage, "the log", Duration::from_millis(50), recorded),
            repeat(
                scope,
                stage,
                "kubelets",
                Duration::from_millis(700),
                kubelets,
            ),
            repeat(
                scope,
                stage,
                "collectors",
                Duration::from_millis(200),
                attend,
            ),
            repeat(scope, stage, "sweeps", SWEEP_EVERY, sweeps),
            scope.spawn(|| report(stage, "the probes", probes(stage))),
        ];
        let workers: Vec<_> = (0..stage.plan.workers)
            .map(|number| {
                scope.spawn(move || {
                    let number = u64::try_from(number).unwrap_or(0);
                    report(stage, "the workload", Worker::new(stage, number).work());
                })
            })
            .collect();
        let struck = strike_all(lab, stage, options, rng, say);
        stage.closing.store(true, Ordering::SeqCst);
        let mut all_ended = true;
        for worker in workers {
            all_ended &= worker.join().is_ok();
        }
        let end = struck.and_then(|()| {
            ensure!(all_ended, "a worker panicked");
            settle(stage, say)
        });
        stage.over.store(true, Ordering::SeqCst);
        for thread in background {
            let _ = thread.join();
        }
        stage.recorder.push(What::End(end?));
        let trouble = stage.recorder.trouble();
        trouble.map_or(Ok(()), |trouble| Err(anyhow!(trouble)))
    })
}

/// The faults, one after the other.
fn strike_all(
    lab: &Lab,
    stage: &Arc<Stage>,
    options: &Options,
    rng: &mut StdRng,
    say: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    thread::sleep(CALM);
    for kind in &options.faults {
        let fault = catalogue::make(kind, stage, GRACE, rng);
        let mut fault = fault.with_context(|| format!("no fault is called {kind}"))?;
        let struck = strike(lab, stage, &mut *fault, options, say);
        struck.with_context(|| kind.clone())?;
        if options.strikes {
            thread::sleep(CALM);
        }
    }
    stage.recorder.push(What::Healed);
    thread::sleep(CALM);
    Ok(())
}

fn strike(
    lab: &Lab,
    stage: &Stage,
    fault: &mut dyn Fault,
    options: &Options,
    say: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let number = stage.recorder.next_fault();
    let kind = fault.kind();
    let event = |detail: &str| history::Fault {
        number,
        kind: kind.to_owned(),
        detail: detail.to_owned(),
    };
    lab.cluster.confirm()?;
    let hit = fault.aim(lab)?;
    stage.recorder.push(What::FaultBegins(event(&hit)));
    let begun = Instant::now();
    if options.strikes {
        fault.strike(lab)?;
    }
    follow(lab, stage);
    let patience = if options.strikes { PROOF } else { NO_PROOF };
    let mut proof = None;
    while proof.is_none() && begun.elapsed() < patience {
        proof = fault.proven(lab)?;
        thread::sleep(Duration::from_millis(50));
    }
    if let Some(proof) = &proof {
        stage.recorder.push(What::FaultProven(event(proof)));
        thread::sleep(options.hold);
    }
    if options.strikes {
        fault.end(lab)?;
    }
    follow(lab, stage);
    stage.recorder.push(What::FaultEnds(event(&hit)));
    let took = begun.elapsed().as_secs_f64();
    let proof = proof.as_deref().unwrap_or("NO EFFECT SEEN");
    say(&format!("{kind}: {hit}; {proof} ({took:.1} s)"));
    Ok(())
}

/// Etcd may go on with another line of its history.
fn follow(lab: &Lab, stage: &Stage) {
    let line = lab.cluster.line();
    if line.line != stage.observer.line() {
        stage.observer.turn_to(line);
    }
}

/// Waits until nothing is held any more, then lets one pod more come and go on every network.
fn settle(stage: &Stage, say: &(dyn Fn(&str) + Sync)) -> Result<End> {
    let layout = Layout::default();
    let begun = Instant::now();
    let is_free = || -> Result<bool> {
        Ok(stage.observer.list(&layout.owners())?.is_empty()
            && stage.observer.list(&layout.addresses())?.is_empty())
    };
    while !is_free()? && begun.elapsed() < SETTLING {
        thread::sleep(Duration::from_millis(500));
    }
    say(&format!(
        "settled in {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    last_calls(stage)?;
    // The rest of what they released ends, too.
    let begun = Instant::now();
    while !is_free()? && begun.elapsed() < SETTLING {
        thread::sleep(Duration::from_millis(500));
    }
    let mut spooled = 0;
    for node in &stage.nodes {
        spooled += u64::try_from(node.spooled()?.len())?;
    }
    let leaked = stage.replicas.iter().filter_map(Replica::leaked_files);
    let up = stage.containers.up().into_iter();
    Ok(End {
        owners: stage.observer.list(&layout.owners())?.into_keys().collect(),
        addresses: stage.observer.list(&layout.addresses())?,
        up: up.map(|interface| interface.attachment).collect(),
        spooled,
        held_by_breaker: false,
        zombies: zombies()?,
        leaked_files: leaked.max().unwrap_or(0),
    })
}

fn last_calls(stage: &Stage) -> Result<()> {
    let node = stage.nodes.first().context("no node")?;
    for network in &stage.plan.networks {
        let pod = Pod {
            name: "last".to_owned(),
            uid: format!("last-{}", stage.next_name()),
            node: node.name().to_owned(),
        };
        stage.control_plane.create(&pod)?;
        for verb in ["ADD", "DEL"] {
            let order = Order {
                verb,
                network,
                container: &pod.uid,
                pod: Some(&pod),
                more: None,
                disturbance: Disturbance::None,
            };
            stage.caller.call(node, node.boots(), &order)?;
        }
        stage.control_plane.delete(&pod)?;
    }
    Ok(())
}

/// How many processes of ours are there that should not be. Nobody else's are seen in an isolation.
fn zombies() -> Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        // A process that is gone by now is none.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let is_plugin = stat.contains("(etcd-ipam)");
        let is_dead_collector = stat.contains("(lease-gc) Z");
        count += u64::from(is_plugin || is_dead_collector);
    }
    Ok(count)
}

/// Does something again and again until the run is over.
fn repeat<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stage: &'scope Stage,
    name: &'static str,
    every: Duration,
    what: impl Fn(&Stage) -> Result<()> + Send + 'scope,
) -> thread::ScopedJoinHandle<'scope, ()> {
    scope.spawn(move || {
        while !stage.is_over() {
            report(stage, name, what(stage));
            thread::sleep(every);
        }
    })
}

/// A harness that fails has proved nothing.
fn report(stage: &Stage, name: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        stage.recorder.spoil(format!("{name}: {error:#}"));
    }
}

fn kubelets(stage: &Stage) -> Result<()> {
    let mut nodes = stage.nodes.iter();
    nodes.try_for_each(|node| stage.control_plane.tell(node, false))
}

fn attend(stage: &Stage) -> Result<()> {
    stage.replicas.iter().try_for_each(Replica::attend)
}

fn sweeps(stage: &Stage) -> Result<()> {
    stage.replicas.iter().try_for_each(Replica::sweep)
}

fn probes(stage: &Stage) -> Result<()> {
    let prober = Prober::new()?;
    let every: BTreeSet<_> = stage
        .plan
        .ranges()
        .iter()
        .flat_map(addresses)
        .take(MOST_PROBED + 1)
        .collect();
    while !stage.is_over() {
        let asked = if every.len() > MOST_PROBED {
            let up = stage.containers.up().into_iter();
            up.flat_map(|one| {
                one.addresses
                    .into_iter()
                    .map(move |ip| (one.space.clone(), ip))
            })
            .collect()
        } else {
            every.clone()
        };
        prober.probe(&asked, &stage.containers, &stage.recorder)?;
        thread::sleep(Duration::from_millis(850));
    }
    Ok(())
}

fn addresses(range: &history::Range) -> Vec<(String, std::net::IpAddr)> {
    let (std::net::IpAddr::V4(first), std::net::IpAddr::V4(last)) = (range.first, range.last)
    else {
        return Vec::new();
    };
    let all = first.to_bits()..=last.to_bits();
    all.map(|bits| (range.space.clone(), std::net::Ipv4Addr::from(bits).into()))
        .collect()
}

/// Where the results of a run are.
pub fn results(root: &Path, seed: u64) -> PathBuf {
    root.join(format!("real-{seed}"))
}
