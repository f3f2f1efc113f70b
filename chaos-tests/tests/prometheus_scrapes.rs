//! A real Prometheus reads the collector's metrics.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::kubernetes::{Kubernetes, node, pod};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::prometheus::Install;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// A collector of a cluster with one pod that lives and one that left its address behind.
struct Scene {
    // It is asked until the collector ends, too.
    _lab: Lab,
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
            _lab: lab,
            collector,
            _kubernetes: kubernetes,
        })
    }

    fn address(&self) -> SocketAddr {
        self.collector.address()
    }
}

#[test]
fn the_values_of_a_sweep_arrive() -> Result<()> {
    let Some(install) = Install::for_test("the_values_of_a_sweep_arrive") else {
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
