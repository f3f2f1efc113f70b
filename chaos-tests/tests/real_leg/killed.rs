//! What is left of a run that ends badly: nothing.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::real::driver;
use chaos_tests::real::isolation;
use chaos_tests::skip::skipped;

use crate::options;

/// A run that has not struck by then never will.
const START: Duration = Duration::from_mins(2);

/// What is left after this time stays.
const PATIENCE: Duration = Duration::from_secs(20);

/// Names the file in which a harness that is about to be killed says which processes are its own.
const DOOMED: &str = "CHAOS_TEST_DOOMED";

#[test]
fn nothing_is_left_of_a_run_whose_harness_is_killed() -> Result<()> {
    let test = "killed::nothing_is_left_of_a_run_whose_harness_is_killed";
    if let Some(file) = env::var_os(DOOMED) {
        return isolation::test(test, || {
            let processes = fs::read_link("/proc/self/ns/pid")?;
            // The first fault is over, and the run goes on.
            let tell = |_: &str| {
                let _ = fs::write(&file, processes.display().to_string());
            };
            let faults = ["plugin_killed", "packets_delayed", "fsync_slow"].repeat(20);
            driver::run(&options("churn", &faults)?, &tell).map(|_| ())
        });
    }
    if let Some(reason) = isolation::obstacle()? {
        skipped(test, &reason);
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let file = home.path().join("processes");
    let mut harness = Command::new("setpriv");
    harness.args(["--pdeathsig", "KILL", "--"]);
    harness.arg(env::current_exe()?).args(["--exact", test]);
    let harness = harness.env(DOOMED, &file).stdout(Stdio::null());
    let mut harness = harness.spawn()?;
    let inside = || fs::read_to_string(&file).unwrap_or_default();
    let is_there = wait_until(START, || !inside().is_empty());
    let inside = inside();
    let ran = processes(&inside);
    harness.kill()?;
    harness.wait()?;
    // Three members, two collectors, the harness and its first process.
    ensure!(is_there && ran >= 7, "only {ran} processes ran inside");
    // With its last process go its networks, with their rules, and its mounts.
    let is_gone = wait_until(PATIENCE, || processes(&inside) == 0);
    ensure!(is_gone, "{} processes are left", processes(&inside));
    Ok(())
}

/// How many processes are inside, whatever network they are in.
fn processes(inside: &str) -> usize {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let links = all.filter_map(|process| fs::read_link(process.path().join("ns/pid")).ok());
    links.filter(|link| link == Path::new(inside)).count()
}

fn wait_until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let patience = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
