//! podman with its CNI backend.

use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::machine::Machine;
use chaos_tests::reconciling::AT_ONCE;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{ARCHIVE, IMAGE, Store, bridge, eventually, network_of_the_guide};

/// A store and a node with podman, which knows the guide's network `lan`, a macvlan, and a bridge `pods`.
fn scene(test: &str) -> Result<Option<(Store, Machine)>> {
    let Some(store) = Store::new(test, &["podman", "conmon"])? else {
        return Ok(None);
    };
    let node = node(&store, "node-a")?;
    Ok(Some((store, node)))
}

fn node(store: &Store, name: &str) -> Result<Machine> {
    let networks = [&network_of_the_guide()?, &bridge()];
    let node = store.node(name, &networks)?;
    node.run(&["podman", "load", "-q", "-i", ARCHIVE])?;
    Ok(node)
}

/// Starts a container on these networks; its ID.
fn start(node: &Machine, name: &str, networks: &[&str]) -> Result<String> {
    let group = format!("/{}", node.cgroup());
    let mut words = vec![
        "podman",
        "run",
        "-d",
        "--name",
        name,
        "--cgroup-parent",
        &group,
    ];
    for network in networks {
        words.extend(["--network", network]);
    }
    words.push(IMAGE);
    Ok(node.run(&words)?.trim().to_owned())
}

/// The addresses of an interface of a running container.
fn addresses(node: &Machine, name: &str, interface: &str) -> Result<Vec<String>> {
    let pid = node.run(&["podman", "inspect", "--format", "{{.State.Pid}}", name])?;
    node.addresses(&format!("/proc/{}/ns/net", pid.trim()), interface)
}

#[test]
fn containers_of_two_machines_have_addresses_of_their_own() -> Result<()> {
    let Some((store, first)) = scene("containers_of_two_machines_have_addresses_of_their_own")?
    else {
        return Ok(());
    };
    let second = node(&store, "node-b")?;
    let id = start(&first, "one", &["lan"])?;
    start(&second, "two", &["lan"])?;
    start(&first, "three", &["lan"])?;
    ensure!(addresses(&first, "one", "eth0")? == ["192.168.20.10/24"]);
    ensure!(addresses(&second, "two", "eth0")? == ["192.168.20.11/24"]);
    ensure!(addresses(&first, "three", "eth0")? == ["192.168.20.12/24"]);

    let listed = store.listed()?;
    let one = listed.first().context("nothing is listed")?;
    let said = ["network", "interface", "container", "pod", "node"].map(|field| one[field].clone());
    ensure!(said == ["lan", "eth0", &id, "one", "node-a"], "{one}");
    ensure!(one["namespace"].as_str().is_none_or(str::is_empty), "{one}");

    first.run(&["podman", "rm", "-f", "-t", "0", "one", "three"])?;
    store.wait_for(&first, &["192.168.20.11"])?;
    second.run(&["podman", "rm", "-f", "-t", "0", "two"])?;
    store.wait_for(&second, &[])
}

#[test]
fn a_container_on_two_networks_has_an_address_of_each() -> Result<()> {
    let Some((store, node)) = scene("a_container_on_two_networks_has_an_address_of_each")? else {
        return Ok(());
    };
    start(&node, "both", &["pods", "lan"])?;
    // podman numbers the interfaces by the names of the networks, not in the order of the command line.
    let on = |interface| addresses(&node, "both", interface);
    let mut found = [on("eth0")?, on("eth1")?].concat();
    found.sort_unstable();
    ensure!(found == ["10.9.0.2/24", "192.168.20.10/24"], "{found:?}");
    let inspected = node.run(&["podman", "network", "inspect", "lan"])?;
    let inspected: Value = serde_json::from_str(&inspected)?;
    ensure!(
        inspected[0]["ipam_options"]["driver"] == "etcd-ipam",
        "{inspected}"
    );
    let shown = node.run(&["podman", "inspect", "both"])?;
    let shown: Value = serde_json::from_str(&shown)?;
    let networks = &shown[0]["NetworkSettings"]["Networks"];
    ensure!(networks["pods"]["IPAddress"] == "10.9.0.2", "{networks}");
    ensure!(networks["pods"]["Gateway"] == "10.9.0.1", "{networks}");
    ensure!(
        networks["lan"]["IPAddress"] == "192.168.20.10",
        "{networks}"
    );
    node.run(&["podman", "network", "disconnect", "pods", "both"])?;
    store.wait_for(&node, &["192.168.20.10"])?;
    node.run(&["podman", "network", "connect", "pods", "both"])?;
    store.wait_for(&node, &["10.9.0.2", "192.168.20.10"])
}

#[test]
fn a_container_that_dies_frees_its_address_and_one_that_restarts_has_one_again() -> Result<()> {
    let test = "a_container_that_dies_frees_its_address_and_one_that_restarts_has_one_again";
    let Some((store, node)) = scene(test)? else {
        return Ok(());
    };
    start(&node, "one", &["lan"])?;
    start(&node, "two", &["lan"])?;
    // Nobody runs podman then: its monitor does.
    node.run(&["podman", "kill", "one"])?;
    store.wait_for(&node, &["192.168.20.11"])?;
    node.run(&["podman", "start", "one"])?;
    node.run(&["podman", "restart", "-t", "0", "two"])?;
    ensure!(addresses(&node, "one", "eth0")? == ["192.168.20.10/24"]);
    ensure!(addresses(&node, "two", "eth0")? == ["192.168.20.11/24"]);
    store.wait_for(&node, &["192.168.20.10", "192.168.20.11"])
}

#[test]
fn an_address_that_is_asked_for_is_given_once() -> Result<()> {
    let Some((store, node)) = scene("an_address_that_is_asked_for_is_given_once")? else {
        return Ok(());
    };
    start(&node, "one", &["lan:ip=192.168.20.77"])?;
    ensure!(addresses(&node, "one", "eth0")? == ["192.168.20.77/24"]);
    let refused = start(&node, "two", &["lan:ip=192.168.20.77"]);
    let refused = format!("{:?}", refused.err().context("it was given twice")?);
    ensure!(refused.contains("192.168.20.77 is taken"), "{refused}");
    ensure!(store.taken()? == ["192.168.20.77"]);
    node.run(&["podman", "rm", "-f", "-t", "0", "one", "two"])?;
    store.wait_for(&node, &[])
}

#[test]
fn a_container_is_removed_while_etcd_is_away_and_its_address_freed_later() -> Result<()> {
    let test = "a_container_is_removed_while_etcd_is_away_and_its_address_freed_later";
    let Some((mut store, node)) = scene(test)? else {
        return Ok(());
    };
    start(&node, "one", &["lan"])?;
    store.etcd.stop()?;
    node.run(&["podman", "rm", "-f", "-t", "0", "one"])?;
    store.etcd.restart()?;
    ensure!(store.taken()? == ["192.168.20.10"]);
    // The next call delivers what was spooled.
    start(&node, "two", &["lan"])?;
    eventually(|| {
        let listed = store.listed()?;
        let is_only_two = matches!(listed.as_slice(), [one] if one["pod"] == "two");
        let difference = || format!("{listed:?}\n{}", node.log());
        Ok(if is_only_two {
            Ok(())
        } else {
            Err(difference())
        })
    })
}

/// What `kubectl get pods,nodes -A -o json` prints of a cluster of this one node and a pod.
fn cluster() -> Result<Value> {
    let read = |path: &str| Ok::<_, io::Error>(fs::read_to_string(path)?.trim().to_owned());
    let ready = json!({
        "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"
    });
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let node = json!({
        "kind": "Node", "apiVersion": "v1", "metadata": {"name": "node-a"},
        "status": {"conditions": [ready], "nodeInfo": {"bootID": boot, "machineID": ""}}
    });
    let pod = json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"namespace": "shop", "name": "web-0", "uid": "uid-of-web-0"},
        "spec": {"nodeName": "node-a"}, "status": {"phase": "Running"}
    });
    Ok(json!({"kind": "List", "apiVersion": "v1", "items": [node, pod]}))
}

/// podman names a container and no namespace, so no pod of that name is missed.
#[test]
fn a_collector_keeps_what_podman_holds_on_a_node_of_its_cluster() -> Result<()> {
    let test = "a_collector_keeps_what_podman_holds_on_a_node_of_its_cluster";
    let Some((store, node)) = scene(test)? else {
        return Ok(());
    };
    start(&node, "one", &["lan"])?;
    let home = TempDir::new()?;
    let file = home.path().join("living.json");
    fs::write(&file, cluster()?.to_string())?;
    let source = Source::File(file);
    let swept = Collector::once(&[store.etcd.endpoint()], &source, &AT_ONCE)?;
    ensure!(swept.status.success(), "{swept:?}");
    let report = swept.stdout.lines().last().context("no report")?;
    let report: Value = serde_json::from_str(report)?;
    ensure!(report["kept"] == json!({"no_pod_name": 1}), "{report}");
    ensure!(store.taken()? == ["192.168.20.10"]);
    Ok(())
}
