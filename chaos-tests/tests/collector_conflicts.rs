//! An address that one holds and another uses: kept, reported, never decided by the collector.

use anyhow::{Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::{network, pod};
use chaos_tests::layout::holder;
use chaos_tests::plugin;
use chaos_tests::reconciling::{AT_ONCE, Fate, Scene, by_label, count, counts};
use serde_json::{Value, json};

fn net() -> Value {
    plugin::network("net", json!({"range": "10.88.0.0/24"}))
}

fn conflicts(collector: &Collector) -> Result<u64> {
    count(&collector.metrics()?, "etcd_ipam_conflicts", &[])
}

/// The events about this pod: reason, type and note.
fn events(scene: &Scene, pod: &str) -> Result<Vec<[String; 3]>> {
    let mut events = scene.kubernetes.events()?;
    let text = |event: &Value, path: &str| {
        let text = event.pointer(path).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    events.retain(|event| text(event, "/regarding/name") == pod);
    let fields = |event| ["/reason", "/type", "/note"].map(|path| text(event, path));
    Ok(events.iter().map(fields).collect())
}

#[test]
fn an_unfinished_pod_that_names_an_address_keeps_it_from_being_freed() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    let put = |pod| scene.kubernetes.put_pod(pod);
    let mut table = Vec::new();
    let mut row = |container: &str, fate: Fate| {
        let record = scene.attached("w1", container);
        let ip = record.addresses()[0].to_string();
        table.push((record, fate));
        ip
    };
    let (conflict, gone) = (Fate::Kept("conflict"), Fate::Released("pod_gone"));
    let user = |name: &str| pod("shop", name, &format!("uid-of-{name}"), "w1");
    put(user("by-ip").ip(&row("a", conflict)))?;
    let status = |ip: String| [network("net", "net1", &[&ip])];
    put(user("by-status").network_status(status(row("b", conflict))))?;
    put(user("pending").phase("Pending").ip(&row("c", conflict)))?;
    put(user("going").terminating().ip(&row("d", conflict)))?;
    put(user("done").phase("Succeeded").ip(&row("e", gone)))?;
    put(user("failed")
        .phase("Failed")
        .network_status(status(row("f", gone))))?;
    put(user("unbound").ip(&row("g", conflict)))?;
    let run = scene.judge(table)?;
    for report in &run.reports {
        assert_eq!(report["conflicts"]["total"], 5, "{report}");
        let found = &report["conflicts"]["newest"][0];
        assert_eq!(found["pod"], "shop/by-ip");
        let holder = holder("w1", "net", "a");
        assert_eq!(found["holder"], scene.lab.layout.owner(&holder));
    }
    // Each is told once, though both sweeps saw it.
    assert_eq!(scene.kubernetes.events()?.len(), 5 + 2);
    Ok(())
}

#[test]
fn a_conflict_is_counted_while_it_lasts_and_told_once() -> Result<()> {
    let scene = Scene::new()?;
    let ip = scene
        .lab
        .node
        .add("a", &net())?
        .success()?
        .ip()?
        .to_string();
    let claim = || pod("shop", "thief", "uid-thief", "n1").ip(&ip);
    scene.kubernetes.put_pod(claim())?;
    let mut collector = scene.collector(&AT_ONCE)?;
    for _ in 0..2 {
        assert_eq!(conflicts(&collector)?, 1);
        let kept = by_label(&collector.metrics()?, "etcd_ipam_kept");
        assert_eq!(kept, counts([("conflict", 1)]));
        collector.sweep_now()?;
    }
    let warning = [
        "AddressConflict".to_owned(),
        "Warning".to_owned(),
        format!("the pod uses {ip}, which "),
    ];
    let told = |events: &[[String; 3]], times: usize| {
        let mut like = events.iter().map(|[reason, kind, note]| {
            let [wanted, warns, start] = &warning;
            reason == wanted && kind == warns && note.starts_with(start)
        });
        events.len() == times && like.all(|like| like)
    };
    collector.wait_until("it was told", |_| Ok(told(&events(&scene, "thief")?, 1)))?;
    let log = collector.log()?;
    let lines = log.iter().filter(|line| line["pod"] == "shop/thief");
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["address"], *ip);

    // It ends, and comes again.
    scene.kubernetes.delete_pod("shop", "thief")?;
    let own = pod("test", "pod-a", "uid-a", "n1");
    scene.kubernetes.put_pod(own)?;
    collector.sweep_now()?;
    assert_eq!(conflicts(&collector)?, 0);
    scene.kubernetes.put_pod(claim())?;
    collector.sweep_now()?;
    // The holder lives now. What only the status names, the cluster's own network may have given.
    assert_eq!(conflicts(&collector)?, 0);
    let status = [network("default/net", "net1", &[&ip])];
    scene.kubernetes.put_pod(claim().network_status(status))?;
    collector.sweep_now()?;
    assert_eq!(conflicts(&collector)?, 1);
    collector.wait_until("it was told again", |_| {
        Ok(told(&events(&scene, "thief")?, 2))
    })?;
    assert_eq!(scene.lab.holdings()?.owners(), 1);
    Ok(())
}

#[test]
fn a_pod_that_uses_what_an_operator_keeps_is_a_conflict() -> Result<()> {
    let scene = Scene::new()?;
    scene.lab.node.add("a", &net())?.success()?;
    scene
        .kubernetes
        .put_pod(pod("test", "pod-a", "uid-a", "n1"))?;
    let reserved = std::net::Ipv4Addr::new(10, 88, 0, 77);
    let key = scene.lab.layout.address("default", reserved);
    let reservation = json!({"v": 1, "kind": "reservation", "note": "printer"}).to_string();
    scene.lab.raw.put(key.clone(), reservation.clone())?;
    let status = [network("default/net", "net1", &["10.88.0.77"])];
    let squatter = pod("shop", "squatter", "uid-s", "n1");
    scene.kubernetes.put_pod(squatter.network_status(status))?;
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(run.reports[1]["conflicts"]["total"], 1);
    assert_eq!(run.reports[1]["conflicts"]["newest"][0]["holder"], key);
    assert_eq!(run.reports[1]["adopted"], 0);
    let left = scene.lab.raw.get(key)?;
    ensure!(left == Some(reservation.into_bytes()), "{left:?}");
    assert_eq!(events(&scene, "squatter")?.len(), 1);
    Ok(())
}
