//! What the collector's metrics say of a store whose content is known, and that their table in the
//! documentation is true of the running program.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::pod;
use chaos_tests::metrics::Metrics;
use chaos_tests::plugin::network;
use chaos_tests::reconciling::{AT_ONCE, Scene, by_label, count, counts};
use serde_json::json;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");

/// Seconds since 1970.
fn now() -> f64 {
    jiff::Timestamp::now().as_duration().as_secs_f64()
}

#[test]
fn addresses_are_counted_by_range_and_state() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    let net = |name: &str, octet: u8| {
        let ipam = json!({
            "range": format!("10.{octet}.0.0/24"),
            "range_start": format!("10.{octet}.0.10"),
            "range_end": format!("10.{octet}.0.29"),
            "exclude": [format!("10.{octet}.0.12/31")],
            "cooldown": "10m",
            "network_name": name,
        });
        network(name, ipam)
    };
    let (one, two) = (net("one", 92), net("two", 93));
    for name in ["a", "b", "c", "dead"] {
        node.add(name, &one)?.success()?;
        let uid = format!("uid-{name}");
        let pod = pod("test", &format!("pod-{name}"), &uid, "n1");
        if name != "dead" {
            scene.kubernetes.put_pod(pod)?;
        }
    }
    node.del("c", &one)?.silence()?;
    node.add("a", &two)?.success()?;
    let key = |last: u8| {
        let ip = std::net::Ipv4Addr::new(10, 92, 0, last);
        scene.lab.layout.address("one", ip)
    };
    scene
        .lab
        .raw
        .put(key(20), r#"{"v":1,"kind":"reservation"}"#)?;
    scene.lab.raw.put(key(21), "{damaged")?;
    // Outside of what the range gives out.
    scene
        .lab
        .raw
        .put(key(12), r#"{"v":1,"kind":"reservation"}"#)?;

    let state = |collector: &Collector, space: &str| {
        let metrics = collector.metrics()?;
        let labels = [("space", space)];
        let capacity = count(&metrics, "etcd_ipam_range_capacity_addresses", &labels)?;
        let mut states = [0; 4];
        for (number, state) in ["allocated", "resting", "reserved", "free"]
            .iter()
            .enumerate()
        {
            let labels = [("space", space), ("state", state)];
            states[number] = count(&metrics, "etcd_ipam_addresses", &labels)?;
        }
        anyhow::Ok((states, capacity))
    };
    let mut collector = scene.collector(&AT_ONCE)?;
    assert_eq!(state(&collector, "one")?, ([3, 1, 2, 12], 18));
    assert_eq!(state(&collector, "two")?, ([1, 0, 0, 17], 18));
    let metrics = collector.metrics()?;
    assert_eq!(count(&metrics, "etcd_ipam_records", &[])?, 4);
    assert_eq!(count(&metrics, "etcd_ipam_damaged_keys", &[])?, 1);
    let range = "10.92.0.10-10.92.0.29/24";
    assert_eq!(
        count(&metrics, "etcd_ipam_addresses", &[("range", range)])?,
        18
    );

    collector.sweep_now()?;
    collector.sweep_now()?;
    // What was released rests.
    assert_eq!(state(&collector, "one")?, ([2, 2, 2, 12], 18));
    Ok(())
}

#[test]
fn sweeps_and_what_they_found_are_counted() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1", "w2"])?;
    scene.kubernetes.put_namespace("shop")?;
    let booted = scene.attached("w2", "booted").field("boot_id", "earlier");
    scene.write([
        scene.attached("w1", "gone"),
        scene.attached("w1", "gone-too"),
        scene.attached("w1", "unnamed").pod("", "", ""),
        scene.attached("nowhere", "unknown"),
        scene.attached("w1", "no-uid").pod("shop", "x", ""),
        booted,
    ])?;
    let before = now();
    let mut collector = scene.collector(&AT_ONCE)?;
    let metrics = collector.metrics()?;
    let by = |metrics: &Metrics, name: &str| by_label(metrics, &format!("etcd_ipam_{name}"));
    let waiting = counts([("name_gone", 1), ("pod_gone", 2), ("rebooted", 1)]);
    assert_eq!(by(&metrics, "candidates"), waiting);
    let kept = counts([("no_pod_name", 1), ("node_unknown", 1)]);
    assert_eq!(by(&metrics, "kept"), kept);
    assert_eq!(by(&metrics, "collected_total"), counts([]));
    assert_eq!(by(&metrics, "sweeps_total"), counts([("complete", 1)]));

    collector.sweep_now()?;
    let metrics = collector.metrics()?;
    assert_eq!(by(&metrics, "candidates"), counts([]));
    assert_eq!(by(&metrics, "kept"), kept);
    assert_eq!(by(&metrics, "collected_total"), waiting);
    assert_eq!(by(&metrics, "sweeps_total"), counts([("complete", 2)]));
    // The report tells of the sweep, which began with what it then released.
    assert_eq!(count(&metrics, "etcd_ipam_records", &[])?, 6);
    assert_eq!(
        count(&metrics, "etcd_ipam_sweep_duration_seconds_count", &[])?,
        2
    );
    assert_eq!(count(&metrics, "etcd_ipam_leader", &[])?, 1);
    assert_eq!(
        count(&metrics, "etcd_ipam_leader_transitions_total", &[])?,
        1
    );
    ensure!(metrics.value("etcd_ipam_election_age_seconds", &[]) > Some(0.0));
    let success = "etcd_ipam_last_successful_sweep_timestamp_seconds";
    let success = metrics.value(success, &[]).context("no success")?;
    ensure!(success >= before && success <= now() + 1.0, "{success}");
    let requests = |operation: &str| {
        let name = "etcd_ipam_kubernetes_request_duration_seconds_count";
        count(&metrics, name, &[("operation", operation)])
    };
    assert_eq!(requests("list_nodes")?, 2);
    assert_eq!(requests("list_pods")?, 2);
    assert_eq!(requests("get_pod")?, 3);
    assert_eq!(requests("watch_pods")?, 0);
    let errors = "etcd_ipam_kubernetes_request_errors_total";
    assert_eq!(count(&metrics, errors, &[])?, 0);
    collector.sweep_now()?;
    assert_eq!(count(&collector.metrics()?, "etcd_ipam_records", &[])?, 2);
    Ok(())
}

#[test]
fn the_documented_metrics_are_those_of_the_running_program() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    let net = network("net", json!({"range": "10.94.0.0/24"}));
    let mut collector = scene.collector(&AT_ONCE)?;
    // Labels that only the store can name.
    collector.wait_until("it has seen an allocation", |collector| {
        node.add("a", &net)?.success()?;
        node.del("a", &net)?.silence()?;
        let metrics = collector.metrics()?;
        Ok(metrics.value("etcd_ipam_allocations_total", &[]).is_some())
    })?;
    collector.sweep_now()?;
    let scraped = collector.get("/metrics")?;
    let mut exported: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in scraped.body.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').context("no type")?;
            exported.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        }
    }
    for sample in Metrics::parse(&scraped.body)?.samples() {
        let family = ["", "_bucket", "_sum", "_count"].iter().find_map(|end| {
            let name = sample.name.strip_suffix(end)?;
            exported.contains_key(name).then(|| name.to_owned())
        });
        let family = family.with_context(|| format!("{} has no type", sample.name))?;
        let (_, labels) = exported.get_mut(&family).context("no such family")?;
        let names = sample.labels.keys().filter(|label| *label != "le");
        labels.extend(names.cloned());
    }

    let table = std::fs::read_to_string(TABLE)?;
    let rows = table.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let mut documented = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells[..] else {
            anyhow::bail!("{row} is no row");
        };
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        let name = name.trim_matches('`').to_owned();
        documented.insert(name, (kind.to_owned(), labels.collect()));
    }
    assert_eq!(exported, documented);
    Ok(())
}
