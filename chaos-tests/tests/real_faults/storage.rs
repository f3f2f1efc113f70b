//! Disks that are full, slow or broken, and quotas that are reached.

use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use chaos_tests::real::cluster::Settings;
use chaos_tests::real::faults::Fault as _;
use chaos_tests::real::faults::power::PowerLost;
use chaos_tests::real::faults::target::Whom;
use chaos_tests::real::{Lab, isolation};
use chaos_tests::skip::skipped;

use crate::check::{check, check_all};

#[test]
fn a_cluster_without_room_refuses_to_grow() -> Result<()> {
    check(
        "storage::a_cluster_without_room_refuses_to_grow",
        &["quota_reached", "disk_full"],
    )
}

#[test]
fn a_disk_that_does_not_keep_what_was_written_slows_or_ends_its_member() -> Result<()> {
    check(
        "storage::a_disk_that_does_not_keep_what_was_written_slows_or_ends_its_member",
        &["fsync_slow", "fsync_failing"],
    )
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_nothing_that_was_acknowledged() -> Result<()> {
    let test = "storage::a_power_cut_takes_what_was_not_synced_and_nothing_that_was_acknowledged";
    isolation::test(test, || {
        let lab = Lab::start(Settings::newest(isolation::directory("logs")?)?)?;
        check_all(test, &lab, &["power_lost"])?;
        let mut fault = PowerLost::new(Whom::Everyone);
        if let Some(reason) = fault.obstacle() {
            skipped(test, &reason);
            return Ok(());
        }
        fault.aim(&lab)?;
        let acknowledged = thread::scope(|scope| {
            let writer = scope.spawn(|| write_until_refused(&lab));
            fault.strike(&lab)?;
            writer.join().map_err(|_| anyhow!("the writer panicked"))?
        })?;
        fault.proven(&lab)?.context("nothing was lost")?;
        fault.end(&lab)?;
        lab.cluster.wait_until_healthy()?;
        let kept = lab.cluster.leader()?.0.raw()?.count(PREFIX)?;
        ensure!(
            acknowledged > 0 && kept >= acknowledged,
            "{kept} of {acknowledged}"
        );
        Ok(())
    })
}

const PREFIX: &str = "/chaos/acknowledged/";

/// Writes one key after the other until no member takes one, and says how many were taken.
fn write_until_refused(lab: &Lab) -> Result<u64> {
    let mut acknowledged = 0;
    loop {
        let key = format!("{PREFIX}{acknowledged}");
        let members = lab.cluster.members().iter();
        let mut takes = members.map(|member| member.raw()?.put(&*key, ""));
        if !takes.any(|taken| taken.is_ok()) {
            return Ok(acknowledged);
        }
        acknowledged += 1;
    }
}
