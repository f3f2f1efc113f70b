//! Pods that ask for more than an address: for a certain one, for two, for what chained plugins do.

use anyhow::{Result, ensure};
use chaos_tests::libcni::{Attachment, make_pod, network_of};

use crate::scene::{Scene, network};

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
