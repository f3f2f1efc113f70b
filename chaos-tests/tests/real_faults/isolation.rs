//! What the real leg stands on.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use chaos_tests::real::cluster::Settings;
use chaos_tests::real::{Lab, isolation};

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

/// The names of the interfaces.
fn names(table: &str) -> Vec<&str> {
    table
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect()
}
