//! A released address rests before another gets it.

use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::process::{self, Finish};
use serde_json::{Value, json};

fn net(order: &str) -> Value {
    network(
        "net",
        json!({
            "range": "10.84.0.0/24",
            "range_start": "10.84.0.10",
            "range_end": "10.84.0.12",
            "cooldown": "10m",
            "order": order,
        }),
    )
}

fn resting(lab: &Lab, ip: IpAddr) -> Result<Value> {
    let key = lab.layout.address("default", ip);
    let value = lab.raw.get(key)?.context("the address does not rest")?;
    Ok(serde_json::from_slice(&value)?)
}

/// The time an hour ago, as it stands in records.
fn an_hour_ago() -> Result<String> {
    let mut command = Command::new("date");
    command.args(["--utc", "--date=1 hour ago", "+%Y-%m-%dT%H:%M:%SZ"]);
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(output.stdout.trim().to_owned())
}

#[test]
fn a_released_address_is_not_given_out_again_at_once() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = net(order);
        let first = lab.node.add("a", &net)?.success()?.ip()?;
        lab.node.del("a", &net)?.silence()?;
        assert_eq!(resting(&lab, first)?["kind"], "cooldown");
        assert_eq!(lab.raw.count(&lab.layout.owners())?, 0);
        // A second DEL does not touch the rest.
        lab.node.del("a", &net)?.silence()?;
        assert_eq!(resting(&lab, first)?["kind"], "cooldown");

        for container in ["b", "c"] {
            let ip = lab.node.add(container, &net)?.success()?.ip()?;
            assert_ne!(ip, first, "{order}");
        }
        // Also not to the one that had it, and not on request.
        lab.node.add("a", &net)?.failure(100)?;
        let mut request = net.clone();
        request["runtimeConfig"] = json!({"ips": [format!("{first}/24")]});
        lab.node.add("d", &request)?.failure(101)?;
    }
    Ok(())
}

#[test]
fn a_full_range_reuses_an_address_that_has_rested_long_enough() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = net(order);
        for container in ["a", "b", "c"] {
            lab.node.add(container, &net)?.success()?;
        }
        let ip = lab.node.add("b", &net)?.success()?.ip()?;
        lab.node.del("b", &net)?.silence()?;
        lab.node.add("d", &net)?.failure(100)?;

        let mut rest = resting(&lab, ip)?;
        rest["released"] = an_hour_ago()?.into();
        lab.raw
            .put(lab.layout.address("default", ip), rest.to_string())?;
        assert_eq!(lab.node.add("d", &net)?.success()?.ip()?, ip, "{order}");
        lab.holdings()?;
    }
    Ok(())
}

#[test]
fn without_a_cooldown_the_address_is_free_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.85.0.0/24"}));
    let first = lab.node.add("a", &net)?.success()?.ip()?;
    lab.node.del("a", &net)?.silence()?;
    lab.ensure_all_is_free()?;
    assert_eq!(lab.node.add("b", &net)?.success()?.ip()?, first);
    Ok(())
}
