//! How fast, how patient, and whether at all: rate cap, grace period, dry run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::reconciling::{AT_ONCE, Scene, by_label, count, counts};
use jiff::Timestamp;
use serde_json::Value;

/// A scene with so many records of pods that are gone.
fn dead(count: usize) -> Result<Scene> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    let records = (0..count).map(|number| scene.attached("w1", &format!("dead-{number}")));
    scene.write(records)?;
    Ok(scene)
}

/// Judges like [`AT_ONCE`], with another value of one flag.
fn but<'a>(flag: &str, value: &'a str) -> Vec<&'a str> {
    let same = AT_ONCE.into_iter().filter(|other| !other.starts_with(flag));
    same.chain([value]).collect()
}

fn started(report: &Value) -> Result<Timestamp> {
    let started = report.get("started").and_then(Value::as_str);
    Ok(started.context("no time")?.parse()?)
}

#[test]
fn releases_come_no_faster_than_they_may() -> Result<()> {
    let scene = dead(31)?;
    let run = scene.once(&but("--max-releases", "--max-releases-per-second=20"))?;
    assert_eq!(run.released()?, counts([("pod_gone", 31)]));
    // The first at once, the others one after another.
    let seconds = run.reports[1]["duration_seconds"].as_f64();
    ensure!(seconds >= Some(30.0 / 20.0), "{run:?}");
    Ok(())
}

#[test]
fn what_cannot_be_released_in_a_minute_is_for_the_next_sweep() -> Result<()> {
    let scene = dead(65)?;
    let slowly = but("--max-releases", "--max-releases-per-second=1");
    let run = scene.once(&[&slowly[..], &["--dry-run"]].concat())?;
    assert_eq!(run.last("released")?, counts([("pod_gone", 60)]));
    assert_eq!(run.last("kept")?, counts([("rate_capped", 5)]));
    Ok(())
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() -> Result<()> {
    let scene = dead(3)?;
    let before = scene.lab.raw.list(scene.lab.layout.root())?;
    let dry = [&AT_ONCE[..], &["--dry-run"]].concat();
    let run = scene.once(&dry)?;
    assert_eq!(run.last("released")?, counts([("pod_gone", 3)]));
    for report in &run.reports {
        assert_eq!(report["result"], "dry_run");
    }
    ensure!(scene.lab.raw.list(scene.lab.layout.root())? == before);

    let mut collector = scene.collector(&dry)?;
    collector.sweep_now()?;
    let metrics = collector.metrics()?;
    let results = by_label(&metrics, "etcd_ipam_sweeps_total");
    assert_eq!(results, counts([("dry_run", 2)]));
    assert_eq!(by_label(&metrics, "etcd_ipam_collected_total"), counts([]));
    assert_eq!(scene.holders()?.len(), 3);
    ensure!(scene.kubernetes.events()?.is_empty());
    Ok(())
}

#[test]
fn nothing_is_released_before_the_grace_period_is_over_however_often_it_is_looked() -> Result<()> {
    let scene = dead(1)?;
    let mut patient = scene.collector(&but("--grace-period", "--grace-period=1h"))?;
    for _ in 0..5 {
        patient.sweep_now()?;
    }
    let waiting = by_label(&patient.metrics()?, "etcd_ipam_candidates");
    assert_eq!(waiting, counts([("pod_gone", 1)]));
    assert_eq!(scene.holders()?.len(), 1);
    patient.stop()?;

    let grace = Duration::from_secs(3);
    let began = Instant::now();
    let mut collector = scene.collector(&but("--grace-period", "--grace-period=3s"))?;
    while scene.holders()?.len() == 1 {
        collector.sweep_now()?;
    }
    ensure!(
        began.elapsed() >= grace,
        "released after {:?}",
        began.elapsed()
    );
    // Also what died later waits for itself.
    scene.write([scene.attached("w1", "later")])?;
    let began = Instant::now();
    while scene.holders()?.len() == 1 {
        collector.sweep_now()?;
    }
    ensure!(
        began.elapsed() >= grace,
        "released after {:?}",
        began.elapsed()
    );
    Ok(())
}

#[test]
fn a_single_run_waits_for_the_grace_period_inside() -> Result<()> {
    let scene = dead(2)?;
    let run = scene.once(&but("--grace-period", "--grace-period=2s"))?;
    assert_eq!(run.released()?, counts([("pod_gone", 2)]));
    let between = started(&run.reports[1])?.duration_since(started(&run.reports[0])?);
    ensure!(between.as_secs() >= 2, "{run:?}");
    Ok(())
}

#[test]
fn a_frozen_store_is_judged_and_not_changed() -> Result<()> {
    let scene = dead(2)?;
    scene
        .lab
        .raw
        .put(scene.lab.layout.freeze(), r#"{"reason":"a test"}"#)?;
    let before = scene.lab.raw.list(&scene.lab.layout.owners())?;
    let mut collector: Collector = scene.collector(&AT_ONCE)?;
    collector.sweep_now()?;
    let metrics = collector.metrics()?;
    assert_eq!(count(&metrics, "etcd_ipam_frozen", &[])?, 1);
    assert_eq!(
        by_label(&metrics, "etcd_ipam_kept"),
        counts([("frozen", 2)])
    );
    ensure!(scene.lab.raw.list(&scene.lab.layout.owners())? == before);
    // Who has been seen dead meanwhile goes as soon as it is opened.
    scene.lab.raw.delete(scene.lab.layout.freeze())?;
    collector.sweep_now()?;
    assert_eq!(scene.holders()?.len(), 0);
    assert_eq!(count(&collector.metrics()?, "etcd_ipam_frozen", &[])?, 0);
    Ok(())
}
