//! Many deaths at once: found exactly where an operator says that they are to be believed, and
//! otherwise reported and not acted on.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::pod;
use chaos_tests::layout::holder;
use chaos_tests::reconciling::{AT_ONCE, Scene, by_label, count, counts, machine};

/// Nothing waits, and the breakers are set as they are without any flag.
const CAREFUL: [&str; 2] = ["--grace-period=0s", "--max-releases-per-second=10000"];

const NODES: usize = 10;

/// The pod with this number and its node.
fn place(number: usize) -> (String, String) {
    (format!("web-{number:04}"), format!("w{}", number % NODES))
}

fn put_pods(scene: &Scene, numbers: impl IntoIterator<Item = usize>) -> Result<()> {
    for number in numbers {
        let (name, node) = place(number);
        let pod = pod("shop", &name, &format!("uid-{name}"), &node);
        scene.kubernetes.put_pod(pod)?;
    }
    Ok(())
}

/// A thousand records on ten nodes, and the pods of all but each tenth.
fn a_tenth_leaked() -> Result<Scene> {
    let scene = Scene::new()?;
    scene.kubernetes.set_object_size(0);
    for number in 0..NODES {
        scene.kubernetes.put_node(machine(&format!("w{number}")))?;
    }
    put_pods(&scene, (0..1000).filter(|number| !is_leaked(*number)))?;
    let records = (0..1000).map(|number| {
        let (name, node) = place(number);
        scene.attached(&node, &name)
    });
    scene.write(records)?;
    Ok(scene)
}

/// On all nodes, and not a round number of them on each.
fn is_leaked(number: usize) -> bool {
    number % 7 == 3 && number < 700
}

fn holders(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let holders = numbers.into_iter().map(|number| {
        let (name, node) = place(number);
        holder(&node, "net", &name)
    });
    holders.collect()
}

/// What the breaker of this kind says: whether it is open, and how often it opened.
fn breaker(collector: &Collector, kind: &str) -> Result<(u64, u64)> {
    let metrics = collector.metrics()?;
    let value = |name| count(&metrics, name, &[("kind", kind)]);
    let (open, trips) = ("etcd_ipam_breaker_open", "etcd_ipam_breaker_trips_total");
    Ok((value(open)?, value(trips)?))
}

#[test]
fn a_hundred_of_a_thousand_that_leaked_are_found_exactly() -> Result<()> {
    let scene = a_tenth_leaked()?;
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(run.first("candidates")?, counts([("pod_gone", 100)]));
    assert_eq!(run.released()?, counts([("pod_gone", 100)]));
    let alive = (0..1000).filter(|number| !is_leaked(*number));
    assert_eq!(scene.holders()?, holders(alive));
    assert_eq!(scene.lab.holdings()?.addresses(), 900);
    // And nothing more by looking again.
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([]));
    Ok(())
}

#[test]
fn too_many_vanished_pods_are_reported_and_kept_until_they_are_believable() -> Result<()> {
    let scene = a_tenth_leaked()?;
    let mut collector = scene.collector(&CAREFUL)?;
    for _ in 0..4 {
        collector.sweep_now()?;
        assert_eq!(breaker(&collector, "pods")?, (1, 1));
        assert_eq!(breaker(&collector, "nodes")?, (0, 0));
        let kept = by_label(&collector.metrics()?, "etcd_ipam_kept");
        assert_eq!(kept, counts([("breaker", 100)]));
        assert_eq!(scene.holders()?.len(), 1000);
    }
    let metrics = collector.metrics()?;
    let results = by_label(&metrics, "etcd_ipam_sweeps_total");
    assert_eq!(results, counts([("breaker", 4), ("complete", 1)]));
    let log = collector.log()?;
    let alarm = log.iter().find(|line| line["level"] == "ERROR");
    let alarm = alarm.context("no alarm in the log")?;
    assert_eq!(
        (&alarm["found"], &alarm["limit"]),
        (&100.into(), &50.into())
    );

    // 51 are still one more than a twentieth.
    let lost: Vec<_> = (0..1000).filter(|number| is_leaked(*number)).collect();
    put_pods(&scene, lost[..49].iter().copied())?;
    collector.sweep_now()?;
    assert_eq!(breaker(&collector, "pods")?, (1, 1));
    assert_eq!(scene.holders()?.len(), 1000);
    put_pods(&scene, [lost[49]])?;
    collector.sweep_now()?;
    assert_eq!(breaker(&collector, "pods")?, (0, 1));
    assert_eq!(scene.holders()?.len(), 950);
    ensure!(
        scene
            .holders()?
            .is_superset(&holders(lost[..50].iter().copied()))
    );
    Ok(())
}

#[test]
fn three_nodes_that_boot_at_once_are_one_too_many() -> Result<()> {
    let scene = Scene::new()?;
    let nodes: Vec<_> = (0..NODES - 1).map(|number| format!("w{number}")).collect();
    for node in &nodes {
        scene.kubernetes.put_node(machine(node))?;
        for name in ["a", "b"].map(|name| format!("{name}-{node}")) {
            let pod = pod("shop", &name, &format!("uid-{name}"), node);
            scene.kubernetes.put_pod(pod)?;
            scene.write([scene.attached(node, &name)])?;
        }
    }
    let mut collector = scene.collector(&CAREFUL)?;
    let boot = |node: &str| {
        let booted = machine(node).boot_id("second-boot");
        scene.kubernetes.put_node(booted)
    };
    for node in &nodes[..3] {
        boot(node)?;
    }
    for expected in [(0, 0), (1, 1), (1, 1)] {
        collector.sweep_now()?;
        assert_eq!(breaker(&collector, "nodes")?, expected);
        assert_eq!(scene.holders()?.len(), 18);
    }
    assert_eq!(breaker(&collector, "pods")?, (0, 0));
    // One of them was a mistake of its kubelet's.
    scene.kubernetes.put_node(machine(&nodes[0]))?;
    collector.sweep_now()?;
    assert_eq!(breaker(&collector, "nodes")?, (0, 1));
    let left = scene.holders()?;
    assert_eq!(left.len(), 14);
    ensure!(left.contains(&holder(&nodes[0], "net", "a-w0")));
    // Two more are as many as are believed, since those before are gone.
    for node in &nodes[3..5] {
        boot(node)?;
    }
    collector.sweep_now()?;
    collector.sweep_now()?;
    assert_eq!(scene.holders()?.len(), 10);
    Ok(())
}
