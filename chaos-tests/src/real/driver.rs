//! One run of the real leg: one seed, from an empty network to a history.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::binaries;
use crate::checks::{self, Finish};
use crate::history::{History, Run, What};
use crate::layout::{DEFAULT_PREFIX, Layout};
use crate::mutants::Culprit;
use crate::real::calls::Caller;
use crate::real::cluster::Settings;
use crate::real::containers::Containers;
use crate::real::control_plane::ControlPlane;
use crate::real::nodes::Node;
use crate::real::observer::Observer;
use crate::real::plan::{COOLDOWN, Plan};
use crate::real::planted::{Planted, Program};
use crate::real::recorder::Recorder;
use crate::real::replicas::{self, Replica};
use crate::real::stage::Stage;
use crate::real::striking::Striking;
use crate::real::workload::Worker;
use crate::real::{Lab, background, network, settling};

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

/// How long everything may take to come right.
const SETTLING: Duration = Duration::from_secs(90);

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of the workload and of the schedule.
    pub seed: u64,
    /// The workload.
    pub plan: Plan,
    /// The kinds of faults, one after the other; those with a `+` between them at once.
    pub faults: Vec<String>,
    /// The bug that is planted.
    pub planted: Option<Planted>,
    /// Whether the members are of two versions of etcd.
    pub mixed: bool,
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
    let logs = options.results.clone();
    let settings = if options.mixed {
        Settings::mixed(logs)?.context("there is only one version of etcd here")?
    } else {
        Settings::newest(logs)?
    };
    let lab = Lab::start(settings)?;
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

/// What is run as the plugin, or as the collectors.
fn program(options: &Options, whose: Culprit) -> Result<Program> {
    let planted = options.planted.as_ref();
    if let Some(planted) = planted.filter(|planted| planted.mutant.culprit() == whose) {
        return planted.program(whose);
    }
    Ok(Program::new(match whose {
        Culprit::Plugin => binaries::plugin()?,
        Culprit::Collector => binaries::collector()?,
    }))
}

fn described(options: &Options) -> Run {
    let millis = |time: Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
    Run {
        leg: "real".to_owned(),
        wall: Timestamp::now().as_second().try_into().unwrap_or_default(),
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
        mutant: options
            .planted
            .as_ref()
            .map(|one| one.mutant.name().to_owned()),
        least_operations: options.plan.least_operations,
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
                program: program(options, Culprit::Collector)?,
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
    let plugin = program(options, Culprit::Plugin)?;
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
        let background = background::start(scope, lab, stage, SWEEP_EVERY);
        let workers: Vec<_> = (0..stage.plan.workers)
            .map(|number| {
                scope.spawn(move || {
                    let number = u64::try_from(number).unwrap_or(0);
                    background::report(stage, "the workload", Worker::new(stage, number).work());
                })
            })
            .collect();
        let struck = Striking {
            lab,
            stage,
            hold: options.hold,
            strikes: options.strikes,
            say,
        }
        .all(&options.faults, GRACE, rng);
        stage.closing.store(true, Ordering::SeqCst);
        let mut all_ended = true;
        for worker in workers {
            all_ended &= worker.join().is_ok();
        }
        let end = struck.and_then(|()| {
            ensure!(all_ended, "a worker panicked");
            if options.planted.is_some() && has_failed(stage) {
                return Ok(None);
            }
            settling::settle(stage, SETTLING, say).map(Some)
        });
        stage.over.store(true, Ordering::SeqCst);
        for thread in background {
            let _ = thread.join();
        }
        if let Some(end) = end? {
            stage.recorder.push(What::End(end));
        }
        let trouble = stage.recorder.trouble();
        trouble.map_or(Ok(()), |trouble| Err(anyhow!(trouble)))
    })
}

/// Whether a promise was broken by now. What a planted bug has done may never come right, so that nobody
/// waits for it once it is found.
fn has_failed(stage: &Stage) -> bool {
    checks::check(&stage.recorder.so_far()).finish == Finish::Failed
}

/// Where the results of a run are.
pub fn results(root: &Path, seed: u64) -> PathBuf {
    root.join(format!("real-{seed}"))
}
