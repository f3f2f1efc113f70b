//! What must stand between two sweeps, and starts anew when it did not: the node's readiness, its
//! kubelet's silence, the leadership that saw it.

use anyhow::{Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::{Fault, Ready, Resource, Verb, lease, on, pod};
use chaos_tests::layout::holder;
use chaos_tests::reconciling::{AT_ONCE, Scene, Tally, by_label, counts, long_ago, machine};
use jiff::{Timestamp, ToSpan as _};

/// What waits, by evidence, after one more sweep.
fn candidates(collector: &mut Collector) -> Result<Tally> {
    collector.sweep_now()?;
    Ok(by_label(&collector.metrics()?, "etcd_ipam_candidates"))
}

fn kept(collector: &Collector) -> Result<Tally> {
    Ok(by_label(&collector.metrics()?, "etcd_ipam_kept"))
}

/// Whether a record of [`Scene::attached`] still stands.
fn holds(scene: &Scene, node: &str, name: &str) -> Result<bool> {
    Ok(scene.holders()?.contains(&holder(node, "net", name)))
}

#[test]
fn a_node_that_was_not_ready_in_between_starts_the_wait_anew() -> Result<()> {
    let scene = Scene::new()?;
    let ready = |minutes: i64| -> Result<_> {
        let since = long_ago().saturating_add(minutes.minutes())?;
        Ok(machine("w1").ready_since(Ready::True, since))
    };
    scene.kubernetes.put_node(ready(0)?)?;
    scene.write([scene.attached("w1", "a")])?;
    let mut collector = scene.collector(&AT_ONCE)?;
    for flap in 1..=3 {
        // The sweeps see it Ready each time; only the time of its condition tells.
        scene.kubernetes.put_node(ready(flap)?)?;
        assert_eq!(candidates(&mut collector)?, counts([("pod_gone", 1)]));
    }
    let down = machine("w1").ready_since(Ready::False, Timestamp::now());
    scene.kubernetes.put_node(down)?;
    assert_eq!(candidates(&mut collector)?, counts([]));
    assert_eq!(kept(&collector)?, counts([("node_not_ready", 1)]));
    // The sweep between the two that saw it dead did not.
    scene.kubernetes.put_node(ready(3)?)?;
    assert_eq!(candidates(&mut collector)?, counts([("pod_gone", 1)]));
    ensure!(holds(&scene, "w1", "a")?);
    assert_eq!(candidates(&mut collector)?, counts([]));
    ensure!(!holds(&scene, "w1", "a")?, "it was not released");
    Ok(())
}

#[test]
fn a_pod_that_was_seen_again_and_a_node_that_booted_start_the_wait_anew() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1", "w2"])?;
    scene.write([
        scene.attached("w1", "a"),
        scene.attached("w2", "b").field("boot_id", ""),
    ])?;
    let mut collector = scene.collector(&AT_ONCE)?;
    scene.kubernetes.put_pod(pod("shop", "a", "uid-a", "w1"))?;
    scene
        .kubernetes
        .put_node(machine("w2").boot_id("second-boot"))?;
    assert_eq!(candidates(&mut collector)?, counts([("pod_gone", 1)]));
    scene.kubernetes.delete_pod("shop", "a")?;
    scene
        .kubernetes
        .put_node(machine("w2").boot_id("third-boot"))?;
    assert_eq!(candidates(&mut collector)?, counts([("pod_gone", 2)]));
    assert_eq!(candidates(&mut collector)?, counts([]));
    assert_eq!(scene.holders()?.len(), 0);
    Ok(())
}

#[test]
fn another_collector_begins_anew_with_what_its_predecessor_had_seen() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1", "gone"])?;
    scene.write([scene.attached("w1", "a"), scene.attached("gone", "b")])?;
    let first = scene.collector(&AT_ONCE)?;
    scene.kubernetes.delete_node("gone")?;
    first.stop()?;
    let mut second = scene.collector(&AT_ONCE)?;
    let metrics = second.metrics()?;
    let waiting = by_label(&metrics, "etcd_ipam_candidates");
    assert_eq!(waiting, counts([("pod_gone", 1)]));
    // It never saw that node, so it cannot know that it went.
    assert_eq!(kept(&second)?, counts([("node_unknown", 1)]));
    second.sweep_now()?;
    ensure!(!holds(&scene, "w1", "a")?);
    ensure!(holds(&scene, "gone", "b")?);
    Ok(())
}

#[test]
fn a_node_that_went_is_dead_once_its_kubelet_is_silent() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["silent", "leaseless", "lives", "returns"])?;
    for node in ["silent", "lives", "returns"] {
        scene.kubernetes.put_lease(lease(node))?;
    }
    scene.write([
        scene.attached("silent", "a"),
        scene.attached("silent", "listed"),
        scene.attached("silent", "no-uid").pod("shop", "x", ""),
        scene.attached("leaseless", "b"),
        scene.attached("lives", "c"),
        scene.attached("returns", "d"),
        scene.attached("never-seen", "e"),
    ])?;
    for (name, node) in [
        ("a", "silent"),
        ("listed", "silent"),
        ("b", "leaseless"),
        ("c", "lives"),
        ("d", "returns"),
    ] {
        let pod = pod("shop", name, &format!("uid-{name}"), node);
        scene.kubernetes.put_pod(pod)?;
    }
    let mut collector = scene.collector(&AT_ONCE)?;
    assert_eq!(kept(&collector)?, counts([("node_unknown", 1)]));
    for node in ["silent", "leaseless", "lives", "returns"] {
        scene.kubernetes.delete_node(node)?;
    }
    for name in ["a", "b", "c", "d"] {
        scene.kubernetes.delete_pod("shop", name)?;
    }
    assert_eq!(candidates(&mut collector)?, counts([("node_gone", 4)]));
    let kept_now = counts([("node_gone_without_uid", 1), ("node_unknown", 1)]);
    assert_eq!(kept(&collector)?, kept_now);

    // What the leases say cannot be read: nobody knows whether the kubelets were silent meanwhile.
    let leases = on(Verb::Get, Resource::Leases);
    scene.kubernetes.fail(leases, Fault::Status(500));
    assert_eq!(candidates(&mut collector)?, counts([]));
    let unknown = kept(&collector)?.get("lease_unknown").copied();
    assert_eq!(unknown, Some(4));
    scene.kubernetes.clear_faults();
    assert_eq!(candidates(&mut collector)?, counts([("node_gone", 4)]));
    assert_eq!(scene.holders()?.len(), 7);

    // One kubelet shows that it lives, another one has its node back.
    let renewed = Timestamp::now().saturating_add(1.second())?;
    scene
        .kubernetes
        .put_lease(lease("lives").renewed(renewed))?;
    scene.kubernetes.put_node(machine("returns"))?;
    scene
        .kubernetes
        .put_pod(pod("shop", "d", "uid-d", "returns"))?;
    assert_eq!(candidates(&mut collector)?, counts([("node_gone", 1)]));
    for (node, name, expected) in [
        ("silent", "a", false),
        ("silent", "listed", true),
        ("silent", "no-uid", true),
        ("leaseless", "b", false),
        ("lives", "c", true),
        ("returns", "d", true),
        ("never-seen", "e", true),
    ] {
        assert_eq!(holds(&scene, node, name)?, expected, "{name}");
    }
    let released = by_label(&collector.metrics()?, "etcd_ipam_collected_total");
    assert_eq!(released, counts([("node_gone", 2)]));
    // Since then it was silent again.
    assert_eq!(candidates(&mut collector)?, counts([]));
    ensure!(!holds(&scene, "lives", "c")?);
    Ok(())
}

#[test]
fn a_taint_without_a_date_counts_where_the_dead_node_was_seen_without_it() -> Result<()> {
    let scene = Scene::new()?;
    let died = |name: &str| machine(name).ready_since(Ready::Unknown, long_ago());
    let [seen, tainted, flapping] = ["seen", "tainted", "flapping"];
    scene.kubernetes.put_node(died(seen))?;
    scene
        .kubernetes
        .put_node(died(tainted).taint_out_of_service(None))?;
    scene.kubernetes.put_node(died(flapping))?;
    let nodes = [seen, tainted, flapping];
    scene.write(nodes.map(|node| scene.attached(node, "a")))?;
    let mut collector = scene.collector(&AT_ONCE)?;
    let waits = counts([("node_not_ready", 2), ("taint_undated", 1)]);
    assert_eq!(kept(&collector)?, waits);
    scene
        .kubernetes
        .put_node(died(seen).taint_out_of_service(None))?;
    // This one was Ready in between: the taint may be from before.
    let again = died(flapping).ready_since(Ready::Unknown, Timestamp::now());
    scene
        .kubernetes
        .put_node(again.taint_out_of_service(None))?;
    collector.sweep_now()?;
    assert_eq!(kept(&collector)?, counts([("taint_undated", 2)]));
    ensure!(!holds(&scene, seen, "a")?);
    assert_eq!(scene.holders()?.len(), 2);
    Ok(())
}
