//! What the real leg stands on.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::real::cluster::Settings;
use chaos_tests::real::{Lab, isolation};
use chaos_tests::skip::skipped;

/// What has not happened after this time never will. After a minute libtest would say that the test takes
/// long, and who cannot say anything any more ends too.
const PATIENCE: Duration = Duration::from_secs(40);

/// Names the file in which a harness that is about to be killed says which network it made.
const DOOMED: &str = "CHAOS_TEST_DOOMED";

#[test]
fn nothing_that_is_made_inside_is_seen_outside() -> Result<()> {
    let links = || fs::read_to_string("/proc/net/dev");
    let mounts = || fs::read_to_string("/proc/self/mounts");
    let (links_before, mounts_before) = (links()?, mounts()?);
    isolation::test(
        "isolation::nothing_that_is_made_inside_is_seen_outside",
        || {
            let lab = Lab::start(Settings::newest(isolation::directory("logs")?)?)?;
            ensure!(lab.cluster.followers()?.len() == 2);
            ensure!(Lab::start(Settings::newest(isolation::directory("logs")?)?).is_err());
            // Two processes that nobody ends: one of the harness, one that lost its parent.
            let mut orphan = Command::new("sh");
            orphan.args(["-c", "sleep infinity & sleep infinity &"]);
            ensure!(orphan.status()?.success());
            Ok(())
        },
    )?;
    if !isolation::is_inside() {
        ensure!(names(&links()?) == names(&links_before));
        ensure!(mounts()? == mounts_before);
        ensure!(Lab::start(Settings::newest("/nowhere".into())?).is_err());
    }
    Ok(())
}

#[test]
fn whatever_runs_inside_ends_with_a_harness_that_is_killed() -> Result<()> {
    let test = "isolation::whatever_runs_inside_ends_with_a_harness_that_is_killed";
    if let Some(file) = env::var_os(DOOMED) {
        return isolation::test(test, || {
            let _lab = Lab::start(Settings::newest(isolation::directory("logs")?)?)?;
            let network = fs::read_link("/proc/self/ns/net")?;
            fs::write(file, network.display().to_string())?;
            thread::sleep(3 * PATIENCE);
            Ok(())
        });
    }
    if let Some(reason) = isolation::obstacle()? {
        skipped(test, &reason);
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let file = home.path().join("network");
    let mut harness = Command::new("setpriv");
    harness.args(["--pdeathsig", "KILL", "--"]);
    harness.arg(env::current_exe()?).args(["--exact", test]);
    let harness = harness.env(DOOMED, &file).stdout(Stdio::null());
    let mut harness = harness.spawn()?;
    let network = || fs::read_to_string(&file).unwrap_or_default();
    let is_there = wait_until(|| !network().is_empty());
    let network = network();
    let ran = processes(&network);
    harness.kill()?;
    harness.wait()?;
    ensure!(is_there && ran > 0, "nothing was made inside");
    let is_gone = wait_until(|| processes(&network) == 0);
    ensure!(is_gone, "{} processes are left", processes(&network));
    Ok(())
}

/// How many processes are in this network, as far as this one may know.
fn processes(network: &str) -> usize {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let links = all.filter_map(|process| fs::read_link(process.path().join("ns/net")).ok());
    links.filter(|link| link == Path::new(network)).count()
}

fn wait_until(is_so: impl Fn() -> bool) -> bool {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// The names of the interfaces.
fn names(table: &str) -> Vec<&str> {
    table
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect()
}
