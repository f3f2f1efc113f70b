//! How fast leaked addresses are released.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::scene::{Scene, wait_for_sweep};
use crate::table::Table;

/// How many are released at once, and how many stay.
const LEAKED: usize = 1_000;
const LIVING: usize = 1_000;

/// Releases them in one sweep, with nothing that holds it back.
pub(super) fn measure() -> Result<()> {
    let scene = Scene::new(LIVING, LEAKED)?;
    let mut collector = scene.collector(&[
        "--grace-period=0s",
        "--breaker-ratio=1",
        "--max-releases-per-second=1000",
    ])?;
    let judging = wait_for_sweep(&mut collector, 1)?;
    collector.signal(Signal::SIGHUP)?;
    let releasing = wait_for_sweep(&mut collector, 2)?;
    let left = scene.etcd.raw()?.count("/etcd-ipam/v1/owner/")?;
    ensure!(left == u64::try_from(LIVING)?, "{left} records are left");
    let took = releasing - judging;
    let rate = f64::from(u32::try_from(LEAKED)?) / took;
    let mut table = Table::new([
        "leaked",
        "sweep that marks s",
        "that releases s",
        "releases/s",
    ]);
    table.row(&[
        LEAKED.to_string(),
        format!("{judging:.3}"),
        format!("{releasing:.3}"),
        format!("{rate:.0}"),
    ]);
    table.print(
        "Releases in a row",
        "Each is a direct look for the pod, a transaction and an Event, one after the other. \
         `--max-releases-per-second` allows 50 unless it is set.",
    );
    Ok(())
}
