//! What `kubectl describe` shows of the collector's work.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::kubernetes::{Fault, Resource, Verb, on, pod};
use chaos_tests::reconciling::{AT_ONCE, Scene, counts};
use serde_json::Value;

fn scene() -> Result<Scene> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    Ok(scene)
}

fn regarding<'a>(event: &'a Value, field: &str) -> &'a str {
    let value = event.pointer(&format!("/regarding/{field}"));
    value.and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_release_is_told_on_its_pod_or_where_there_is_none_on_its_node() -> Result<()> {
    let scene = scene()?;
    scene.kubernetes.put_namespace("shop")?;
    let of = |name: &str| scene.attached("w1", name);
    let pods = [
        of("told"),
        of("homeless").pod("gone", "homeless", "uid-homeless"),
        of("nameless")
            .pod("", "", "")
            .field("boot_id", "an-earlier-boot"),
        of("recreated").pod("shop", "web-0", "uid-1"),
    ];
    let told = pods[0].addresses()[0].to_string();
    scene.write(pods)?;
    scene
        .kubernetes
        .put_pod(pod("shop", "web-0", "uid-2", "w1"))?;
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(run.released()?, counts([("pod_gone", 3), ("rebooted", 1)]));

    let events = scene.kubernetes.events()?;
    assert_eq!(events.len(), 4, "{events:?}");
    let on_pod = |name: &str| {
        let mut events = events.iter();
        let found = events.find(|event| regarding(event, "name") == name);
        found.with_context(|| format!("no event on {name}: {events:?}"))
    };
    let event = on_pod("told")?;
    for (field, value) in [
        ("reason", "AddressReleased"),
        ("type", "Normal"),
        ("action", "CollectAddresses"),
        ("reportingController", "etcd-ipam/lease-gc"),
    ] {
        assert_eq!(event[field], value, "{event}");
    }
    let note = event["note"].as_str().context("no note")?;
    ensure!(
        note.starts_with(&format!("{told} released: its pod is gone")),
        "{note}"
    );
    for (field, value) in [("kind", "Pod"), ("namespace", "shop"), ("uid", "uid-told")] {
        assert_eq!(regarding(event, field), value, "{event}");
    }
    assert_eq!(event["metadata"]["namespace"], "shop");
    // Not on the one that has the name now.
    assert_eq!(regarding(on_pod("web-0")?, "uid"), "uid-1");
    let on_node = events
        .iter()
        .filter(|event| regarding(event, "kind") == "Node");
    let on_node: Vec<_> = on_node.collect();
    assert_eq!(on_node.len(), 2);
    for event in on_node {
        assert_eq!(regarding(event, "name"), "w1");
        assert_eq!(event["metadata"]["namespace"], "default");
    }
    Ok(())
}

#[test]
fn events_that_are_refused_stop_no_release_and_are_counted() -> Result<()> {
    let scene = scene()?;
    scene.write(["a", "b", "c"].map(|name| scene.attached("w1", name)))?;
    let create = on(Verb::Create, Resource::Events);
    scene.kubernetes.fail(create, Fault::Status(500));
    let mut collector = scene.collector(&AT_ONCE)?;
    collector.sweep_now()?;
    assert_eq!(scene.holders()?.len(), 0);
    collector.wait_until("the lost events are counted", |collector| {
        let metrics = collector.metrics()?;
        let dropped = metrics.value("etcd_ipam_events_dropped_total", &[]);
        Ok(dropped == Some(3.0))
    })?;
    scene.kubernetes.clear_faults();
    scene.write([scene.attached("w1", "d")])?;
    collector.sweep_now()?;
    collector.sweep_now()?;
    collector.wait_until("the next one is told", |_| {
        Ok(scene.kubernetes.events()?.len() == 1)
    })?;
    // Who ends tells the last ones first.
    scene.write([scene.attached("w1", "e")])?;
    collector.sweep_now()?;
    collector.sweep_now()?;
    let (status, _) = collector.stop()?;
    ensure!(status.success(), "{status}");
    assert_eq!(scene.kubernetes.events()?.len(), 2);
    Ok(())
}

#[test]
fn every_decision_is_a_line_of_the_log_with_its_evidence() -> Result<()> {
    let scene = scene()?;
    let record = scene.attached("w1", "dead");
    let address = record.addresses()[0].to_string();
    scene.write([record, scene.attached("nowhere", "kept")])?;
    let more = [&AT_ONCE[..], &["--log-level=debug"]].concat();
    let mut collector = scene.collector(&more)?;
    collector.sweep_now()?;
    let (_, log) = collector.stop()?;
    let of = |container: &str, message: &str| {
        let mut lines = log.iter();
        let line = lines.find(|line| {
            let key = line["key"].as_str().unwrap_or_default();
            line["message"] == message && key.contains(container)
        });
        line.with_context(|| format!("no line {message:?} of {container}"))
    };
    assert_eq!(of("/dead/", "waits")?["evidence"], "pod_gone");
    let released = of("/dead/", "released")?;
    for (field, value) in [
        ("evidence", "pod_gone"),
        ("addresses", &address),
        ("pod", "shop/dead"),
        ("uid", "uid-dead"),
        ("node", "w1"),
    ] {
        assert_eq!(released[field], value, "{released}");
    }
    assert_eq!(of("/kept/", "kept")?["reason"], "node_unknown");
    Ok(())
}
