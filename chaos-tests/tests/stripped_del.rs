//! DEL with nothing but the names, as Multus may send it.

use anyhow::Result;
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::layout::Layout;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn stripped() -> Value {
    json!({"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "ipam": {"type": "etcd-ipam"}})
}

#[test]
fn a_del_goes_where_the_add_went_though_the_node_file_says_otherwise() -> Result<()> {
    let lab = Lab::new()?;
    let elsewhere = Lab::new()?;
    let endpoints = [elsewhere.etcd.endpoint()];
    ctl::init(&endpoints, &["--prefix", "/other"])?;
    let layout = Layout::new("/other");
    let net = network(
        "net",
        json!({
            "etcd": {"endpoints": endpoints, "prefix": "/other"},
            "cluster": "west",
            "node_name": "somebody-else",
            "range": "10.79.0.0/24",
        }),
    );
    // One DEL with the full config, one with the names only, one with a config of now.
    for del in [
        &net,
        &stripped(),
        &network("net", json!({"range": "10.80.0.0/24"})),
    ] {
        lab.node.add("c", &net)?.success()?;
        let owner = layout.owner("west/somebody-else/net/c/eth0");
        assert_eq!(elsewhere.raw.count(&owner)?, 1);
        lab.node.del("c", del)?.silence()?;
        assert_eq!(elsewhere.raw.count(&layout.addresses())?, 0, "{del}");
        assert_eq!(elsewhere.raw.count(&layout.owners())?, 0, "{del}");
    }
    // Nothing of it went where the node's file points.
    lab.ensure_all_is_free()?;
    elsewhere.ensure_all_is_free()
}

#[test]
fn gc_goes_where_the_adds_went() -> Result<()> {
    let lab = Lab::new()?;
    ctl::init(&[lab.etcd.endpoint()], &["--prefix", "/other"])?;
    let layout = Layout::new("/other");
    let net = network(
        "net",
        json!({
            "etcd": {"endpoints": [lab.etcd.endpoint()], "prefix": "/other"},
            "range": "10.81.0.0/24",
        }),
    );
    for container in ["a", "b", "c"] {
        lab.node.add(container, &net)?.success()?;
    }
    lab.node.gc(&["b"], &stripped())?.silence()?;
    assert_eq!(lab.raw.count(&layout.owners())?, 1);
    assert_eq!(lab.raw.count(&layout.addresses())?, 1);
    Ok(())
}

#[test]
fn a_stripped_del_after_a_boot_uses_the_node_file() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.82.0.0/24"}));
    lab.node.add("c", &net)?.success()?;
    lab.node.reboot()?;
    lab.node.del("c", &stripped())?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn a_del_leaves_no_file_behind() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.83.0.0/24"}));
    let before = {
        // Files of the node, such as the mark that the range was written down, stay.
        lab.node.add("first", &net)?.success()?;
        lab.node.del("first", &net)?.silence()?;
        lab.node.state()?.len()
    };
    for number in 0..20 {
        lab.node.add(&format!("c{number}"), &net)?.success()?;
    }
    for number in 0..20 {
        lab.node
            .del(&format!("c{number}"), &stripped())?
            .silence()?;
    }
    assert_eq!(lab.node.state()?.len(), before);
    assert_eq!(lab.node.spool()?.len(), 0);
    Ok(())
}
