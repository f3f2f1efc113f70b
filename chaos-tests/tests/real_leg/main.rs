//! The real leg itself: a run of it passes, and its faults are proven only when they strike.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::checks::{self, Finish};
use chaos_tests::history::{History, What};
use chaos_tests::real::driver::{self, Options};
use chaos_tests::real::plan::Plan;
use chaos_tests::real::{catalogue, isolation};

/// A run of one seed; its results go with the isolation.
fn run(workload: &str, faults: &[&str], strikes: bool) -> Result<History> {
    let options = Options {
        seed: 7,
        plan: Plan::named(workload).context("no such workload")?,
        faults: faults.iter().map(|&kind| kind.to_owned()).collect(),
        hold: Duration::from_secs(1),
        strikes,
        commit: String::new(),
        results: isolation::directory("results")?,
    };
    driver::run(&options, &|line| eprintln!("{line}"))
}

fn proven(history: &History) -> Vec<&str> {
    let events = history.events.iter();
    let proven = events.filter_map(|event| match &event.what {
        What::FaultProven(fault) => Some(fault.kind.as_str()),
        _ => None,
    });
    proven.collect()
}

#[test]
fn what_is_kept_while_much_is_broken_passes() -> Result<()> {
    isolation::test("what_is_kept_while_much_is_broken_passes", || {
        let faults = [
            "plugin_killed",
            "answers_lost",
            "collector_killed",
            "kubernetes_500",
            "node_rebooted",
        ];
        let history = run("lost_dels", &faults, true)?;
        let verdict = checks::check(&history);
        ensure!(verdict.finish == Finish::Passed, "{verdict:#?}");
        ensure!(proven(&history) == faults, "{:?}", proven(&history));
        Ok(())
    })
}

#[test]
fn what_only_aims_is_not_proven() -> Result<()> {
    isolation::test("what_only_aims_is_not_proven", || {
        let history = run("churn", &catalogue::KINDS, false)?;
        ensure!(proven(&history).is_empty(), "{:?}", proven(&history));
        let verdict = checks::check(&history);
        ensure!(verdict.finish == Finish::Void, "{verdict:#?}");
        Ok(())
    })
}
