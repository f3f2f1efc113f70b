//! What a user of Whereabouts relies on.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::node::Node;
use chaos_tests::vectors::{Target, whereabouts};
use serde_json::{Map, json};

#[test]
fn every_case_passes_with_all_settings_in_the_network_config() -> Result<()> {
    let lab = Lab::new()?;
    let node = Node::with_config("n1", json!({}))?;
    let section = json!({"endpoints": [lab.etcd.endpoint()]});
    let extra = Map::from_iter([("etcd".to_owned(), section)]);
    whereabouts::run(&Target { node: &node, extra })
}
