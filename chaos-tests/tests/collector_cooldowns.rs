//! Who ends the rest of a released address, and when.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::kubernetes::pod;
use chaos_tests::plugin::network;
use chaos_tests::reconciling::{AT_ONCE, Scene, count, counts};
use serde_json::{Value, json};

/// A network with two addresses.
fn net(cooldown: &str) -> Value {
    network(
        "net",
        json!({
            "range": "10.89.0.0/24",
            "range_start": "10.89.0.10",
            "range_end": "10.89.0.11",
            "cooldown": cooldown,
        }),
    )
}

/// What stands at an address that rests.
fn rest(scene: &Scene, ip: IpAddr) -> Result<Option<Value>> {
    let value = scene.lab.raw.get(scene.lab.layout.address("default", ip))?;
    let value = value.map(|value| serde_json::from_slice(&value));
    Ok(value.transpose()?)
}

/// A scene in which one of the addresses is taken for good, and the other rests.
fn resting(cooldown: &str) -> Result<(Scene, IpAddr)> {
    let scene = Scene::new()?;
    let (node, net) = (&scene.lab.node, net(cooldown));
    node.add("keeps", &net)?.success()?;
    scene
        .kubernetes
        .put_pod(pod("test", "pod-keeps", "uid-keeps", "n1"))?;
    let ip = node.add("a", &net)?.success()?.ip()?;
    node.del("a", &net)?.silence()?;
    rest(&scene, ip)?.context("it does not rest")?;
    Ok((scene, ip))
}

#[test]
fn a_rest_ends_once_it_was_seen_for_all_of_the_cooldown() -> Result<()> {
    let (scene, ip) = resting("2s")?;
    let began = Instant::now();
    let mut collector = scene.collector(&AT_ONCE)?;
    while rest(&scene, ip)?.is_some() {
        collector.sweep_now()?;
    }
    ensure!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let metrics = collector.metrics()?;
    assert_eq!(count(&metrics, "etcd_ipam_rests_ended_total", &[])?, 1);
    let net = net("2s");
    assert_eq!(scene.lab.node.add("b", &net)?.success()?.ip()?, ip);
    scene
        .kubernetes
        .put_pod(pod("test", "pod-b", "uid-b", "n1"))?;
    collector.sweep_now()?;
    assert_eq!(scene.lab.holdings()?.owners(), 2);
    Ok(())
}

#[test]
fn no_clock_on_a_wall_ends_a_rest() -> Result<()> {
    let (scene, ip) = resting("10m")?;
    let mut old = rest(&scene, ip)?.context("it does not rest")?;
    old["released"] = "2026-01-05T08:00:00Z".into();
    let key = scene.lab.layout.address("default", ip);
    scene.lab.raw.put(key.clone(), old.to_string())?;
    let mut collector = scene.collector(&AT_ONCE)?;
    collector.sweep_now()?;
    collector.sweep_now()?;
    assert_eq!(rest(&scene, ip)?, Some(old.clone()));

    // A rest that began anew is another one.
    old["cooldown_s"] = 2.into();
    scene.lab.raw.put(key.clone(), old.to_string())?;
    collector.sweep_now()?;
    let began = Instant::now();
    old["id"] = "another".into();
    scene.lab.raw.put(key, old.to_string())?;
    while rest(&scene, ip)?.is_some() {
        collector.sweep_now()?;
    }
    ensure!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}

#[test]
fn what_the_collector_releases_rests_as_after_a_del() -> Result<()> {
    let scene = Scene::new()?;
    let (node, net) = (&scene.lab.node, net("10m"));
    let ip = node.add("a", &net)?.success()?.ip()?;
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    let found = rest(&scene, ip)?.context("it does not rest")?;
    assert_eq!(
        (&found["kind"], &found["cooldown_s"]),
        (&json!("cooldown"), &json!(600))
    );
    assert_eq!(scene.lab.raw.count(&scene.lab.layout.owners())?, 0);
    let other = node.add("b", &net)?.success()?.ip()?;
    assert_ne!(other, ip);
    node.add("c", &net)?.failure(100)?;
    Ok(())
}
