//! What most tests of the collector begin with: a store, a cluster, and records of pods in both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use crate::collector::{Collector, Source};
use crate::kubernetes::{Kubernetes, Node, Ready, node, pod};
use crate::lab::Lab;
use crate::layout::holder;
use crate::metrics::Metrics;
use crate::record::{self, Record, record};

/// A schedule that is not due while a test runs: sweeps are asked for.
const NEVER: &str = "0 0 29 2 *";

/// Nothing waits, and nothing but the evidence decides.
pub const AT_ONCE: [&str; 5] = [
    "--grace-period=0s",
    "--node-gone-grace=0s",
    "--breaker-min=100000",
    "--breaker-ratio=1",
    "--max-releases-per-second=10000",
];

/// A store, and a cluster of whose pods it holds the addresses.
pub struct Scene {
    /// The cluster. It has the node `n1` of the lab, and there a pod without an address of ours.
    pub kubernetes: Kubernetes,
    /// The store, and the node `n1`.
    pub lab: Lab,
    addresses: AtomicU32,
}

/// What is to become of a record.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// This evidence has it released.
    Released(&'static str),
    /// It is kept for this reason.
    Kept(&'static str),
    /// It is kept because its pod lives.
    Alive,
}

/// How many of each kind.
pub type Tally = BTreeMap<String, u64>;

/// A run with `--once`.
#[derive(Debug)]
pub struct Run {
    /// The reports of its two sweeps.
    pub reports: [Value; 2],
}

impl Scene {
    /// An empty store, and a cluster of one node.
    pub fn new() -> Result<Self> {
        let scene = Self {
            kubernetes: Kubernetes::start()?,
            lab: Lab::new()?,
            addresses: AtomicU32::new(Ipv4Addr::new(10, 50, 0, 1).to_bits()),
        };
        scene.kubernetes.put_node(this_machine("n1")?)?;
        scene
            .kubernetes
            .put_pod(pod("kube-system", "bystander", "", "n1"))?;
        Ok(scene)
    }

    /// Puts nodes into the cluster, each as [`machine`] makes it.
    pub fn machines(&self, names: &[&str]) -> Result<()> {
        for name in names {
            self.kubernetes.put_node(machine(name))?;
        }
        Ok(())
    }

    /// The record of an attachment on a [`machine`], in its present boot, with an address that no
    /// other record has. Its pod is `shop/<name>`, of the uid `uid-<name>`.
    pub fn attached(&self, node: &str, name: &str) -> Record {
        record(&holder(node, "net", name))
            .address("default", self.next_address(), 16)
            .pod("shop", name, &format!("uid-{name}"))
            .started(&machine_id(node), &boot_id(node), 1000)
    }

    /// An address that no record has.
    pub fn next_address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.addresses.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes records into the store.
    pub fn write(&self, records: impl IntoIterator<Item = Record>) -> Result<()> {
        record::write(&self.lab.raw, &self.lab.layout, records)
    }

    /// Who has a record, whether it can be read or not.
    pub fn holders(&self) -> Result<BTreeSet<String>> {
        let prefix = self.lab.layout.owners();
        let entries = self.lab.raw.list(&prefix)?.into_iter();
        let names = entries.map(|(key, _)| {
            let key = String::from_utf8(key)?;
            let name = key.strip_prefix(&prefix);
            Ok(name.context("a key out of its place")?.to_owned())
        });
        names.collect()
    }

    /// Where the collector learns of the pods.
    pub fn source(&self) -> Source {
        Source::Kubernetes(self.kubernetes.kubeconfig())
    }

    /// Sweeps twice, the second time confirming the first.
    pub fn once(&self, more: &[&str]) -> Result<Run> {
        let output = Collector::once(&[self.lab.etcd.endpoint()], &self.source(), more)?;
        ensure!(output.status.success(), "lease-gc --once: {output:?}");
        let reports: Vec<Value> = output
            .stdout
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let reports = reports.try_into();
        let reports = reports.map_err(|other| anyhow::anyhow!("two reports, not {other:?}"))?;
        Ok(Run { reports })
    }

    /// A collector that leads and sweeps when it is asked to. It has swept once.
    pub fn collector(&self, more: &[&str]) -> Result<Collector> {
        let more = [&["--cron-schedule", NEVER], more].concat();
        let endpoints = [self.lab.etcd.endpoint()];
        let mut collector = Collector::start(&endpoints, &self.source(), &more)?;
        collector.wait_until("it has swept", |collector| Ok(collector.sweeps()? > 0.0))?;
        Ok(collector)
    }

    /// Writes records, judges them at once, and fails unless each met its fate and was counted for
    /// it.
    pub fn judge(&self, table: Vec<(Record, Fate)>) -> Result<Run> {
        let mut left = self.holders()?;
        let (mut released, mut kept) = (Tally::new(), Tally::new());
        for (record, fate) in &table {
            match fate {
                Fate::Released(evidence) => {
                    *released.entry((*evidence).to_owned()).or_default() += 1;
                    continue;
                }
                Fate::Kept(reason) => *kept.entry((*reason).to_owned()).or_default() += 1,
                Fate::Alive => {}
            }
            left.insert(record.holder().to_owned());
        }
        self.write(table.into_iter().map(|(record, _)| record))?;
        let run = self.once(&AT_ONCE)?;
        let found = (self.holders()?, run.released()?, run.last("kept")?);
        let wanted = (left, released, kept);
        ensure!(found == wanted, "{found:?}, not {wanted:?}: {run:?}");
        Ok(run)
    }
}

impl Run {
    /// How many were released in both sweeps, by evidence.
    pub fn released(&self) -> Result<Tally> {
        let mut all = Tally::new();
        for report in &self.reports {
            for (evidence, count) in tally(report, "released")? {
                *all.entry(evidence).or_default() += count;
            }
        }
        Ok(all)
    }

    /// A tally of the first sweep.
    pub fn first(&self, field: &str) -> Result<Tally> {
        tally(&self.reports[0], field)
    }

    /// A tally of the last sweep.
    pub fn last(&self, field: &str) -> Result<Tally> {
        tally(&self.reports[1], field)
    }
}

fn tally(report: &Value, field: &str) -> Result<Tally> {
    let tally = report.get(field).with_context(|| format!("no {field}"))?;
    Ok(serde_json::from_value(tally.clone())?)
}

/// Counts as tests write them down.
pub fn counts<const N: usize>(counts: [(&str, u64); N]) -> Tally {
    counts.map(|(kind, count)| (kind.to_owned(), count)).into()
}

/// What of a metric with one label is not zero.
pub fn by_label(metrics: &Metrics, name: &str) -> Tally {
    let samples = metrics.with(name, &[]).filter(|sample| sample.value > 0.0);
    let counts = samples.filter_map(|sample| {
        let label = sample.labels.values().next()?;
        Some((label.clone(), whole(sample.value)?))
    });
    counts.collect()
}

/// The sum over the samples of a metric that have at least these labels. Fails if there is none, or
/// if it is no whole number.
pub fn count(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Result<u64> {
    let value = metrics.value(name, labels);
    let value = value.with_context(|| format!("no {name} with {labels:?}"))?;
    whole(value).with_context(|| format!("{name} is {value}"))
}

/// A whole number prints without a fraction.
fn whole(value: f64) -> Option<u64> {
    value.to_string().parse().ok()
}

/// A node that has long been ready. What it says of its machine and boot is what
/// [`Scene::attached`] writes into records.
pub fn machine(name: &str) -> Node {
    node(name)
        .machine_id(&machine_id(name))
        .boot_id(&boot_id(name))
        .ready_since(Ready::True, long_ago())
}

/// A node that is this machine, in this boot: where the plugin really runs.
pub fn this_machine(name: &str) -> Result<Node> {
    // A machine without an id has none in its records either.
    let machine_id = std::fs::read_to_string(Path::new("/etc/machine-id")).unwrap_or_default();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(machine(name)
        .machine_id(machine_id.trim())
        .boot_id(boot_id.trim()))
}

fn machine_id(node: &str) -> String {
    format!("machine-of-{node}")
}

/// The boot that a [`machine`] is in.
pub fn boot_id(node: &str) -> String {
    format!("boot-of-{node}")
}

/// A time before everything that a test does.
pub fn long_ago() -> Timestamp {
    Timestamp::constant(1_767_600_000, 0)
}
