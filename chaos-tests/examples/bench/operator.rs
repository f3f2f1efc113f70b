//! What an operator's commands cost where there is much.

mod import;

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use chaos_tests::binaries;
use chaos_tests::etcd::Options;

use crate::Bench;
use crate::collector::scene;
use crate::report::Report;
use crate::servers::born;
use crate::stats::Times;
use crate::table::Table;
use crate::usage::Spent;

/// How many addresses are taken.
const ALLOCATIONS: usize = 100_000;
/// How often each command is run.
const RUNS: usize = 5;

/// Measures all of it.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    listings(&mut bench.report)?;
    import::measure(&mut bench.report)
}

fn listings(report: &mut Report) -> Result<()> {
    let etcd = born(Options::default())?;
    scene::allocate(&etcd, ALLOCATIONS)?;
    let mut table = Table::new(["command", "median s", "slowest s", "CPU s", "peak MiB"]);
    for line in [
        "ls",
        "ls -o json",
        "ls --node worker-007.example.net",
        "ranges",
        "who 10.64.200.7",
        "pod checkout/checkout-6d5f7c9b8-51206",
        "node worker-007.example.net",
    ] {
        let (mut times, mut cpu, mut peak) = (Times::default(), Times::default(), None);
        for _ in 0..RUNS {
            let spent = Spent::of(
                Command::new(binaries::ipamctl()?)
                    .args(line.split(' '))
                    .env_clear()
                    .env("IPAMCTL_ENDPOINTS", etcd.endpoint())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null()),
            )?;
            times.push(spent.time);
            cpu.push(spent.cpu);
            peak = peak.max(Some(spent.peak));
        }
        table.row(&[
            format!("`{line}`"),
            format!("{:.2}", times.median().as_secs_f64()),
            format!("{:.2}", times.percentile(100).as_secs_f64()),
            format!("{:.2}", cpu.median().as_secs_f64()),
            (peak.context("no run")? / 1024).to_string(),
        ]);
    }
    report.table(
        &format!("Commands of `ipamctl` with {ALLOCATIONS} allocations"),
        &table,
        &format!(
            "Median and slowest of {RUNS} runs, to nowhere; the processor time and the memory are \
             those of the command alone."
        ),
    );
    Ok(())
}
