//! How fast leaked addresses are released.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use nix::sys::signal::Signal;

use super::scene::{Scene, wait_for_sweep};
use crate::report::Report;
use crate::table::Table;

/// How many are released at once, and how many stay.
const LEAKED: usize = 1_000;
const LIVING: usize = 1_000;

/// Releases them in one sweep, with nothing that holds it back.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    let scene = Scene::new(LIVING, LEAKED)?;
    let mut collector = scene.collector(&[
        "--grace-period=0s",
        "--breaker-ratio=1",
        "--max-releases-per-second=1000",
    ])?;
    wait_for_sweep(&mut collector, 1)?;
    let before = [asked_kubernetes(&collector)?, asked_etcd(&collector)?];
    collector.signal(Signal::SIGHUP)?;
    let sweep = wait_for_sweep(&mut collector, 2)?;
    let left = scene.etcd.raw()?.count("/etcd-ipam/v1/owner/")?;
    ensure!(left == u64::try_from(LIVING)?, "{left} records are left");
    let [kubernetes, etcd] = before;
    let rate = f64::from(u32::try_from(LEAKED)?) / sweep;
    let mut table = Table::new([
        "leaked",
        "sweep s",
        "waiting for Kubernetes s",
        "for etcd s",
        "releases/s",
    ]);
    table.row(&[
        LEAKED.to_string(),
        format!("{sweep:.2}"),
        format!("{:.2}", asked_kubernetes(&collector)? - kubernetes),
        format!("{:.2}", asked_etcd(&collector)? - etcd),
        format!("{rate:.0}"),
    ]);
    report.table(
        "Releases in a row",
        &table,
        "For each a direct look for the pod, then a transaction; an Event is sent meanwhile. \
         `--max-releases-per-second` allows 50 unless it is set.",
    );
    Ok(())
}

/// How long direct looks took so far (seconds).
fn asked_kubernetes(collector: &Collector) -> Result<f64> {
    asked(collector, "kubernetes", "get_pod")
}

/// How long transactions took so far (seconds).
fn asked_etcd(collector: &Collector) -> Result<f64> {
    asked(collector, "etcd", "txn")
}

fn asked(collector: &Collector, whom: &str, operation: &str) -> Result<f64> {
    let name = format!("etcd_ipam_{whom}_request_duration_seconds_sum");
    let spent = collector
        .metrics()?
        .value(&name, &[("operation", operation)]);
    spent.with_context(|| format!("no {name}"))
}
