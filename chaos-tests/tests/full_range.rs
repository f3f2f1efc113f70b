//! A range that has nothing left.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn ranges(order: &str) -> Value {
    json!({
        "range": "10.74.0.0/24",
        "range_start": "10.74.0.10",
        "range_end": "10.74.0.16",
        "cooldown": "1h",
        "order": order,
    })
}

#[test]
fn the_refusal_says_how_many_are_allocated_resting_and_reserved() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = network("net", ranges(order));
        // Of seven addresses: two reserved, one resting, four allocated.
        for last in [12, 15] {
            let ip: std::net::IpAddr = format!("10.74.0.{last}").parse()?;
            lab.raw.put(
                lab.layout.address("default", ip),
                r#"{"kind":"reservation"}"#,
            )?;
        }
        lab.node.add("gone", &net)?.success()?;
        lab.node.del("gone", &net)?.silence()?;
        for number in 0..4 {
            lab.node.add(&format!("c{number}"), &net)?.success()?;
        }
        let message = lab.node.add("late", &net)?.failure(100)?.message()?;
        for fact in ["4 allocated", "1 resting", "2 reserved"] {
            assert!(message.contains(fact), "no {fact:?} in: {message}");
        }
        assert_eq!(lab.raw.count(&lab.layout.owners())?, 4);
    }
    Ok(())
}

#[test]
fn status_is_well_with_a_full_range_unless_it_is_asked_not_to_be() -> Result<()> {
    let lab = Lab::new()?;
    let small = |more: bool| {
        let mut ipam = json!({
            "range": "10.75.0.0/24", "range_start": "10.75.0.10", "range_end": "10.75.0.11",
        });
        if more {
            ipam["status_fails_when_exhausted"] = true.into();
        }
        network("net", ipam)
    };
    let (lenient, strict) = (small(false), small(true));
    lab.node.add("c0", &lenient)?.success()?;
    lab.node.status(&strict)?.silence()?;
    lab.node.add("c1", &lenient)?.success()?;
    lab.node.status(&lenient)?.silence()?;
    lab.node.status(&strict)?.failure(50)?;
    lab.node.del("c1", &lenient)?.silence()?;
    lab.node.status(&strict)?.silence()?;
    Ok(())
}
