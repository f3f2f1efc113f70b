//! Releases with a configuration that says too little, or nothing that can be read.

use anyhow::Result;
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn net() -> Value {
    network("net", json!({"range": "10.74.0.0/24"}))
}

#[test]
fn a_del_goes_on_without_keys_that_cannot_be_read() -> Result<()> {
    let lab = Lab::new()?;
    lab.node.add("c", &net())?.success()?;
    let unreadable = network(
        "net",
        json!({"range": 5, "timeout": 7, "cluster": ["x"], "etcd": 1}),
    );
    lab.node.add("other", &unreadable)?.failure(6)?;
    lab.node.del("c", &unreadable)?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn a_release_that_knew_no_store_waits_for_the_nodes_own() -> Result<()> {
    let lab = Lab::new()?;
    let settings = json!({"etcd": {"endpoints": [lab.etcd.endpoint()]}});
    lab.node.add("c", &net())?.success()?;

    // The node has lost all that it knew.
    lab.node.configure("n1", json!({}))?;
    lab.node.reboot()?;
    lab.node.del("c", &net())?.silence()?;
    assert_eq!(lab.node.spool()?.len(), 1);

    // A network that lives elsewhere is not where the release belongs.
    ctl::init(&[lab.etcd.endpoint()], &["--prefix", "/elsewhere"])?;
    let elsewhere = json!({"endpoints": [lab.etcd.endpoint()], "prefix": "/elsewhere"});
    let elsewhere = network("other", json!({"range": "10.75.0.0/24", "etcd": elsewhere}));
    lab.node.add("x", &elsewhere)?.success()?;
    assert_eq!(lab.node.spool()?.len(), 1);
    assert_eq!(lab.holdings()?.owners(), 1);

    lab.node.configure("n1", settings)?;
    lab.node.del("x", &elsewhere)?.silence()?;
    assert_eq!(lab.node.spool()?.len(), 0);
    lab.ensure_all_is_free()
}
