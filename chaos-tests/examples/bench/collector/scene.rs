//! A cluster of pods that hold an address each, and collectors for it.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::kubernetes::{Kubernetes, network, node, pod};
use chaos_tests::layout::Layout;
use chaos_tests::record::{self, Record, record};
use serde_json::{Value, json};

use crate::servers::born;

/// A schedule that does not come while it is measured: sweeps are asked for.
const NEVER: &str = "0 0 29 2 *";
/// What a kubelet runs at most unless it is told otherwise.
const PODS_OF_A_NODE: usize = 100;
/// The range that all addresses are of.
const RANGE: &str = "10.64.0.1-10.65.255.254";
const PREFIX: u8 = 15;

/// etcd and an API of Kubernetes that know of the same pods.
pub(super) struct Scene {
    pub(super) etcd: EtcdServer,
    pub(super) kubernetes: Kubernetes,
}

impl Scene {
    /// So many pods that live, and so many that are gone and hold an address still.
    pub(super) fn new(living: usize, leaked: usize) -> Result<Self> {
        let etcd = born(Options::default())?;
        let kubernetes = Kubernetes::start()?;
        for number in 0..(living + leaked).div_ceil(PODS_OF_A_NODE) {
            kubernetes.put_node(node(&node_name(number)))?;
        }
        for number in 0..living {
            kubernetes.put_pod(Holder::new(number)?.pod())?;
        }
        allocate(&etcd, living + leaked)?;
        Ok(Self { etcd, kubernetes })
    }

    /// One more collector, which sweeps when it is elected and when it is told to.
    pub(super) fn collector(&self, more: &[&str]) -> Result<Collector> {
        let source = Source::Kubernetes(self.kubernetes.kubeconfig());
        let arguments = [&["--cron-schedule", NEVER], more].concat();
        Collector::start(&[self.etcd.endpoint()], &source, &arguments)
    }
}

/// Writes into etcd what so many pods hold: an address of one range each.
pub(crate) fn allocate(etcd: &EtcdServer, pods: usize) -> Result<()> {
    let raw = etcd.raw()?;
    let layout = Layout::default();
    let records = (0..pods).map(|number| Ok(Holder::new(number)?.record()));
    record::write(&raw, &layout, records.collect::<Result<Vec<_>>>()?)?;
    let range = format!("{}range/default/{RANGE}%2F{PREFIX}", layout.root());
    raw.put(range, configured().to_string())
}

/// How long each sweep of a collector took so far (seconds), by its log: to ask its metrics again
/// and again would cost it time of its own.
pub(super) fn sweeps(collector: &Collector) -> Result<Vec<f64>> {
    let log = collector.log()?;
    let failed = |line: &&Value| line["message"] == "a sweep was not completed";
    if let Some(failed) = log.iter().find(failed) {
        bail!("{failed}");
    }
    let ended = log.iter().filter(|line| line["message"] == "a sweep ended");
    ended
        .map(|line| line["seconds"].as_f64().context("a sweep without a time"))
        .collect()
}

/// Waits until so many sweeps are done, and says how long the last one took (seconds).
pub(super) fn wait_for_sweep(collector: &mut Collector, count: usize) -> Result<f64> {
    collector.wait_until("a sweep is done", |collector| {
        Ok(sweeps(collector)?.len() >= count)
    })?;
    sweeps(collector)?.pop().context("no sweep")
}

/// A pod and what it holds.
struct Holder {
    name: String,
    uid: String,
    container: String,
    node: String,
    ip: Ipv4Addr,
    primary_ip: Ipv4Addr,
}

impl Holder {
    fn new(number: usize) -> Result<Self> {
        let offset = u32::try_from(number)? + 1;
        let beyond = |first: Ipv4Addr| Ipv4Addr::from_bits(first.to_bits() + offset);
        Ok(Self {
            name: format!("checkout-6d5f7c9b8-{number:05}"),
            uid: format!("5b0a6c1e-6f5c-4f0e-9d0b-{number:012x}"),
            container: format!("{number:064x}"),
            node: node_name(number / PODS_OF_A_NODE),
            ip: beyond(Ipv4Addr::new(10, 64, 0, 0)),
            primary_ip: beyond(Ipv4Addr::new(10, 240, 0, 0)),
        })
    }

    fn pod(&self) -> Value {
        let (ip, primary_ip) = (self.ip.to_string(), self.primary_ip.to_string());
        let status = [
            network("cbr0", "eth0", &[&primary_ip]),
            network("checkout/lan", "net1", &[&ip]),
        ];
        pod("checkout", &self.name, &self.uid, &self.node)
            .ip(&primary_ip)
            .network_status(status)
            .into()
    }

    fn record(&self) -> Record {
        let Self {
            node, container, ..
        } = self;
        let info = Value::from(chaos_tests::kubernetes::node(node));
        let info = info.pointer("/status/nodeInfo");
        let text = |name: &str| {
            let found = info.and_then(|info| info.get(name)?.as_str());
            found.unwrap_or_default().to_owned()
        };
        record(&format!("default/{node}/lan/{container}/net1"))
            .address("default", self.ip, PREFIX)
            .pod("checkout", &self.name, &self.uid)
            .started(&text("machineID"), &text("bootID"), 4_185_714)
    }
}

fn node_name(number: usize) -> String {
    format!("worker-{number:03}.example.net")
}

/// What the plugin writes down of a range.
fn configured() -> Value {
    let (first, last) = RANGE.split_once('-').unwrap_or_default();
    json!({"v": 1, "prefix": PREFIX, "bounds": [first, last], "seen": "2026-11-20T14:35:41Z"})
}
