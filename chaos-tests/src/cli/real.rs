//! The real leg.

use std::env;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

use super::{Conclusion, Results, check, commit, say};
use crate::install;
use crate::mutants::Mutant;
use crate::real::catalogue;
use crate::real::driver::{self, Options};
use crate::real::faults;
use crate::real::isolation;
use crate::real::plan::{self, Plan};
use crate::real::planted::{Planted, Recipe};

/// What a change must stand before it is merged: of every family, what tells the most.
const USUAL: [&str; 10] = [
    "leader_killed",
    "leader_paused+plugin_killed",
    "answers_lost",
    "leader_cut_off+kubernetes_list_empty",
    "collector_paused",
    "packets_lost",
    "quota_reached",
    "node_rebooted",
    "member_replaced",
    "pod_recreated",
];

/// The seed of the usual run. It is the same each time, so that a failure is the change's.
const USUAL_SEED: u64 = 1;

/// One fault with what surrounds it, in a schedule (seconds).
const EACH: u64 = 6;

/// What is run.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The seed of the workload and of the schedule [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// The kinds of faults, one after the other: names with commas between them, with a `+` between those
    /// that come at once; `usual` or `all`
    /// [default: as many as --seconds has room for, in an order of the seed's]
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// How the pods come and go [default: churn]
    #[arg(long, value_parser = plan::NAMES)]
    workload: Option<String>,
    /// The bug to plant; workload and faults are those that find it, unless they are named
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Run the cluster of members of two versions of etcd
    #[arg(long)]
    mixed: bool,
    /// For how long about, where no faults are named
    #[arg(long, default_value_t = 150)]
    seconds: u64,
    /// How long an effect lasts after it was seen (seconds)
    #[arg(long, default_value_t = 3)]
    hold: u64,
    #[command(flatten)]
    results: Results,
}

impl Arguments {
    /// The part of the run of everything.
    pub(super) fn of_all(results: Results) -> Self {
        Self {
            seed: Some(USUAL_SEED),
            faults: vec!["usual".to_owned()],
            workload: None,
            mutant: None,
            mixed: false,
            seconds: 0,
            hold: 3,
            results,
        }
    }

    /// A run of that seed, of about so many seconds. Where there are two versions of etcd, every second seed
    /// has both.
    pub(super) fn of_soak(seed: u64, workload: &str, seconds: u64, results: Results) -> Self {
        Self {
            seed: Some(seed),
            faults: Vec::new(),
            workload: Some(workload.to_owned()),
            mutant: None,
            mixed: install::etcd_versions().len() > 1 && seed % 2 == 1,
            seconds,
            hold: 3,
            results,
        }
    }

    /// The same with a seed, and with what finds the planted bug.
    fn completed(&self) -> Result<Self> {
        let mut whole = self.clone();
        whole
            .seed
            .get_or_insert_with(|| rand::random::<u64>() >> 32);
        if let Some(mutant) = self.mutant
            && self.faults.is_empty()
        {
            let recipe =
                Recipe::of(mutant).context("no faults are known to find this bug: name some")?;
            whole.faults = recipe.faults.iter().map(|&kind| kind.to_owned()).collect();
            whole
                .workload
                .get_or_insert_with(|| recipe.workload.to_owned());
        }
        Ok(whole)
    }

    /// The words that call it.
    pub(super) fn words(&self) -> Result<Vec<String>> {
        let mut words = vec!["real".to_owned()];
        let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
        flag("seed", self.seed.context("no seed was chosen")?.to_string());
        if !self.faults.is_empty() {
            flag("faults", self.faults.join(","));
        }
        if let Some(workload) = &self.workload {
            flag("workload", workload.clone());
        }
        if let Some(mutant) = self.mutant {
            flag("mutant", mutant.name().to_owned());
        }
        flag("seconds", self.seconds.to_string());
        flag("hold", self.hold.to_string());
        flag("results", self.results.results.display().to_string());
        if self.mixed {
            words.push("--mixed".to_owned());
        }
        Ok(words)
    }
}

/// Runs, in namespaces of its own.
pub(super) fn run(arguments: &Arguments) -> Result<Conclusion> {
    if isolation::is_inside() {
        inside(arguments)
    } else {
        apart(arguments)
    }
}

/// Runs this program again in namespaces of its own; where there can be none, the run is skipped.
pub(super) fn apart(arguments: &Arguments) -> Result<Conclusion> {
    again(&arguments.completed()?.words()?)
}

fn inside(arguments: &Arguments) -> Result<Conclusion> {
    let seed = arguments.seed.context("no seed was chosen")?;
    let workload = arguments.workload.as_deref().unwrap_or("churn");
    let plan = Plan::named(workload).context("no such workload")?;
    let program = env::current_exe()?.with_file_name("mutant");
    let planted = arguments.mutant.map(|mutant| Planted { mutant, program });
    let results = env::current_dir()?.join(&arguments.results.results);
    let options = Options {
        seed,
        faults: schedule(arguments, seed, &plan)?,
        plan,
        planted,
        mixed: arguments.mixed,
        hold: Duration::from_secs(arguments.hold),
        strikes: true,
        commit: commit(),
        results: driver::results(&results, seed),
    };
    fs::create_dir_all(&options.results)?;
    let words = arguments.words()?.join("\n");
    fs::write(options.results.join("arguments"), words)?;
    say(&format!(
        "real: seed {seed}, workload {}, {} faults, in {}",
        options.plan.name,
        options.faults.len(),
        options.results.display()
    ));
    let history = driver::run(&options, &|line| say(&format!("real: {line}")))?;
    check::judge(&history, &options.results)
}

/// The kinds of faults, in their order.
pub(super) fn schedule(arguments: &Arguments, seed: u64, plan: &Plan) -> Result<Vec<String>> {
    let every = faults::KINDS.iter().chain(&catalogue::KINDS).copied();
    let every: Vec<_> = every.filter(|kind| plan.allows(kind)).collect();
    let mut chosen = Vec::new();
    for name in &arguments.faults {
        match name.as_str() {
            "usual" => chosen.extend(USUAL.map(str::to_owned)),
            "all" => chosen.extend(every.iter().map(|&kind| kind.to_owned())),
            kinds => {
                for kind in kinds.split('+') {
                    ensure!(
                        every.contains(&kind),
                        "no fault that goes with this workload is called {kind}"
                    );
                }
                chosen.push(kinds.to_owned());
            }
        }
    }
    if arguments.faults.is_empty() {
        let count = usize::try_from(arguments.seconds / (arguments.hold + EACH))?;
        chosen = at_random(every, plan, count.max(1), seed);
    }
    Ok(chosen)
}

/// So many faults, some of them with another one at the same time.
fn at_random(mut every: Vec<&str>, plan: &Plan, count: usize, seed: u64) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(seed);
    every.shuffle(&mut rng);
    if let Some(first) = plan.begins_with {
        every.retain(|kind| *kind != first);
        every.insert(0, first);
    }
    let beside: Vec<_> = catalogue::KINDS
        .into_iter()
        .filter(|kind| plan.allows(kind))
        .collect();
    let mut alone_or_not = |kind: &str| match beside.choose(&mut rng) {
        Some(other) if catalogue::BEARABLE.contains(&kind) && rng.random_bool(0.6) => {
            format!("{kind}+{other}")
        }
        _ => kind.to_owned(),
    };
    every.truncate(count);
    every.into_iter().map(&mut alone_or_not).collect()
}

/// Repeats a run of which the results are there: the same workload and the same faults. What comes of it
/// goes beside them.
pub(super) fn replay(seed: u64, results: &Results) -> Result<Conclusion> {
    let kept = driver::results(&results.results, seed).join("arguments");
    let words = fs::read_to_string(&kept).with_context(|| kept.display().to_string())?;
    let mut words: Vec<_> = words.lines().map(str::to_owned).collect();
    words.retain(|word| !word.starts_with("--results="));
    let place = results.results.join("replayed");
    words.push(format!("--results={}", place.display()));
    again(&words)
}

/// Runs this program again, inside, with these arguments.
fn again(words: &[String]) -> Result<Conclusion> {
    if let Some(reason) = isolation::obstacle()? {
        say(&format!("skipped: the real leg: {reason}"));
        return Ok(Conclusion::Skipped);
    }
    let status = isolation::run_inside(words)?;
    Ok(match status.code() {
        Some(0) => Conclusion::Passed,
        Some(1) => Conclusion::Failed,
        _ => Conclusion::Void,
    })
}
