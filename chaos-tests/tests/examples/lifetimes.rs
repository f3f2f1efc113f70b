//! A pod of each network has what the example promises, until it goes.

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::libcni::{Attachment, make_pod, network_of};

use crate::scene::{Scene, network};

/// ADD, CHECK and DEL of one pod; its interface has exactly `addresses`, and afterwards nothing is left.
fn comes_and_goes(scene: &Scene, example: &str, name: &str, addresses: &[&str]) -> Result<()> {
    let network = network(example, name)?;
    make_pod(&scene.node, example)?;
    let attachment = Attachment::new(example, &network, "net1");
    let added = attachment.add(&scene.node);
    let result = added.with_context(|| format!("{example}\n{}", scene.node.log()))?;
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
