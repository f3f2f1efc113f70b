//! The real leg for hours.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use super::{Conclusion, Results, real, say};
use crate::real::plan;

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

/// Runs one seed after the other, with one workload after the other, until the time is over or a promise
/// is broken.
pub(super) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let end = Instant::now() + Duration::try_from_secs_f64(arguments.hours * 3600.0)?;
    let first = arguments
        .seed
        .unwrap_or_else(|| rand::random::<u64>() >> 32);
    let mut worst = Conclusion::Passed;
    for (seed, workload) in (first..).zip(plan::NAMES.iter().cycle()) {
        if Instant::now() > end {
            break;
        }
        let results = arguments.results.clone();
        let options = real::Arguments::of_soak(seed, workload, LENGTH, results);
        let conclusion = real::run(&options).with_context(|| format!("seed {seed}"))?;
        say(&format!(
            "soak: seed {seed}, workload {workload}: {conclusion}"
        ));
        worst = worst.max(conclusion);
        if matches!(conclusion, Conclusion::Failed | Conclusion::Skipped) {
            break;
        }
    }
    Ok(worst)
}
