//! What a sweep costs, and what it costs to wait for the next.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::collector::Collector;
use chaos_tests::http::Client;
use chaos_tests::metrics::Metrics;
use nix::sys::signal::Signal;

use super::scene::{Scene, wait_for_sweep};
use crate::report::Report;
use crate::stats::Times;
use crate::table::Table;
use crate::usage::Usage;

/// How many pods, and as many allocations.
const SIZES: [usize; 3] = [1_000, 10_000, 50_000];
/// How many sweeps are counted; the first of a process, which finds all memory new, is not.
const SWEEPS: usize = 5;
/// How soon after a sweep all is written down that follows from it.
const SETTLED: Duration = Duration::from_secs(3);
/// How long it is watched doing nothing.
const IDLE: Duration = Duration::from_secs(30);

/// What was measured at one size.
struct Measured {
    times: Times,
    cpu: Times,
    after: Usage,
    idle: Idle,
}

/// What was done between sweeps.
struct Idle {
    cpu: Duration,
    kubernetes: usize,
    /// Messages to etcd by the name of the call.
    etcd: BTreeMap<String, u64>,
}

/// Measures all sizes.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    let mut sweeps = Table::new([
        "pods and allocations",
        "sweep s",
        "slowest s",
        "CPU s",
        "CPU s per 1,000",
        "peak MiB",
        "MiB afterwards",
    ]);
    let mut idle = Table::new([
        "pods and allocations",
        "CPU ms",
        "to Kubernetes",
        "to etcd",
        "which",
    ]);
    for size in SIZES {
        let measured = at(size)?;
        let Measured {
            times, cpu, after, ..
        } = &measured;
        sweeps.row(&[
            size.to_string(),
            seconds(times.median()),
            seconds(times.percentile(100)),
            seconds(cpu.median()),
            seconds(cpu.median() * 1000 / u32::try_from(size)?),
            mebibytes(after.peak),
            mebibytes(after.resident),
        ]);
        let Idle {
            cpu,
            kubernetes,
            etcd,
        } = &measured.idle;
        let which = etcd.iter().map(|(name, count)| format!("{count} {name}"));
        idle.row(&[
            size.to_string(),
            cpu.as_millis().to_string(),
            kubernetes.to_string(),
            etcd.values().sum::<u64>().to_string(),
            which.collect::<Vec<_>>().join(", "),
        ]);
    }
    report.table(
        "Sweeps of the collector",
        &sweeps,
        &format!(
            "Median and slowest of {SWEEPS} sweeps. Pods of 5 KB over HTTPS, from an API server \
             of the tests that is not optimised. Processor time and memory are those of the \
             collector's process alone."
        ),
    );
    report.table(
        &format!("The collector in {} s between sweeps", IDLE.as_secs()),
        &idle,
        "Messages to etcd are those that etcd counts. The kernel counts time to 10 ms.",
    );
    Ok(())
}

fn at(size: usize) -> Result<Measured> {
    let scene = Scene::new(size, 0)?;
    let mut collector = scene.collector(&[])?;
    wait_for_sweep(&mut collector, 1)?;
    let (mut times, mut cpu) = (Times::default(), Times::default());
    for number in 0..SWEEPS {
        let before = (spent(&collector)?, Usage::of(collector.id())?);
        collector.signal(Signal::SIGHUP)?;
        wait_for_sweep(&mut collector, number + 2)?;
        let usage = Usage::of(collector.id())?;
        times.push(spent(&collector)?.saturating_sub(before.0));
        cpu.push(usage.cpu.saturating_sub(before.1.cpu));
    }
    Ok(Measured {
        times,
        cpu,
        after: Usage::of(collector.id())?,
        idle: idle(&scene, &collector)?,
    })
}

/// How long all sweeps took so far, by the collector's own metrics.
fn spent(collector: &Collector) -> Result<Duration> {
    let metrics = collector.metrics()?;
    let sum = metrics.value("etcd_ipam_sweep_duration_seconds_sum", &[]);
    Ok(Duration::from_secs_f64(sum.context("no sweeps")?))
}

fn idle(scene: &Scene, collector: &Collector) -> Result<Idle> {
    thread::sleep(SETTLED);
    let before = (
        Usage::of(collector.id())?.cpu,
        scene.kubernetes.request_count(),
        messages(scene)?,
    );
    thread::sleep(IDLE);
    let mut etcd = messages(scene)?;
    for (name, count) in &mut etcd {
        *count -= before.2.get(name).copied().unwrap_or_default();
    }
    etcd.retain(|_, count| *count > 0);
    Ok(Idle {
        cpu: Usage::of(collector.id())?.cpu.saturating_sub(before.0),
        kubernetes: scene.kubernetes.request_count() - before.1,
        etcd,
    })
}

/// The messages that etcd has received from its clients, by the name of the call.
fn messages(scene: &Scene) -> Result<BTreeMap<String, u64>> {
    let endpoint = scene.etcd.endpoint();
    let address: SocketAddr = endpoint.trim_start_matches("http://").parse()?;
    let metrics = Metrics::parse(&Client::plain(address).get("/metrics")?.body)?;
    let mut messages = BTreeMap::new();
    for sample in metrics.with("grpc_server_msg_received_total", &[]) {
        let name = sample.labels.get("grpc_method").context("no method")?;
        *messages.entry(name.clone()).or_default() += whole(sample.value)?;
    }
    Ok(messages)
}

/// A counter, which Prometheus' format writes as any number.
fn whole(value: f64) -> Result<u64> {
    Ok(format!("{value:.0}").parse()?)
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{}.{}", kibibytes / 1024, kibibytes % 1024 * 10 / 1024)
}
