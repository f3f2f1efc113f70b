//! The real leg for hours.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use super::{Conclusion, Results, check, real, say};
use crate::checks;
use crate::history::What;
use crate::real::{driver, plan};

/// How long one run of many is (seconds).
const LENGTH: u64 = 300;

/// What is run.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// For how long
    #[arg(long)]
    hours: f64,
    /// The seed of the first run; the next has the next [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    results: Results,
}

/// What came of all runs so far.
#[derive(Debug, Default)]
struct Summary {
    passed: u32,
    void: u32,
    acknowledged: u64,
    faults: usize,
}

/// Runs one seed after the other, with one workload after the other, until the time is over or a promise
/// is broken. Of what passed nothing is kept.
pub(super) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let begun = Instant::now();
    let time = Duration::try_from_secs_f64(arguments.hours * 3600.0)?;
    let first = arguments
        .seed
        .unwrap_or_else(|| rand::random::<u64>() >> 32);
    let mut summary = Summary::default();
    let mut worst = Conclusion::Passed;
    for (seed, workload) in (first..).zip(plan::NAMES.iter().cycle()) {
        let left = time.saturating_sub(begun.elapsed()).as_secs();
        if left == 0 {
            break;
        }
        let results = arguments.results.clone();
        let directory = driver::results(&results.results, seed);
        let options = real::Arguments::of_soak(seed, workload, LENGTH.min(left), results);
        let conclusion = real::run(&options).with_context(|| format!("seed {seed}"))?;
        say(&format!(
            "soak: seed {seed}, workload {workload}: {conclusion}"
        ));
        worst = worst.max(conclusion);
        match conclusion {
            Conclusion::Passed => {
                summary.passed += 1;
                summary.add(&directory)?;
                fs::remove_dir_all(directory)?;
            }
            Conclusion::Void => summary.void += 1,
            Conclusion::Failed | Conclusion::Skipped => break,
        }
    }
    let hours = begun.elapsed().as_secs_f64() / 3600.0;
    say(&format!(
        "soak: {} runs passed and {} were void in {hours:.2} hours: {} acknowledged calls, {} faults",
        summary.passed, summary.void, summary.acknowledged, summary.faults
    ));
    Ok(worst)
}

impl Summary {
    /// Counts what a run that passed did.
    fn add(&mut self, directory: &Path) -> Result<()> {
        let history = check::read(&directory.join("history.jsonl"))?;
        self.acknowledged += checks::check(&history).acknowledged();
        let events = history.events.iter();
        let proven = events.filter(|event| matches!(event.what, What::FaultProven(_)));
        self.faults += proven.count();
        Ok(())
    }
}
