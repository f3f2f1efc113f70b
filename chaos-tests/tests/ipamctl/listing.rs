//! What `ipamctl` tells an operator.

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

#[test]
fn ls_names_the_pod_behind_every_address() -> Result<()> {
    let lab = Lab::new()?;
    let net = network(
        "blue",
        json!({
            "cluster": "west",
            "ranges": [[{"subnet": "10.90.0.0/24"}], [{"subnet": "fd00:90::/64"}]],
        }),
    );
    let addresses = lab.node.add("c1", &net)?.success()?.addresses()?;
    let listed = ctl::list(&[lab.etcd.endpoint()], "ls")?;
    assert_eq!(listed.len(), 2, "{listed:?}");
    for (entry, address) in listed.iter().zip(&addresses) {
        let (ip, prefix) = address.split_once('/').context("no prefix length")?;
        assert_eq!(entry["address"], ip);
        assert_eq!(entry["prefix"], prefix.parse::<u64>()?);
        for (key, value) in [
            ("space", "default"),
            ("namespace", "test"),
            ("pod", "pod-c1"),
            ("uid", "uid-c1"),
            ("node", "n1"),
            ("cluster", "west"),
            ("network", "blue"),
            ("container", "c1"),
            ("interface", "eth0"),
        ] {
            assert_eq!(entry[key], value, "{key}");
        }
        assert!(entry["created"].is_string(), "{entry}");
    }
    let table = ctl::run(&[lab.etcd.endpoint()], &["ls"])?;
    assert!(table.stdout.contains("pod-c1"), "{table:?}");
    Ok(())
}

/// Numbers beyond 2^53 are written as text.
fn number(value: &Value) -> Option<u128> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().map(u128::from),
    }
}

#[test]
fn ranges_counts_what_is_allocated_resting_reserved_and_free() -> Result<()> {
    let lab = Lab::new()?;
    let net = network(
        "net",
        json!({
            "cooldown": "1h",
            "ranges": [
                [{"subnet": "10.91.0.0/24", "rangeStart": "10.91.0.10", "rangeEnd": "10.91.0.19"}],
                [{"subnet": "fd00:91::/64"}],
            ],
        }),
    );
    let reserved: std::net::IpAddr = "10.91.0.19".parse()?;
    lab.raw.put(
        lab.layout.address("default", reserved),
        r#"{"kind":"reservation"}"#,
    )?;
    for container in ["a", "b", "c", "d"] {
        lab.node.add(container, &net)?.success()?;
    }
    lab.node.del("a", &net)?.silence()?;

    let ranges = ctl::list(&[lab.etcd.endpoint()], "ranges")?;
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    let wanted: [[u128; 5]; 2] = [
        [3, 1, 1, 5, 10],
        // All of the /64 but its first address, and the gateway.
        [3, 1, 0, (1 << 64) - 6, (1 << 64) - 2],
    ];
    for (range, wanted) in ranges.iter().zip(wanted) {
        assert_eq!(range["space"], "default");
        let keys = ["allocated", "resting", "reserved", "free", "total"];
        for (key, wanted) in keys.iter().zip(wanted) {
            assert_eq!(number(&range[*key]), Some(wanted), "{key} of {range}");
        }
    }
    Ok(())
}

#[test]
fn an_etcd_that_is_away_is_reported_and_not_waited_for() -> Result<()> {
    let mut lab = Lab::new()?;
    lab.etcd.stop()?;
    for arguments in [
        ["init"].as_slice(),
        &["check"],
        &["freeze", "--reason", "drill"],
        &["gc"],
        &["ls"],
        &["node", "n1"],
        &["pod", "test/pod-c1"],
        &["ranges"],
        &["release", "10.0.0.1"],
        &["reserve", "10.0.0.1", "--reason", "x"],
        &["status"],
        &["thaw"],
        &["watch"],
        &["who", "10.90.0.1"],
        &["unreserve", "10.0.0.1"],
    ] {
        let arguments = [arguments, &["--timeout", "1s"]].concat();
        let output = ctl::run(&[lab.etcd.endpoint()], &arguments)?;
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    Ok(())
}
