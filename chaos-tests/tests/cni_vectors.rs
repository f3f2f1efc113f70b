//! The cases of the CNI specification and of real callers.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::node::Node;
use chaos_tests::vectors::{Target, cni};
use serde_json::{Map, Value, json};

fn etcd_section(lab: &Lab) -> Map<String, Value> {
    let section = json!({"endpoints": [lab.etcd.endpoint()]});
    Map::from_iter([("etcd".to_owned(), section)])
}

#[test]
fn every_case_passes_with_all_settings_in_the_network_config() -> Result<()> {
    let lab = Lab::new()?;
    let node = Node::with_config("n1", json!({}))?;
    let extra = etcd_section(&lab);
    cni::run(&cni::cases(&[])?, &Target { node: &node, extra })
}

#[test]
fn a_del_that_lost_its_ipam_section_uses_the_node_file() -> Result<()> {
    let lab = Lab::new()?;
    let extra = Map::new();
    let target = Target {
        node: &lab.node,
        extra,
    };
    cni::run(&cni::cases(&["del-stripped-ipam"])?, &target)?;
    lab.ensure_all_is_free()
}

#[test]
fn version_needs_no_etcd() -> Result<()> {
    let node = Node::with_config("n1", json!({}))?;
    let extra = Map::new();
    let cases = cni::cases(&["version-fast-no-backend"])?;
    cni::run(&cases, &Target { node: &node, extra })
}
