//! The networks of `deploy/examples` with real interfaces: the very files, the real main plugins of this
//! machine, and calls in the order of libcni. The kernel is asked what came of it.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value that lacks the key gives null, which the test then refuses"
)]

mod scene;

use anyhow::{Result, bail, ensure};
use chaos_tests::answer;
use chaos_tests::libcni::{Attachment, make_pod, network_of};
use chaos_tests::machine::Machine;
use scene::{Scene, network};

/// ADD, CHECK and DEL of one pod; its interface has exactly `addresses`, and afterwards nothing is left.
fn comes_and_goes(scene: &Scene, example: &str, name: &str, addresses: &[&str]) -> Result<()> {
    let network = network(example, name)?;
    make_pod(&scene.node, example)?;
    let attachment = Attachment::new(example, &network, "net1");
    let result = attachment.add(&scene.node)?;
    let found = scene.node.addresses(&network_of(example), "net1")?;
    ensure!(found == addresses, "{example}: {found:?}\n{result}");
    ensure!(scene.held()? == addresses.len(), "{example}");
    attachment.check(&scene.node, &result)?;
    attachment.del(&scene.node, Some(&result))?;
    let gone = scene.node.addresses(&network_of(example), "net1");
    ensure!(gone.is_err(), "{example}: net1 is left: {gone:?}");
    ensure!(scene.held()? == 0, "{example}");
    // A runtime may call again.
    attachment.del(&scene.node, Some(&result))
}

#[test]
fn a_pod_of_each_macvlan_network_has_its_addresses_until_it_goes() -> Result<()> {
    let Some(scene) = Scene::new(
        "a_pod_of_each_macvlan_network_has_its_addresses_until_it_goes",
        &["macvlan"],
    )?
    else {
        return Ok(());
    };
    for master in ["eth0", "eth1", "ens5"] {
        scene.node.add_interface(master)?;
    }
    let cases: [(&str, &str, &[&str]); 8] = [
        ("macvlan.yaml", "macvlan-conf", &["192.168.20.10/24"]),
        ("range.yaml", "lan", &["192.168.20.10/24"]),
        (
            "macvlan-host-local.yaml",
            "macvlan-routed",
            &["192.168.1.200/24"],
        ),
        (
            "macvlan-quick-start.yaml",
            "macvlan-conf",
            &["172.18.30.131/16"],
        ),
        ("static-address.yaml", "fixed", &["192.168.30.2/24"]),
        ("two-interfaces.yaml", "twice", &["192.168.50.10/24"]),
        (
            "host-local.yaml",
            "storage",
            &["172.16.8.32/24", "fd00:8::2/64"],
        ),
        ("bond.yaml", "bond-link", &[]),
    ];
    for (example, name, addresses) in cases {
        comes_and_goes(&scene, example, name, addresses)?;
    }
    Ok(())
}

#[test]
fn a_pod_on_a_bridge_has_its_address_until_it_goes() -> Result<()> {
    let Some(scene) = Scene::new(
        "a_pod_on_a_bridge_has_its_address_until_it_goes",
        &["bridge"],
    )?
    else {
        return Ok(());
    };
    comes_and_goes(&scene, "bridge.yaml", "bridged", &["10.60.0.2/22"])
}

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

#[test]
fn dual_stack_gives_both_addresses_or_none() -> Result<()> {
    let Some(scene) = Scene::new("dual_stack_gives_both_addresses_or_none", &["macvlan"])? else {
        return Ok(());
    };
    scene.node.add_interface("eth0")?;
    make_pod(&scene.node, "pod")?;
    let network = network("dual-stack.yaml", "dual")?;
    let attachment = Attachment::new("pod", &network, "net1");
    let result = attachment.add(&scene.node)?;
    let addresses = scene.node.addresses(&network_of("pod"), "net1")?;
    let [v4, v6] = addresses.as_slice() else {
        bail!("{addresses:?}")
    };
    ensure!(v4.ends_with("/23") && v6.ends_with("/64"), "{addresses:?}");
    attachment.check(&scene.node, &result)?;
    attachment.del(&scene.node, Some(&result))?;
    // Both rest for a minute.
    ensure!(
        scene.states()? == ["resting", "resting"],
        "{:?}",
        scene.states()?
    );
    Ok(())
}

#[test]
fn an_address_that_a_pod_names_is_its_own_alone() -> Result<()> {
    let Some(scene) = Scene::new("an_address_that_a_pod_names_is_its_own_alone", &["macvlan"])?
    else {
        return Ok(());
    };
    scene.node.add_interface("eth0")?;
    let network = network("static-address.yaml", "fixed")?;
    let wish = |pod: &str| {
        let mut wish = Attachment::new(pod, &network, "net1");
        wish.ips = vec!["192.168.30.77".to_owned()];
        wish
    };
    for pod in ["printer", "second"] {
        make_pod(&scene.node, pod)?;
    }
    let result = wish("printer").add(&scene.node)?;
    let addresses = scene.node.addresses(&network_of("printer"), "net1")?;
    ensure!(addresses == ["192.168.30.77/24"], "{addresses:?}");
    let refusal = wish("second")
        .try_add(&scene.node)?
        .failure(101)?
        .message()?;
    ensure!(refusal.contains("192.168.30.77 is taken"), "{refusal}");
    wish("second").del(&scene.node, None)?;
    wish("printer").check(&scene.node, &result)?;
    wish("printer").del(&scene.node, Some(&result))?;
    wish("second").add(&scene.node)?;
    let addresses = scene.node.addresses(&network_of("second"), "net1")?;
    ensure!(addresses == ["192.168.30.77/24"], "{addresses:?}");
    Ok(())
}

#[test]
fn two_interfaces_in_one_network_have_an_address_each() -> Result<()> {
    let Some(scene) = Scene::new(
        "two_interfaces_in_one_network_have_an_address_each",
        &["macvlan"],
    )?
    else {
        return Ok(());
    };
    scene.node.add_interface("eth0")?;
    make_pod(&scene.node, "two-legs")?;
    let network = network("two-interfaces.yaml", "twice")?;
    let [first, second] =
        ["net1", "backup"].map(|name| Attachment::new("two-legs", &network, name));
    let results = [first.add(&scene.node)?, second.add(&scene.node)?];
    let on = |interface| scene.node.addresses(&network_of("two-legs"), interface);
    ensure!(on("net1")? == ["192.168.50.10/24"]);
    ensure!(on("backup")? == ["192.168.50.11/24"]);
    // Multus takes the last one down first, and each alone.
    second.del(&scene.node, results.get(1))?;
    ensure!(on("net1")? == ["192.168.50.10/24"]);
    ensure!(scene.held()? == 1);
    first.check(&scene.node, &results[0])?;
    first.del(&scene.node, results.first())?;
    ensure!(scene.held()? == 0);
    Ok(())
}

#[test]
fn chained_plugins_work_with_the_address_of_the_first() -> Result<()> {
    let Some(scene) = Scene::new(
        "chained_plugins_work_with_the_address_of_the_first",
        &["macvlan", "sbr", "tuning"],
    )?
    else {
        return Ok(());
    };
    scene.node.add_interface("eth0")?;
    make_pod(&scene.node, "pod")?;
    let network = network("chained.yaml", "chained")?;
    let attachment = Attachment::new("pod", &network, "net1");
    let result = attachment.add(&scene.node)?;
    let addresses = scene.node.addresses(&network_of("pod"), "net1")?;
    ensure!(addresses == ["192.168.70.10/24"], "{addresses:?}");
    let look = |words: &[&str]| scene.node.run(&[&["ip", "-n", "pod"], words].concat());
    let rules = look(&["rule"])?;
    ensure!(rules.contains("from 192.168.70.10 lookup 100"), "{rules}");
    let table = look(&["route", "show", "table", "100"])?;
    ensure!(
        table.contains("default via 192.168.70.1 dev net1"),
        "{table}"
    );
    let link = look(&["link", "show", "dev", "net1"])?;
    ensure!(link.contains("mtu 1400"), "{link}");
    attachment.check(&scene.node, &result)?;
    attachment.del(&scene.node, Some(&result))?;
    ensure!(scene.held()? == 0);
    Ok(())
}

/// What the main plugin of this type does with addresses, and nothing else.
fn stand_in(plugin: &str) -> &'static str {
    match plugin {
        // It passes no CHECK on.
        "sriov" => "#!/bin/sh\n[ \"$CNI_COMMAND\" = CHECK ] || exec \"${0%/*}/etcd-ipam\"\n",
        _ => "#!/bin/sh\nexec \"${0%/*}/etcd-ipam\"\n",
    }
}

/// ipvlan and SR-IOV need a kernel and a card that are not here, and the bond plugin is not in Debian. Only
/// the order of the calls is theirs.
#[test]
fn networks_whose_links_cannot_be_made_here_get_their_addresses_by_the_order_of_calls() -> Result<()>
{
    let Some(scene) = Scene::new(
        "networks_whose_links_cannot_be_made_here_get_their_addresses_by_the_order_of_calls",
        &[],
    )?
    else {
        return Ok(());
    };
    for (example, name, plugin, address) in [
        ("ipvlan.yaml", "ipvlan-l2", "ipvlan", "172.16.1.1/24"),
        ("sriov.yaml", "sriov-net", "sriov", "10.56.217.171/24"),
        ("bond.yaml", "bond-net", "bond", "192.168.80.2/24"),
    ] {
        scene.node.install(plugin, stand_in(plugin).as_bytes())?;
        let attachment = Attachment::new("pod", &network(example, name)?, "net1");
        let result = attachment.add(&scene.node)?;
        let addresses = answer::addresses(&result)?;
        ensure!(addresses == [address], "{example}: {result}");
        ensure!(scene.held()? == 1, "{example}");
        attachment.del(&scene.node, Some(&result))?;
        attachment.del(&scene.node, None)?;
        ensure!(scene.held()? == 0, "{example}");
    }
    Ok(())
}
