//! Pods reach each other, and what their routes lead to.

use anyhow::{Result, ensure};
use chaos_tests::libcni::{Attachment, make_pod, network_of};
use chaos_tests::machine::Machine;

use crate::scene::{Scene, network};

/// What `ping` in a pod's network says to one packet to an address.
fn ping(machine: &Machine, pod: &str, address: &str) -> Result<()> {
    let network = format!("--net={}", network_of(pod));
    machine.run(&["nsenter", &network, "ping", "-c", "1", "-w", "30", address])?;
    Ok(())
}

#[test]
fn pods_reach_each_other_on_one_node_and_across_two() -> Result<()> {
    let Some(scene) = Scene::new(
        "pods_reach_each_other_on_one_node_and_across_two",
        &["macvlan"],
    )?
    else {
        return Ok(());
    };
    let other = scene.another_node("node-b")?;
    scene.node.connect(&other, "eth0")?;
    let network = network("macvlan.yaml", "macvlan-conf")?;
    let mut addresses = Vec::new();
    for (pod, machine) in [
        ("pod0", &scene.node),
        ("pod1", &scene.node),
        ("pod2", &other),
    ] {
        make_pod(machine, pod)?;
        Attachment::new(pod, &network, "net1").add(machine)?;
        addresses.extend(machine.addresses(&network_of(pod), "net1")?);
    }
    let expected = ["192.168.20.10/24", "192.168.20.11/24", "192.168.20.12/24"];
    ensure!(addresses == expected, "{addresses:?}");
    ping(&scene.node, "pod0", "192.168.20.11")?;
    ping(&scene.node, "pod0", "192.168.20.12")?;
    ping(&other, "pod2", "192.168.20.10")
}

#[test]
fn pods_on_the_bridge_of_one_node_reach_each_other() -> Result<()> {
    let Some(scene) = Scene::new(
        "pods_on_the_bridge_of_one_node_reach_each_other",
        &["bridge"],
    )?
    else {
        return Ok(());
    };
    let network = network("bridge.yaml", "bridged")?;
    for pod in ["one", "two"] {
        make_pod(&scene.node, pod)?;
        Attachment::new(pod, &network, "net1").add(&scene.node)?;
    }
    ping(&scene.node, "one", "10.60.0.3")?;
    let routes = scene.node.run(&["ip", "-n", "one", "route"])?;
    ensure!(routes.contains("10.0.0.0/8 via 10.60.0.1"), "{routes}");
    Ok(())
}

#[test]
fn the_default_route_of_a_network_is_the_pods() -> Result<()> {
    let Some(scene) = Scene::new("the_default_route_of_a_network_is_the_pods", &["macvlan"])?
    else {
        return Ok(());
    };
    scene.node.add_interface("ens5")?;
    make_pod(&scene.node, "pod")?;
    let network = network("macvlan-host-local.yaml", "macvlan-routed")?;
    Attachment::new("pod", &network, "net1").add(&scene.node)?;
    let routes = scene.node.run(&["ip", "-n", "pod", "route"])?;
    ensure!(
        routes.contains("default via 192.168.1.1 dev net1"),
        "{routes}"
    );
    Ok(())
}
