//! What operators do to a cluster that is in use.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::real::cluster::Settings;
use chaos_tests::real::faults::Fault as _;
use chaos_tests::real::faults::restore::Restored;
use chaos_tests::real::{Lab, isolation};
use chaos_tests::skip::skipped;

use crate::check::{check, check_all};

#[test]
fn a_database_is_compacted_and_rewritten() -> Result<()> {
    check(
        "operators::a_database_is_compacted_and_rewritten",
        &["compaction", "defragmentation"],
    )
}

#[test]
fn a_member_is_replaced_by_an_empty_one() -> Result<()> {
    check(
        "operators::a_member_is_replaced_by_an_empty_one",
        &["member_replaced"],
    )
}

#[test]
fn rights_are_taken_from_every_client() -> Result<()> {
    check(
        "operators::rights_are_taken_from_every_client",
        &["credentials_revoked"],
    )
}

#[test]
fn a_store_that_went_back_in_time_is_refused_until_it_is_put_back() -> Result<()> {
    let test = "operators::a_store_that_went_back_in_time_is_refused_until_it_is_put_back";
    isolation::test(test, || {
        let lab = Lab::start(Settings::newest(isolation::directory("logs")?)?)?;
        lab.cluster.create_store()?;
        check_all(test, &lab, &["snapshot_restored"])?;

        let mut fault = Restored::default();
        fault.aim(&lab)?;
        lab.cluster.leader()?.0.raw()?.put("/chaos/later", "")?;
        let first = lab.cluster.line();
        fault.strike(&lab)?;
        lab.cluster.wait_until_healthy()?;
        ensure!(written(&lab)?.is_none(), "nothing was forgotten");
        ensure!(lab.cluster.line().from == first.line);
        fault.end(&lab)?;
        lab.cluster.wait_until_healthy()?;
        written(&lab)?.context("it was lost")?;
        ensure!(lab.cluster.line().line == first.line);
        Ok(())
    })
}

/// What was written after the snapshot.
fn written(lab: &Lab) -> Result<Option<Vec<u8>>> {
    lab.cluster.leader()?.0.raw()?.get("/chaos/later")
}

#[test]
fn members_of_two_versions_work_together() -> Result<()> {
    let test = "operators::members_of_two_versions_work_together";
    isolation::test(test, || {
        let Some(settings) = Settings::mixed(isolation::directory("logs")?)? else {
            skipped(test, "there is only one version of etcd here");
            return Ok(());
        };
        let lab = Lab::start(settings)?;
        for member in lab.cluster.members() {
            let [major, minor, patch] = member.install().version;
            let version = member.view()?.version;
            ensure!(version == format!("{major}.{minor}.{patch}"), "{version}");
        }
        check_all(test, &lab, &["leader_killed", "defragmentation"])
    })
}
