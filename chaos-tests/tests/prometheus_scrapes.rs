//! A real Prometheus reads the collector's metrics, and understands what the documentation asks it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::kubernetes::{Kubernetes, node, pod};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::prometheus::{Install, Prometheus};
use chaos_tests::skip::skipped;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// The page whose expressions are tried.
const DOCUMENTATION: &str = include_str!("../../docs/metrics.md");

/// A collector of a cluster with one pod that lives and one that left its address behind.
struct Scene {
    lab: Lab,
    collector: Collector,
    // It is asked until the collector ends.
    _kubernetes: Kubernetes,
}

impl Scene {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let net = network("net", json!({"range": "10.85.0.0/24"}));
        for container in ["living", "leaked"] {
            lab.node.add(container, &net)?.success()?;
        }
        let kubernetes = Kubernetes::start()?;
        let holdings = lab.holdings()?;
        let record = holdings.record("default/n1/net/living/eth0");
        let text = |field: &str| record.get(field).and_then(Value::as_str);
        let boot = text("boot_id").context("the record does not tell its boot")?;
        let machine = text("machine_id").unwrap_or_default();
        kubernetes.put_node(node("n1").machine_id(machine).boot_id(boot))?;
        kubernetes.put_pod(pod("test", "pod-living", "uid-living", "n1"))?;
        let source = Source::Kubernetes(kubernetes.kubeconfig());
        let more = ["--cron-schedule=0 0 29 2 *", "--grace-period=0s"];
        let mut collector = Collector::start(&[lab.etcd.endpoint()], &source, &more)?;
        collector.wait_until("it was elected and has swept", |collector| {
            Ok(collector.sweeps()? >= 1.0)
        })?;
        Ok(Self {
            lab,
            collector,
            _kubernetes: kubernetes,
        })
    }

    fn address(&self) -> SocketAddr {
        self.collector.address()
    }
}

/// A Prometheus, unless there is none to be tested with.
fn prometheus(test: &str) -> Option<Install> {
    Install::find()
        .map_err(|reason| skipped(test, &reason))
        .ok()
}

#[test]
fn the_values_of_a_sweep_arrive() -> Result<()> {
    let Some(install) = prometheus("the_values_of_a_sweep_arrive") else {
        return Ok(());
    };
    let mut scene = Scene::new()?;
    install.check_metrics(&scene.collector.get("/metrics")?.body)?;
    let mut prometheus = install.start(scene.address())?;
    prometheus.wait_for("up == 1")?;
    prometheus.wait_for("etcd_ipam_leader == 1")?;
    prometheus.wait_for(r#"etcd_ipam_candidates{evidence="pod_gone"} == 1"#)?;
    prometheus.wait_for(r#"etcd_ipam_addresses{state="allocated"} == 2"#)?;
    // It releases what the first sweep has found.
    scene.collector.signal(Signal::SIGHUP)?;
    prometheus.wait_for(r#"etcd_ipam_sweeps_total{result="complete"} >= 2"#)?;
    prometheus.wait_for(r#"etcd_ipam_collected_total{evidence="pod_gone"} == 1"#)?;
    prometheus.wait_for(r#"etcd_ipam_releases_total{network="net"} == 1"#)?;
    let capacity = prometheus.wait_for("etcd_ipam_range_capacity_addresses")?;
    ensure!(capacity.len() == 1, "{capacity:?}");
    assert_eq!(capacity[0].labels["range"], "10.85.0.1-10.85.0.254/24");
    assert_eq!(capacity[0].labels["space"], "default");
    install.check_metrics(&scene.collector.get("/metrics")?.body)?;
    Ok(())
}

#[test]
fn the_documented_expressions_find_their_metrics_and_alert_on_nothing_but_trouble() -> Result<()> {
    let name = "the_documented_expressions_find_their_metrics_and_alert_on_nothing_but_trouble";
    let Some(install) = prometheus(name) else {
        return Ok(());
    };
    let mut scene = Scene::new()?;
    let mut prometheus = install.start(scene.address())?;
    prometheus.wait_for("etcd_ipam_leader == 1")?;
    // The counters of a network begin with what happens there.
    let net = network("net", json!({"range": "10.85.0.0/24"}));
    scene.lab.node.add("new", &net)?.success()?;
    scene.lab.node.del("new", &net)?.silence()?;
    prometheus.wait_for("etcd_ipam_allocations_total and etcd_ipam_releases_total")?;

    let (questions, alerts) = DOCUMENTATION
        .split_once("## Worth an alert")
        .context("no alerts are documented")?;
    let (questions, alerts) = (expressions(questions)?, expressions(alerts)?);
    ensure!(questions.len() >= 6 && alerts.len() >= 9, "{alerts:?}");
    for expression in questions.iter().chain(&alerts) {
        prometheus.query(expression)?;
        for metric in metrics(expression) {
            knows(&prometheus, metric).with_context(|| expression.clone())?;
        }
    }
    for alert in &alerts {
        let fires = prometheus.query(alert)?;
        ensure!(fires.is_empty(), "all is well, and {alert} gives {fires:?}");
    }

    let freeze = json!({"reason": "a test"}).to_string();
    scene.lab.raw.put(scene.lab.layout.freeze(), freeze)?;
    scene.collector.sweep_now()?;
    let frozen = alerts.iter().find(|alert| alert.contains("frozen"));
    prometheus.wait_for(frozen.context("nobody is told of a frozen store")?)?;
    Ok(())
}

/// The expressions of all tables in a text: what stands between backticks in the column
/// `PromQL`.
fn expressions(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut column = None;
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            column = None;
        } else if let Some(place) = cells.iter().position(|cell| *cell == "PromQL") {
            column = Some(place);
        } else if let Some(place) = column {
            let cell = cells.get(place).context("a row is too short")?;
            let spans = cell.split('`').skip(1).step_by(2);
            found.extend(spans.map(str::to_owned));
        }
    }
    Ok(found)
}

/// The names of our metrics in an expression.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("etcd_ipam_"))
}

/// Fails if no series has this name.
fn knows(prometheus: &Prometheus, metric: &str) -> Result<()> {
    let found = prometheus.query(metric)?;
    ensure!(!found.is_empty(), "there is no {metric}");
    Ok(())
}
