//! The real leg itself: a run of it passes, its faults are proven only when they strike, and planted bugs
//! are found.

mod killed;
mod wire;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::checks::{self, Finish};
use chaos_tests::history::{History, What};
use chaos_tests::mutants::Mutant;
use chaos_tests::real::driver::{self, Options};
use chaos_tests::real::plan::Plan;
use chaos_tests::real::planted::{Planted, Recipe};
use chaos_tests::real::{catalogue, isolation};

/// A run of one seed; its results go with the isolation.
fn options(workload: &str, faults: &[&str]) -> Result<Options> {
    Ok(Options {
        seed: 7,
        plan: Plan::named(workload).context("no such workload")?,
        faults: faults.iter().map(|&kind| kind.to_owned()).collect(),
        planted: None,
        mixed: false,
        hold: Duration::from_secs(1),
        strikes: true,
        commit: String::new(),
        results: isolation::directory("results")?,
    })
}

fn run(options: &Options) -> Result<History> {
    driver::run(options, &|line| eprintln!("{line}"))
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
            "follower_paused+kubernetes_500",
            "node_rebooted",
        ];
        let history = run(&options("lost_dels", &faults)?)?;
        let verdict = checks::check(&history);
        ensure!(verdict.finish == Finish::Passed, "{verdict:#?}");
        let mut every: Vec<_> = faults.iter().flat_map(|kinds| kinds.split('+')).collect();
        let mut proven = proven(&history);
        every.sort_unstable();
        proven.sort_unstable();
        ensure!(proven == every, "{proven:?}");
        Ok(())
    })
}

#[test]
fn what_only_aims_is_not_proven() -> Result<()> {
    isolation::test("what_only_aims_is_not_proven", || {
        let history = run(&Options {
            strikes: false,
            ..options("churn", &catalogue::KINDS)?
        })?;
        ensure!(proven(&history).is_empty(), "{:?}", proven(&history));
        let verdict = checks::check(&history);
        ensure!(verdict.finish == Finish::Void, "{verdict:#?}");
        Ok(())
    })
}

/// The run that is to find a bug finds it.
fn find(mutant: Mutant) -> Result<()> {
    let recipe = Recipe::of(mutant).context("no recipe")?;
    let history = run(&Options {
        planted: Some(Planted {
            mutant,
            program: env!("CARGO_BIN_EXE_mutant").into(),
        }),
        ..options(recipe.workload, recipe.faults)?
    })?;
    let verdict = checks::check(&history);
    ensure!(verdict.finish == Finish::Failed, "{verdict:#?}");
    Ok(())
}

#[test]
fn a_bug_in_the_plugin_is_found() -> Result<()> {
    isolation::test("a_bug_in_the_plugin_is_found", || {
        find(Mutant::ReleaseByPodName)
    })
}

#[test]
fn a_bug_in_the_collector_is_found() -> Result<()> {
    isolation::test("a_bug_in_the_collector_is_found", || {
        find(Mutant::SilentIsDead)
    })
}
