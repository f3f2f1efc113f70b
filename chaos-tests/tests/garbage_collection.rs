//! The GC verb: what the runtime does not list is released, on this node and this network only.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::{Call, network};
use serde_json::{Value, json};

fn net(name: &str) -> Value {
    network(name, json!({"range": "10.76.0.0/24"}))
}

/// Which containers of the node `n1` hold something in the network `net`.
fn held(lab: &Lab, containers: &[&'static str]) -> Result<Vec<&'static str>> {
    let holdings = lab.holdings()?;
    let mut held = Vec::new();
    for container in containers {
        if !holdings.of(&holder("n1", "net", container))?.is_empty() {
            held.push(*container);
        }
    }
    Ok(held)
}

const PODS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn five_pods() -> Result<Lab> {
    let lab = Lab::new()?;
    for pod in PODS {
        lab.node.add(pod, &net("net"))?.success()?;
    }
    Ok(lab)
}

#[test]
fn gc_releases_what_is_not_listed_of_this_node_and_network() -> Result<()> {
    let lab = five_pods()?;
    let other_node = lab.another_node("n2")?;
    other_node.add("f", &net("net"))?.success()?;
    lab.node.add("g", &net("other"))?.success()?;
    // Names that begin alike are other names.
    lab.another_node("n11")?.add("h", &net("net"))?.success()?;
    lab.node.add("i", &net("net2"))?.success()?;
    // Another interface of a listed container.
    lab.node
        .run(&Call::attachment("ADD", "a", "net1", &net("net")))?
        .success()?;

    lab.node
        .gc(&["a", "b", "unknown"], &net("net"))?
        .silence()?;

    assert_eq!(held(&lab, &PODS)?, ["a", "b"]);
    assert_eq!(lab.holdings()?.owners(), 2 + 4);
    Ok(())
}

#[test]
fn gc_needs_no_ranges_and_no_etcd_in_the_config() -> Result<()> {
    let lab = five_pods()?;
    lab.node.gc(&["a"], &network("net", json!({})))?.silence()?;
    assert_eq!(held(&lab, &PODS)?, ["a"]);
    Ok(())
}

#[test]
fn an_empty_list_frees_no_more_than_three_attachments() -> Result<()> {
    let lab = five_pods()?;
    let refusal = lab.node.gc(&[], &net("net"))?;
    assert!(!refusal.is_success(), "{refusal:?}");
    refusal.code()?;
    assert_eq!(held(&lab, &PODS)?, PODS);

    lab.node.gc(&["a", "b", "c"], &net("net"))?.silence()?;
    lab.node.gc(&[], &net("net"))?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn disable_gc_is_honoured() -> Result<()> {
    let lab = five_pods()?;
    let mut config = net("net");
    config["disableGC"] = true.into();
    lab.node.gc(&["a"], &config)?.silence()?;
    assert_eq!(held(&lab, &PODS)?, PODS);
    Ok(())
}

#[test]
fn young_records_are_kept_where_a_minimum_age_is_configured() -> Result<()> {
    let lab = five_pods()?;
    let mut config = net("net");
    config["ipam"]["gc_min_age"] = "1h".into();
    lab.node.gc(&["a"], &config)?.silence()?;
    assert_eq!(held(&lab, &PODS)?, PODS);

    config["ipam"]["gc_min_age"] = "0s".into();
    lab.node.gc(&["a"], &config)?.silence()?;
    assert_eq!(held(&lab, &PODS)?, ["a"]);
    Ok(())
}
