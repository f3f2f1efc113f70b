//! The history: one line for every tenancy that ended, whoever ended it, and none twice.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::pod;
use chaos_tests::layout::holder;
use chaos_tests::plugin::{dual_stack, network};
use chaos_tests::reconciling::{AT_ONCE, Scene, count};
use chaos_tests::record::record;
use serde_json::{Value, json};
use tempfile::TempDir;

fn net(name: &str) -> Value {
    network(name, json!({"range": "10.90.0.0/24"}))
}

/// The lines of a history; none while it does not exist.
fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().context(text.clone())
}

/// A collector that writes its history to this file, and has begun to.
fn writes_to(scene: &Scene, file: &Path) -> Result<Collector> {
    let file = file.display().to_string();
    let mut collector = scene.collector(&[&AT_ONCE[..], &["--history-file", &file]].concat())?;
    let position = scene.lab.layout.history("default");
    collector.wait_until("the history has begun", |_| {
        Ok(scene.lab.raw.get(position.clone())?.is_some())
    })?;
    Ok(collector)
}

/// Waits until a history has so many lines, and gives them.
fn wait_for(collector: &mut Collector, file: &Path, count: usize) -> Result<Vec<Value>> {
    let what = format!("{} has {count} lines", file.display());
    collector.wait_until(&what, |_| Ok(lines(file)?.len() >= count))?;
    lines(file)
}

/// ADD and DEL of so many containers.
fn come_and_go(scene: &Scene, containers: impl IntoIterator<Item = u32>) -> Result<()> {
    for container in containers {
        let name = format!("c{container}");
        scene.lab.node.add(&name, &net("net"))?.success()?;
        scene.lab.node.del(&name, &net("net"))?.silence()?;
    }
    Ok(())
}

/// The containers of a history's lines, each once.
fn containers(lines: &[Value]) -> Result<BTreeSet<u32>> {
    let mut containers = BTreeSet::new();
    for line in lines {
        let name = line["container"].as_str().context("no container")?;
        let number = name.strip_prefix('c').context("another container")?;
        ensure!(
            containers.insert(number.parse()?),
            "{name} twice: {lines:?}"
        );
    }
    Ok(containers)
}

fn why(lines: &[Value]) -> BTreeMap<&str, &str> {
    let text = |value: &'static str, line: &'_ Value| line[value].as_str().map(str::to_owned);
    let pairs = lines.iter().filter_map(|line| {
        text("container", line)?;
        Some((line["container"].as_str()?, line["why"].as_str()?))
    });
    pairs.collect()
}

#[test]
fn every_tenancy_that_ends_is_told_with_its_cause() -> Result<()> {
    let scene = Scene::new()?;
    let home = TempDir::new()?;
    let file = home.path().join("history");
    let node = &scene.lab.node;
    // An attachment of the machine's last boot; a static pod gets its sandbox back after this one.
    let earlier = record(&holder("n1", "net", "restarted"))
        .address("default", std::net::Ipv4Addr::new(10, 90, 0, 99), 24)
        .pod("test", "pod-restarted", "uid-restarted")
        .started("", "an-earlier-boot", 1000);
    scene.write([earlier])?;
    for name in ["pod-lives", "pod-restarted"] {
        let uid = name.replace("pod", "uid");
        scene.kubernetes.put_pod(pod("test", name, &uid, "n1"))?;
    }
    let mut collector = writes_to(&scene, &file)?;
    let first = node.add("lives", &net("net"))?.success()?;
    node.add("lives", &net("net"))?.success()?;
    node.add("restarted", &net("net"))?.success()?;
    let deleted = node.add("deleted", &net("net"))?.success()?.ip()?;
    node.del("deleted", &net("net"))?.silence()?;
    node.del("deleted", &net("net"))?.silence()?;
    node.add("dual", &dual_stack(91, "lowest"))?.success()?;
    node.add("other", &net("other-net"))?.success()?;
    wait_for(&mut collector, &file, 2)?;
    collector.sweep_now()?;
    collector.sweep_now()?;
    let lines = wait_for(&mut collector, &file, 5)?;

    let expected = [
        ("deleted", "released"),
        ("dual", "pod_gone"),
        ("other", "pod_gone"),
        ("restarted", "restarted"),
    ];
    assert_eq!(why(&lines), expected.into(), "{lines:?}");
    assert_eq!(lines.len(), 5, "{lines:?}");
    let line = lines.iter().find(|line| line["container"] == "deleted");
    let line = line.context("no line")?;
    for (field, value) in [
        ("address", deleted.to_string().as_str()),
        ("space", "default"),
        ("cluster", "default"),
        ("node", "n1"),
        ("network", "net"),
        ("interface", "eth0"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    let pod = json!({"namespace": "test", "name": "pod-deleted", "uid": "uid-deleted"});
    assert_eq!(line["pod"], pod);
    let time = |field: &str| {
        let text = line[field].as_str().context("no time")?;
        anyhow::Ok(text.parse::<jiff::Timestamp>()?)
    };
    ensure!(
        time("from")?.as_second() <= time("until")?.as_second(),
        "{line}"
    );

    let metrics = collector.metrics()?;
    let of = |name: &str, network: &str| count(&metrics, name, &[("network", network)]);
    let (allocations, releases) = ("etcd_ipam_allocations_total", "etcd_ipam_releases_total");
    assert_eq!(of(allocations, "net")?, 3);
    assert_eq!(of(releases, "net")?, 2);
    assert_eq!(of(allocations, "other-net")?, 1);
    assert_eq!(of(releases, "other-net")?, 1);
    assert_eq!(count(&metrics, "etcd_ipam_history_lines_total", &[])?, 5);
    assert_eq!(count(&metrics, "etcd_ipam_history_gaps_total", &[])?, 0);
    ensure!(
        !scene
            .lab
            .holdings()?
            .of(&holder("n1", "net", "lives"))?
            .is_empty(),
        "{first:?}"
    );
    Ok(())
}

#[test]
fn without_a_file_the_history_goes_to_standard_output_and_the_log_does_not() -> Result<()> {
    let scene = Scene::new()?;
    let mut collector = scene.collector(&AT_ONCE)?;
    let position = scene.lab.layout.history("default");
    collector.wait_until("the history has begun", |_| {
        Ok(scene.lab.raw.get(position.clone())?.is_some())
    })?;
    come_and_go(&scene, 0..3)?;
    collector.wait_until("three lines", |collector| {
        Ok(collector.stdout_lines()?.len() >= 3)
    })?;
    let lines = collector.stdout_lines()?;
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    assert_eq!(containers(&lines)?, (0..3).collect());
    Ok(())
}

#[test]
fn whoever_writes_and_is_killed_nothing_is_lost_and_nothing_is_told_twice() -> Result<()> {
    let scene = Scene::new()?;
    let home = TempDir::new()?;
    let file = home.path().join("history");
    for life in 0..3 {
        let mut collector = writes_to(&scene, &file)?;
        come_and_go(&scene, life * 10..life * 10 + 4)?;
        // Killed at any moment of its work: with nothing, some or all of it written and recorded.
        if life != 1 {
            wait_for(&mut collector, &file, usize::try_from(life * 8 + 1)?)?;
        }
        collector.kill();
        scene.lab.raw.delete(scene.lab.layout.leader("default"))?;
        come_and_go(&scene, life * 10 + 4..life * 10 + 8)?;
    }
    let mut last = writes_to(&scene, &file)?;
    let all: BTreeSet<u32> = (0..3).flat_map(|life| life * 10..life * 10 + 8).collect();
    let lines = wait_for(&mut last, &file, all.len())?;
    assert_eq!(containers(&lines)?, all);
    // A power cut tears the last line, which then was not recorded as written yet.
    last.kill();
    scene.lab.raw.delete(scene.lab.layout.leader("default"))?;
    scene.lab.raw.delete(scene.lab.layout.history("default"))?;
    let whole = std::fs::read(&file)?;
    std::fs::write(&file, &whole[..whole.len() - 20])?;
    let mut again = writes_to(&scene, &file)?;
    come_and_go(&scene, [99])?;
    let lines = wait_for(&mut again, &file, all.len() + 1)?;
    assert_eq!(containers(&lines)?.len(), all.len() + 1);
    Ok(())
}

#[test]
fn another_replica_goes_on_where_the_first_one_stopped_even_at_its_very_beginning() -> Result<()> {
    let scene = Scene::new()?;
    let home = TempDir::new()?;
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    let path = one.display().to_string();
    let mut first = scene.collector(&[&AT_ONCE[..], &["--history-file", &path]].concat())?;
    let pods = Cell::new(0);
    first.wait_until("it writes", |_| {
        // It may begin only after the first of them.
        come_and_go(&scene, [pods.replace(pods.get() + 1)])?;
        Ok(!lines(&one)?.is_empty())
    })?;
    first.kill();
    let told = containers(&lines(&one)?)?;
    come_and_go(&scene, 1000..1003)?;
    scene.lab.raw.delete(scene.lab.layout.leader("default"))?;
    let mut second = writes_to(&scene, &two)?;
    let lines = wait_for(&mut second, &two, 3)?;
    let missed = containers(&lines)?;
    ensure!(
        missed.is_superset(&(1000..1003).collect()),
        "{told:?}, then {missed:?}"
    );
    Ok(())
}

#[test]
fn how_far_it_came_is_recorded_also_while_pods_come_and_go_all_the_time() -> Result<()> {
    let scene = Scene::new()?;
    let home = TempDir::new()?;
    let mut collector = writes_to(&scene, &home.path().join("history"))?;
    let key = scene.lab.layout.history("default");
    let first = scene.lab.raw.version(key.clone())?;
    let pods = Cell::new(0);
    collector.wait_until("it is recorded anew", |_| {
        come_and_go(&scene, [pods.replace(pods.get() + 1)])?;
        Ok(scene.lab.raw.version(key.clone())? > first + 1)
    })
}

#[test]
fn what_etcd_has_forgotten_meanwhile_is_counted_as_a_gap() -> Result<()> {
    let scene = Scene::new()?;
    let home = TempDir::new()?;
    let file = home.path().join("history");
    let mut first = writes_to(&scene, &file)?;
    come_and_go(&scene, 0..2)?;
    wait_for(&mut first, &file, 2)?;
    first.stop()?;
    come_and_go(&scene, 10..12)?;
    let revision = scene.lab.raw.ask(async |client| {
        let answer = client.get("/", None).await?;
        Ok(answer
            .header()
            .map_or(0, etcd_client::ResponseHeader::revision))
    })?;
    scene
        .lab
        .raw
        .ask(async |client| client.compact(revision, None).await)?;
    let mut second = writes_to(&scene, &file)?;
    second.wait_until("it noticed the gap", |collector| {
        let gaps = collector
            .metrics()?
            .value("etcd_ipam_history_gaps_total", &[]);
        Ok(gaps == Some(1.0))
    })?;
    come_and_go(&scene, 20..22)?;
    let lines = wait_for(&mut second, &file, 4)?;
    assert_eq!(containers(&lines)?, [0, 1, 20, 21].into());
    let log = second.log()?;
    ensure!(log.iter().any(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains("forgotten"))
    }));
    Ok(())
}
