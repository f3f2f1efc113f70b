//! Allocations per second of one process with many workers, beside bare transactions.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::binaries;
use chaos_tests::etcd::Options;
use serde::Deserialize;

use crate::Bench;
use crate::servers::{Three, Way, born};
use crate::stats::Times;
use crate::table::Table;
use crate::target::Asked::AtLeast;

/// How many work at once, what each of them does, and how often.
const FULL: Work = Work {
    workers: 64,
    of_each: 60,
    rounds: 10,
};
const QUICK: Work = Work {
    workers: 4,
    of_each: 3,
    rounds: 2,
};
/// Who works, and how much of the bare rate is asked.
const WHO: [(&str, Option<f64>); 3] =
    [("bare", None), ("spread", Some(0.6)), ("lowest", Some(0.4))];

#[derive(Clone, Copy)]
struct Work {
    workers: u32,
    of_each: u32,
    rounds: usize,
}

/// What the program says that does the work (`store/examples/rate.rs`).
#[derive(Debug, Deserialize)]
pub(crate) struct Rate {
    seconds: f64,
    failures: usize,
    addresses: Vec<String>,
}

impl Rate {
    /// From the first request to the last answer.
    pub(crate) fn time(&self) -> Result<Duration> {
        Ok(Duration::try_from_secs_f64(self.seconds)?)
    }

    fn duplicates(&self) -> usize {
        self.addresses.len() - self.addresses.iter().collect::<BTreeSet<_>>().len()
    }
}

/// Measures with one member and with three.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    if let Err(error) = program() {
        bench.report.skip("rate", &error.to_string());
        return Ok(());
    }
    let one = born(Options::default())?;
    let three = Three::start()?;
    let Work {
        workers,
        of_each,
        rounds,
    } = bench.effort.choose(FULL, QUICK);
    let mut table = Table::new([
        "per second",
        "members",
        "median",
        "slowest round",
        "× bare",
        "failures",
        "duplicates",
    ]);
    for (members, way) in [("one", &Way::to(&one)), ("three", &three.way)] {
        turns(bench, &mut table, members, way)?;
    }
    bench.report.table(
        "Allocations per second",
        &table,
        &format!(
            "One process, {workers} workers with a connection each, {of_each} allocations of each \
             in an empty /16, {rounds} rounds in turns. A bare transaction writes as much and \
             compares as much as an allocation that meets nobody."
        ),
    );
    Ok(())
}

fn turns(bench: &mut Bench, table: &mut Table, members: &str, way: &Way) -> Result<()> {
    let Work {
        workers,
        of_each,
        rounds,
    } = bench.effort.choose(FULL, QUICK);
    let mut outcomes = WHO.map(|who| (who, Times::default(), 0, 0));
    for round in 0..rounds {
        for ((who, _), times, failures, duplicates) in &mut outcomes {
            let space = format!("{who}-{round}");
            let rate = run(who, &way.endpoints, &space, (workers, workers * of_each))?;
            times.push(rate.time()?);
            *failures += rate.failures;
            *duplicates += rate.duplicates();
        }
    }
    let bare = outcomes.iter().find(|((who, _), ..)| *who == "bare");
    let bare = bare.context("no bare transactions")?.1.clone();
    for ((who, asked), times, failures, duplicates) in outcomes {
        let per_second =
            |time: Duration| format!("{:.0}", f64::from(workers * of_each) / time.as_secs_f64());
        // Twice the rate takes half the time.
        let ratio = bare.ratio_to(&times);
        table.row(&[
            who.to_owned(),
            members.to_owned(),
            per_second(times.median()),
            per_second(times.percentile(100)),
            format!("{:.2}", ratio.value),
            failures.to_string(),
            duplicates.to_string(),
        ]);
        bench
            .report
            .times("rate", &format!("{who}, {members}"), "all", &times);
        bench.report.wrong(failures, duplicates);
        if let Some(asked) = asked {
            let what = format!(
                "allocations per second, {workers} workers, {members} member{}, `{who}`, against bare \
                 transactions",
                if members == "one" { "" } else { "s" }
            );
            bench.report.ratio(&what, AtLeast(asked), ratio);
        }
    }
    Ok(())
}

/// Lets so many workers make so many allocations, all together.
pub(crate) fn run(
    who: &str,
    endpoints: &[String],
    space: &str,
    (workers, allocations): (u32, u32),
) -> Result<Rate> {
    let output = Command::new(program()?)
        .args([who, &endpoints.join(","), space])
        .args([workers.to_string(), allocations.to_string()])
        .output()?;
    ensure!(output.status.success(), "rate: {output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Beside the plugin, so that it is optimised as the plugin is; else beside this program.
fn program() -> Result<PathBuf> {
    let beside = |directory: PathBuf| directory.join("examples/rate");
    let this = std::env::current_exe()?;
    let build = this.ancestors().nth(2).map(PathBuf::from);
    let places = [Some(binaries::directory()?), build];
    let mut places = places.into_iter().flatten().map(beside);
    match places.find(|place| place.is_file()) {
        Some(place) => Ok(place),
        None => bail!("it is not built: cargo build --release -p store --example rate"),
    }
}
