//! Real servers, and a real Prometheus that watches them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::collectors::NEVER;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::kubernetes::pod;
use chaos_tests::plugin::network;
use chaos_tests::prometheus::{Install, Prometheus, Work, stand_in};
use chaos_tests::reconciling::{AT_ONCE, Scene};
use serde_json::{Value, json};

use crate::dashboard::expressions;
use crate::files::{impatient, panels, read, rules, rules_with, table, text};

/// The jobs' names, as the Operator and people make them.
const COLLECTORS: &str = "kube-system/etcd-ipam-lease-gc";
const ETCD: &str = "etcd-ipam-etcd";
const KUBELET: &str = "kubelet";

/// A store, a cluster whose pods hold its addresses, and two collectors.
pub(super) struct Live {
    /// The collectors, of which one leads.
    pub(super) collectors: Vec<Collector>,
    /// What the node's kubelet counts.
    pub(super) kubelet: Kubelet,
    /// The store and the cluster.
    pub(super) scene: Scene,
}

impl Live {
    /// Collectors with such flags.
    pub(super) fn new(flags: &[&str]) -> Result<Self> {
        let mut live = Self {
            collectors: Vec::new(),
            kubelet: Kubelet::start()?,
            scene: Scene::new()?,
        };
        live.start_collectors(flags)?;
        Ok(live)
    }

    /// Starts two collectors. When this returns one of them has led and swept.
    pub(super) fn start_collectors(&mut self, flags: &[&str]) -> Result<()> {
        let endpoints = [self.scene.lab.etcd.endpoint()];
        let first = self.scene.collector(flags)?;
        let flags = [&["--cron-schedule", NEVER], flags].concat();
        let second = Collector::start(&endpoints, &self.scene.source(), &flags)?;
        self.collectors = vec![first, second];
        Ok(())
    }

    /// The collector that leads, once one does.
    pub(super) fn leader(&mut self) -> Result<&mut Collector> {
        let [one, other] = &mut self.collectors[..] else {
            anyhow::bail!("there are no two collectors");
        };
        one.wait_until("one of two leads", |one| {
            Ok(one.is_leader()? || other.is_leader()?)
        })?;
        Ok(if one.is_leader()? { one } else { other })
    }

    /// Has the leader sweep.
    pub(super) fn sweep(&mut self) -> Result<()> {
        self.leader()?.sweep_now()
    }

    /// An ADD on the node, for a pod that lives.
    pub(super) fn add(&self, container: &str, net: &Value) -> Result<()> {
        let (name, uid) = (format!("pod-{container}"), format!("uid-{container}"));
        self.scene
            .kubernetes
            .put_pod(pod("test", &name, &uid, "n1"))?;
        self.scene.lab.node.add(container, net)?.success()?;
        Ok(())
    }

    /// A Prometheus that scrapes everything and has the rules.
    pub(super) fn watched_by(&self, install: &Install) -> Result<Prometheus> {
        let collectors: Vec<_> = self.collectors.iter().map(Collector::address).collect();
        install.work(&Work {
            jobs: &[
                (COLLECTORS, &collectors),
                (ETCD, &[metrics_of(&self.scene.lab.etcd)?]),
                (KUBELET, &[self.kubelet.address]),
            ],
            rules: Some(impatient()?),
        })
    }

    /// A Prometheus that has the rules, and scrapes the collectors only.
    pub(super) fn watched_without_etcd(&self, install: &Install) -> Result<Prometheus> {
        let collectors: Vec<_> = self.collectors.iter().map(Collector::address).collect();
        install.work(&Work {
            jobs: &[(COLLECTORS, &collectors)],
            rules: Some(impatient()?),
        })
    }
}

/// A Prometheus that has the rules, and scrapes nothing but this server.
pub(super) fn watch_etcd(install: &Install, etcd: &EtcdServer) -> Result<Prometheus> {
    install.work(&Work {
        jobs: &[(ETCD, &[metrics_of(etcd)?])],
        rules: Some(impatient()?),
    })
}

/// Where a server without TLS tells of itself.
fn metrics_of(etcd: &EtcdServer) -> Result<SocketAddr> {
    let endpoint = etcd.endpoint();
    let address = endpoint.strip_prefix("http://").context("not plain")?;
    Ok(address.parse()?)
}

/// A stand-in for a kubelet, of which no machine of the tests has one: it exports the one counter that
/// the rules look at, as kubelets write it.
pub(super) struct Kubelet {
    address: SocketAddr,
    failures: Arc<AtomicU32>,
}

impl Kubelet {
    /// Serves for as long as the test process lives.
    fn start() -> Result<Self> {
        let failures = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&failures);
        let address = stand_in(move || {
            let count = counted.load(Ordering::Relaxed);
            format!(
                "# TYPE kubelet_runtime_operations_errors_total counter\n\
                 kubelet_runtime_operations_errors_total{{operation_type=\"run_podsandbox\"}} {count}\n"
            )
        })?;
        Ok(Self { address, failures })
    }

    /// The runtime fails so often to make a sandbox.
    pub(super) fn fail(&self, times: u32) {
        self.failures.fetch_add(times, Ordering::Relaxed);
    }
}

/// Waits until an expression gives a number, and not only `NaN`.
fn shows(prometheus: &mut Prometheus, expression: &str) -> Result<()> {
    let number = format!("({expression}) > -Inf");
    prometheus.wait_for(&number)?;
    Ok(())
}

/// The values of labels that rules list with bars between: `{result=~"complete|dry_run"}`.
fn named_values() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for rule in rules()? {
        let expression = text(&rule, "expr")?;
        let parts: Vec<_> = expression.split('"').collect();
        for pair in parts.chunks_exact(2) {
            let before = pair[0].strip_suffix("=~").or(pair[0].strip_suffix("!~"));
            let Some(before) = before.filter(|_| pair[1].contains('|')) else {
                continue;
            };
            let label = before.rsplit(['{', ',', ' ']).next().unwrap_or(before);
            let values = pair[1].split('|');
            found.extend(values.map(|value| (label.to_owned(), value.to_owned())));
        }
    }
    ensure!(found.len() >= 15, "{found:?}");
    Ok(found)
}

#[test]
fn where_all_is_well_every_panel_shows_something_and_no_alert_fires() -> Result<()> {
    let name = "where_all_is_well_every_panel_shows_something_and_no_alert_fires";
    let Some(install) = Install::for_test(name) else {
        return Ok(());
    };
    // Each collector counts for itself, so one of them must lead all the time.
    let mut live = Live::new(&[&AT_ONCE[..], &["--election-ttl=1m"]].concat())?;
    let mut prometheus = live.watched_by(&install)?;
    prometheus.wait_for(&format!(r#"up{{job="{KUBELET}"}} == 1"#))?;
    prometheus.wait_for("sum(etcd_ipam_leader) == 1")?;
    let net = network("net", json!({"range": "10.85.0.0/24"}));
    for container in ["a", "b", "c"] {
        live.add(container, &net)?;
    }
    live.scene.lab.node.del("b", &net)?.silence()?;
    live.scene.kubernetes.delete_pod("test", "pod-b")?;
    live.sweep()?;
    // A rate is there from the second scrape on, so something happens once more.
    prometheus.wait_for("etcd_ipam_allocations_total == 3")?;
    live.add("d", &net)?;
    live.scene.lab.node.del("c", &net)?.silence()?;
    live.scene.kubernetes.delete_pod("test", "pod-c")?;
    live.sweep()?;

    for panel in panels()? {
        for expression in expressions(&panel)? {
            shows(&mut prometheus, &expression).with_context(|| panel["title"].to_string())?;
        }
    }
    for rule in rules_with("record")? {
        shows(&mut prometheus, text(&rule, "record")?)?;
    }
    for row in table(&read("docs/metrics.md")?, "question")? {
        let spans = row[1].split('`').skip(1).step_by(2);
        for expression in spans {
            shows(&mut prometheus, expression)?;
        }
    }
    for (label, value) in named_values()? {
        let series = format!(r#"{{__name__=~"(.*:)?etcd_ipam_.*", {label}="{value}"}}"#);
        prometheus.wait_for(&series)?;
    }
    // Before the sweep was scraped, none had ended.
    let silence = prometheus.wait_for("absent(ALERTS)");
    silence.with_context(|| format!("all is well, and {:?}", prometheus.alerts()))?;
    Ok(())
}
