//! An ADD that wants several addresses gets all of them or none.

use anyhow::Result;
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::plugin::network;
use serde_json::{Value, json};

/// Fills the second of two ranges, whose first has room, and looks at what a refused ADD leaves.
fn nothing_is_left_when_the_second_range_is_full(ipam: Value) -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", ipam);
    let first = lab.node.add("c1", &net)?.success()?;
    assert_eq!(first.ips()?.len(), 2);
    for _ in 0..3 {
        lab.node.add("c2", &net)?.failure(100)?;
        let holdings = lab.holdings()?;
        assert_eq!((holdings.owners(), holdings.addresses()), (1, 2));
    }
    lab.node.del("c1", &net)?.silence()?;
    assert_eq!(lab.node.add("c2", &net)?.success()?.ips()?.len(), 2);
    Ok(())
}

#[test]
fn dual_stack_leaves_no_ipv4_address_when_ipv6_is_full() -> Result<()> {
    for order in ["lowest", "spread"] {
        nothing_is_left_when_the_second_range_is_full(json!({
            "order": order,
            "ranges": [
                [{"subnet": "10.62.0.0/24"}],
                [{"subnet": "fd00:62::/64", "rangeStart": "fd00:62::9", "rangeEnd": "fd00:62::9"}],
            ],
        }))?;
    }
    Ok(())
}

#[test]
fn two_ranges_leave_no_address_of_the_first_when_the_second_is_full() -> Result<()> {
    for order in ["lowest", "spread"] {
        nothing_is_left_when_the_second_range_is_full(json!({
            "order": order,
            "ipRanges": [
                {"range": "10.63.0.0/24"},
                {"range": "10.64.0.0/24", "range_start": "10.64.0.9", "range_end": "10.64.0.9"},
            ],
        }))?;
    }
    Ok(())
}

#[test]
fn processes_that_race_for_the_last_addresses_leave_no_half_pairs() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = network(
            "net",
            json!({
                "order": order,
                "ranges": [
                    [{"subnet": "10.65.0.0/24"}],
                    [{"subnet": "fd00:65::/64", "rangeStart": "fd00:65::10", "rangeEnd": "fd00:65::19"}],
                ],
            }),
        );
        let answers = at_once(40, |number| lab.node.add(&format!("c{number}"), &net))?;
        let successes = answers.iter().filter(|answer| answer.is_success()).count();
        assert_eq!(successes, 10, "{order}");
        for refusal in answers.into_iter().filter(|answer| !answer.is_success()) {
            refusal.failure(100)?;
        }
        let holdings = lab.holdings()?;
        assert_eq!(
            (holdings.owners(), holdings.addresses()),
            (10, 20),
            "{order}"
        );
    }
    Ok(())
}
