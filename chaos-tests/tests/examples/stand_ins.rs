//! Networks whose links cannot be made here: ipvlan and SR-IOV need a kernel and a card that are not here, and
//! the bond plugin is not in Debian. Only the order of the calls is theirs.

use anyhow::{Result, ensure};
use chaos_tests::answer;
use chaos_tests::libcni::Attachment;

use crate::scene::{Scene, network};

/// What the main plugin of this type does with addresses, and nothing else.
fn stand_in(plugin: &str) -> &'static str {
    match plugin {
        // It passes no CHECK on.
        "sriov" => "#!/bin/sh\n[ \"$CNI_COMMAND\" = CHECK ] || exec \"${0%/*}/etcd-ipam\"\n",
        _ => "#!/bin/sh\nexec \"${0%/*}/etcd-ipam\"\n",
    }
}

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
        scene.node.install_script(plugin, stand_in(plugin))?;
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
