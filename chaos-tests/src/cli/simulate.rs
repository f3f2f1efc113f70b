//! The simulated leg.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use super::{Conclusion, Results, check, commit, say};
use crate::checks::{self, Finish};
use crate::mutants::Mutant;
use crate::simulation::campaign::{Campaign, Summary};
use crate::simulation::run;

/// The seeds that ever failed, from the root of the repository: they run first for ever.
const FAILED: &str = "chaos-tests/seeds/failed.txt";

/// What is run.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The first seed; the next has the next [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// So many seeds at most
    #[arg(long)]
    seeds: Option<u64>,
    /// For so long at most
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The bug to plant in all of them; then the first seed that finds it is the last
    #[arg(long)]
    mutant: Option<Mutant>,
    #[command(flatten)]
    results: Results,
}

impl Arguments {
    /// The part of the run of everything.
    pub(super) fn of_all(results: Results) -> Self {
        Self {
            seed: None,
            seeds: None,
            seconds: 60,
            mutant: None,
            results,
        }
    }
}

/// Runs the seeds that failed before, and then others.
pub(super) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let mut conclusion = Conclusion::Passed;
    if arguments.mutant.is_none() {
        for seed in known()? {
            let again = replay(seed, &arguments.results)?;
            say(&format!(
                "simulation: seed {seed}, which failed before: {again}"
            ));
            // One that has become void is none of those that count.
            conclusion = conclusion.max(if again == Conclusion::Failed {
                again
            } else {
                conclusion
            });
        }
    }
    let first = arguments
        .seed
        .unwrap_or_else(|| rand::random::<u64>() >> 32);
    let campaign = Campaign {
        first,
        most: arguments.seeds.unwrap_or(u64::MAX),
        time: Duration::from_secs(arguments.seconds),
        mutant: arguments.mutant,
        until_failure: arguments.mutant.is_some(),
    };
    let began = Instant::now();
    let summary = campaign.run()?;
    tell(first, &summary, began.elapsed());
    for seed in summary.failed.keys() {
        if arguments.mutant.is_none() {
            remember(*seed)?;
        }
    }
    if let Some(seed) = summary.failed.keys().next() {
        let failed = simulate(*seed, arguments.mutant, &arguments.results)?;
        return Ok(conclusion.max(failed));
    }
    if summary.seeds == summary.void {
        return Ok(conclusion.max(Conclusion::Void));
    }
    Ok(conclusion)
}

fn tell(first: u64, summary: &Summary, took: Duration) {
    let hours = summary.virtual_time.as_secs() / 3600;
    let faults: u64 = summary.faults.values().sum();
    let per_minute = u128::from(summary.seeds) * 60_000 / took.as_millis().max(1);
    say(&format!(
        "simulation: {} seeds from {first} in {} s, {per_minute} a minute, {} void, {} failed: {hours} \
         virtual hours, {} requests, {} acknowledged calls, {faults} faults of {} kinds",
        summary.seeds,
        took.as_secs(),
        summary.void,
        summary.failed.len(),
        summary.requests,
        summary.acknowledged,
        summary.faults.len(),
    ));
    let kinds = summary.faults.iter();
    let kinds: Vec<_> = kinds
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    say(&format!("  faults: {}", kinds.join(", ")));
    for (seed, verdict) in &summary.failed {
        if let Some(violation) = verdict.violations.first() {
            say(&format!(
                "  seed {seed}: {}: {}",
                violation.check, violation.what
            ));
        }
    }
}

/// Runs one seed again, bit for bit.
pub(super) fn replay(seed: u64, results: &Results) -> Result<Conclusion> {
    simulate(seed, None, results)
}

/// Runs one seed and judges it; what is not passed is kept.
fn simulate(seed: u64, mutant: Option<Mutant>, results: &Results) -> Result<Conclusion> {
    let simulated = run::run(seed, mutant)?;
    if checks::check(&simulated.history).finish == Finish::Passed {
        return Ok(Conclusion::Passed);
    }
    let directory = results.results.join(format!("simulation-{seed}"));
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let file = File::create(directory.join("history.jsonl"))?;
    let mut file = BufWriter::new(file);
    simulated.history.write(&mut file)?;
    file.flush()?;
    check::judge(&simulated.history, &directory)
}

/// The seeds that failed before.
fn known() -> Result<Vec<u64>> {
    let path = Path::new(FAILED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let seeds = lines.filter_map(|line| line.split_whitespace().next());
    seeds
        .map(|seed| seed.parse().with_context(|| format!("{FAILED}: {seed}")))
        .collect()
}

/// A seed that failed runs first for ever.
fn remember(seed: u64) -> Result<()> {
    if known()?.contains(&seed) {
        return Ok(());
    }
    let path = PathBuf::from(FAILED);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    writeln!(file, "{seed} {}", commit())?;
    Ok(())
}
