//! The real leg.

use std::env;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::{Conclusion, Results, check, commit, say};
use crate::real::catalogue;
use crate::real::driver::{self, Options};
use crate::real::faults;
use crate::real::isolation;
use crate::real::plan::{self, Plan};

/// What a change must stand before it is merged: of every family, what tells the most.
const USUAL: [&str; 12] = [
    "leader_killed",
    "plugin_killed",
    "leader_paused",
    "answers_lost",
    "leader_cut_off",
    "collector_paused",
    "packets_lost",
    "kubernetes_list_empty",
    "quota_reached",
    "node_rebooted",
    "member_replaced",
    "pod_recreated",
];

/// The seed of the usual run. It is the same each time, so that a failure is the change's.
const USUAL_SEED: u64 = 1;

/// What is run.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The seed of the workload and of the schedule [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// The kinds of faults, one after the other: names with commas between them, `usual` or `all`
    /// [default: as many as --seconds has room for, in an order of the seed's]
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// How the pods come and go
    #[arg(long, default_value = "churn", value_parser = plan::NAMES)]
    workload: String,
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
            workload: "churn".to_owned(),
            seconds: 0,
            hold: 3,
            results,
        }
    }

    /// A run of that seed, of about so many seconds.
    pub(super) fn of_soak(seed: u64, workload: &str, seconds: u64, results: Results) -> Self {
        Self {
            seed: Some(seed),
            faults: Vec::new(),
            workload: workload.to_owned(),
            seconds,
            hold: 3,
            results,
        }
    }

    fn words(&self) -> Result<Vec<String>> {
        let mut words = vec!["real".to_owned()];
        let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
        flag("seed", self.seed.context("no seed was chosen")?.to_string());
        if !self.faults.is_empty() {
            flag("faults", self.faults.join(","));
        }
        flag("workload", self.workload.clone());
        flag("seconds", self.seconds.to_string());
        flag("hold", self.hold.to_string());
        flag("results", self.results.results.display().to_string());
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
    let mut arguments = arguments.clone();
    arguments
        .seed
        .get_or_insert_with(|| rand::random::<u64>() >> 32);
    again(&arguments.words()?)
}

fn inside(arguments: &Arguments) -> Result<Conclusion> {
    let seed = arguments.seed.context("no seed was chosen")?;
    let plan = Plan::named(&arguments.workload).context("no such workload")?;
    let results = env::current_dir()?.join(&arguments.results.results);
    let options = Options {
        seed,
        faults: schedule(arguments, seed, &plan)?,
        plan,
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
fn schedule(arguments: &Arguments, seed: u64, plan: &Plan) -> Result<Vec<String>> {
    let every = faults::KINDS.iter().chain(&catalogue::KINDS);
    let every: Vec<_> = every.map(|&kind| kind.to_owned()).collect();
    let mut chosen = Vec::new();
    for name in &arguments.faults {
        match name.as_str() {
            "usual" => chosen.extend(USUAL.map(str::to_owned)),
            "all" => chosen.extend(every.clone()),
            kind => {
                ensure!(
                    every.iter().any(|one| one == kind),
                    "no fault is called {kind}"
                );
                chosen.push(kind.to_owned());
            }
        }
    }
    if arguments.faults.is_empty() {
        chosen = every;
        chosen.shuffle(&mut StdRng::seed_from_u64(seed));
        // With the calm between them.
        let count = usize::try_from(arguments.seconds / (arguments.hold + 6))?;
        chosen.truncate(count.max(1));
    }
    if plan.pods_each > 1 {
        // Where a kubelet has many pods at once, it ends none of them in time.
        chosen.retain(|kind| !kind.starts_with("pod_") && kind != "node_not_ready");
    }
    Ok(chosen)
}

/// Repeats a run of which the results are there: the same workload and the same faults.
pub(super) fn replay(seed: u64, results: &Results) -> Result<Conclusion> {
    let kept = driver::results(&results.results, seed).join("arguments");
    let words = fs::read_to_string(&kept).with_context(|| kept.display().to_string())?;
    again(&words.lines().map(str::to_owned).collect::<Vec<_>>())
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
