//! `ipamctl node report`: what a node says that it holds.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

fn net() -> Value {
    network(
        "net",
        json!({"ranges": [[{"subnet": "10.62.0.0/24"}], [{"subnet": "fd00:62::/64"}]]}),
    )
}

/// Runs it as on the node, with more arguments.
fn report(lab: &Lab, more: &[&str]) -> Result<Output> {
    let config = lab.node.config().display().to_string();
    let given = [
        "node",
        "report",
        "-o",
        "json",
        "--timeout",
        "1s",
        "--node-config",
        &config,
    ];
    ctl::run(&[], &[&given, more].concat())
}

fn reported(output: &Output, status: i32) -> Result<Vec<Value>> {
    ensure!(output.status.code() == Some(status), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

const KEY: &str = "/etcd-ipam/v1/node/default/n1/report";

fn stored(lab: &Lab, key: &str) -> Result<Value> {
    let value = lab.raw.get(key)?.with_context(|| format!("no {key}"))?;
    Ok(serde_json::from_slice(&value)?)
}

#[test]
fn a_node_says_what_it_holds_whatever_the_store_has_forgotten() -> Result<()> {
    let lab = Lab::new()?;
    let ips = lab.node.add("b", &net())?.success()?.ips()?;
    lab.node.add("a", &net())?.success()?;
    lab.node.add("gone", &net())?.success()?;
    lab.node.del("gone", &net())?.silence()?;
    let owner = lab.layout.owner("default/n1/net/b/eth0");
    let owner = lab.raw.get(owner)?.context("no record")?;
    let store: Value = serde_json::from_slice(&lab.raw.get(lab.layout.store())?.context("none")?)?;
    // A restored store, and a frozen one at that.
    lab.raw.delete_prefix(&lab.layout.owners())?;
    lab.raw.delete_prefix(&lab.layout.addresses())?;
    let mut restored = store.clone();
    restored["sealed_term"] = 1_000_000.into();
    lab.raw.put(lab.layout.store(), restored.to_string())?;
    lab.raw
        .put(lab.layout.freeze(), r#"{"reason": "restored"}"#)?;

    let dry = reported(&report(&lab, &["--dry-run"])?, 0)?;
    assert_eq!(dry[0]["written"], false);
    assert_eq!(lab.raw.get(KEY)?, None);
    let said = reported(&report(&lab, &[])?, 0)?;
    assert_eq!(said.len(), 1);
    for (key, value) in [
        ("cluster", json!("default")),
        ("node", json!("n1")),
        ("key", json!(KEY)),
        ("written", json!(true)),
    ] {
        assert_eq!(said[0][key], value, "{key}");
    }
    let written = stored(&lab, KEY)?;
    assert_eq!(said[0]["report"], written);
    assert_eq!(written["v"], 1);
    assert_eq!(written["store_id"], store["id"]);
    assert_eq!(written["unreadable"], 0);
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    assert_eq!(written["boot_id"], boot_id.trim());
    let claims = written["claims"].as_array().context("no claims")?;
    let containers: Vec<_> = claims.iter().map(|claim| &claim["container"]).collect();
    assert_eq!(containers, ["a", "b"]);
    let claim = &claims[1];
    assert_eq!(claim["network"], "net");
    assert_eq!(claim["interface"], "eth0");
    // The owner record to the last field, so that it can be put back.
    assert_eq!(claim["record"], serde_json::from_slice::<Value>(&owner)?);
    let addresses = claim["record"]["addresses"].as_array().context("none")?;
    assert_eq!(addresses.len(), ips.len());
    let revision = |seen: &Value| seen["seen"]["revision"].as_i64();
    assert!(revision(claim) > Some(1), "{claim}");
    assert!(revision(&written) >= revision(&claims[0]), "{written}");

    let again = reported(&report(&lab, &[])?, 0)?;
    assert_ne!(again[0]["report"]["id"], written["id"]);
    assert_eq!(lab.raw.version(KEY)?, 2);
    let table = ctl::run(
        &[],
        &[
            "node",
            "report",
            "--node-config",
            &lab.node.config().display().to_string(),
        ],
    )?;
    assert!(table.stdout.contains("test/pod-a"), "{table:?}");
    assert!(table.stderr.contains("reported 2 attachments"), "{table:?}");
    Ok(())
}

#[test]
fn a_node_that_holds_nothing_says_so_and_one_that_does_not_know_says_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let unknown = report(&lab, &[])?;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(
        unknown.stderr.contains("there is no state directory"),
        "{unknown:?}"
    );
    lab.node.add("c", &net())?.success()?;
    lab.node.del("c", &net())?.silence()?;
    reported(&report(&lab, &[])?, 0)?;
    assert_eq!(stored(&lab, KEY)?["claims"], json!([]));
    Ok(())
}

#[test]
fn what_cannot_be_read_is_counted() -> Result<()> {
    let lab = Lab::new()?;
    lab.node.add("a", &net())?.success()?;
    lab.node.add("b", &net())?.success()?;
    let state = lab.node.state()?;
    let damaged = state
        .iter()
        .find(|path| path.to_string_lossy().contains("journal/net@b@"))
        .context("no journal")?;
    fs::write(damaged, "{")?;
    let output = report(&lab, &[])?;
    let said = reported(&output, 3)?;
    assert_eq!(said[0]["report"]["unreadable"], 1);
    assert_eq!(
        said[0]["report"]["claims"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(output.stderr.contains("net@b@eth0"), "{output:?}");
    assert_eq!(stored(&lab, KEY)?["unreadable"], 1);
    Ok(())
}

#[test]
fn claims_under_another_name_and_of_another_store_are_told_apart() -> Result<()> {
    let lab = Lab::new()?;
    let other = Lab::new()?;
    lab.node.add("own", &net())?.success()?;
    let mut west = net();
    west["ipam"]["cluster"] = "west".into();
    lab.node.add("west", &west)?.success()?;
    let mut elsewhere = net();
    elsewhere["ipam"]["etcd"] = json!({"endpoints": [other.etcd.endpoint()]});
    lab.node.add("elsewhere", &elsewhere)?.success()?;

    let output = report(&lab, &[])?;
    let said = reported(&output, 0)?;
    let names: Vec<_> = said.iter().map(|report| &report["cluster"]).collect();
    assert_eq!(names, ["default", "west"]);
    let of = |key: &str| -> Result<Value> { Ok(stored(&lab, key)?["claims"].clone()) };
    assert_eq!(of(KEY)?[0]["container"], "own");
    assert_eq!(of(KEY)?.as_array().map(Vec::len), Some(1));
    assert_eq!(
        of("/etcd-ipam/v1/node/west/n1/report")?[0]["container"],
        "west"
    );
    assert!(
        output.stderr.contains("1 attachments are left out"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn nothing_is_reported_to_a_store_that_is_not_the_nodes() -> Result<()> {
    let mut lab = Lab::new()?;
    lab.node.add("c", &net())?.success()?;
    let store = lab.raw.get(lab.layout.store())?.context("no store")?;
    let store: Value = serde_json::from_slice(&store)?;
    let etcd = json!({"endpoints": [lab.etcd.endpoint()], "store_id": store["id"]});
    lab.node.configure("n1", json!({"etcd": etcd}))?;
    let mut other = store.clone();
    other["id"] = "other".into();
    for (what, value) in [("another", other.to_string()), ("damaged", "{".to_owned())] {
        lab.raw.put(lab.layout.store(), value)?;
        let refused = report(&lab, &[])?;
        assert_eq!(refused.status.code(), Some(1), "{what}: {refused:?}");
    }
    lab.raw.delete(lab.layout.store())?;
    let refused = report(&lab, &[])?;
    assert!(refused.stderr.contains("there is no store"), "{refused:?}");
    assert_eq!(lab.raw.get(KEY)?, None);
    lab.etcd.stop()?;
    assert_eq!(report(&lab, &[])?.status.code(), Some(1));
    // What it holds it can say all the same.
    let dry = reported(&report(&lab, &["--dry-run"])?, 0)?;
    assert_eq!(dry[0]["report"]["claims"].as_array().map(Vec::len), Some(1));
    Ok(())
}
