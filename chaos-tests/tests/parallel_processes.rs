//! Many processes want addresses at the same moment.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;

use anyhow::Result;
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use serde_json::json;

/// As many addresses, and as many processes.
const COUNT: usize = 200;

fn an_exactly_fitting_range_is_given_out_once(order: &str) -> Result<()> {
    let lab = Lab::new()?;
    let names = (0..8).map(|number| format!("node-{number}"));
    let nodes: Vec<Node> = names
        .map(|name| lab.another_node(&name))
        .collect::<Result<_>>()?;
    let node = |number: usize| &nodes[number % nodes.len()];
    let container = |number: usize| format!("c{number}");
    let net = network(
        "net",
        json!({
            "range": "10.60.0.0/16",
            "range_start": "10.60.0.1",
            "range_end": "10.60.0.200",
            "order": order,
        }),
    );

    let added = at_once(COUNT, |number| {
        node(number).add(&container(number), &net)?.success()?.ip()
    })?;
    let distinct: BTreeSet<_> = added.iter().collect();
    assert_eq!(distinct.len(), COUNT);
    let holdings = lab.holdings()?;
    assert_eq!((holdings.owners(), holdings.addresses()), (COUNT, COUNT));

    let refusal = nodes[0].add("one-too-many", &net)?.failure(100)?;
    let message = refusal.message()?;
    assert!(message.contains("200"), "no count in: {message}");

    at_once(COUNT, |number| {
        node(number).del(&container(number), &net)?.silence()
    })?;
    lab.ensure_all_is_free()
}

#[test]
fn two_hundred_processes_share_two_hundred_addresses_in_lowest_order() -> Result<()> {
    an_exactly_fitting_range_is_given_out_once("lowest")
}

#[test]
fn two_hundred_processes_share_two_hundred_addresses_in_random_order() -> Result<()> {
    an_exactly_fitting_range_is_given_out_once("spread")
}

#[test]
fn many_adds_of_one_attachment_at_once_get_one_address() -> Result<()> {
    let lab = Lab::new()?;
    for order in ["lowest", "spread"] {
        let net = network(order, json!({"range": "10.61.0.0/24", "order": order}));
        let answers = at_once(20, |_| lab.node.add("c", &net)?.success()?.ip())?;
        let distinct: BTreeSet<_> = answers.into_iter().collect();
        assert_eq!(distinct.len(), 1, "{order}: {distinct:?}");
        assert_eq!(lab.holdings()?.addresses(), 1);
        lab.node.del("c", &net)?.silence()?;
    }
    lab.ensure_all_is_free()
}
