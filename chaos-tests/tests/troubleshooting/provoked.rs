//! Every failure that the page shows, provoked.

use anyhow::{Context as _, Result};
use chaos_tests::answer::Answer;
use chaos_tests::certs::Authority;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::node::Node;
use chaos_tests::plugin::{Call, network};
use serde_json::{Value, json};

/// Two addresses.
fn ipam() -> Value {
    json!({"range": "192.168.20.0/24", "range_start": "192.168.20.10", "range_end": "192.168.20.11"})
}

/// The network `lan`, with this changed in its section.
fn lan(changes: &Value) -> Value {
    let mut section = ipam();
    for (key, value) in changes.as_object().into_iter().flatten() {
        section[key] = value.clone();
    }
    network("lan", section)
}

fn plain() -> Value {
    lan(&json!({}))
}

/// ADD for a pod that asks for this address.
fn asking(lab: &Lab, container: &str, address: &str) -> Result<Answer> {
    let mut network = plain();
    network["runtimeConfig"] = json!({"ips": [address]});
    lab.node.add(container, &network)
}

/// What the plugin answers to mistakes in a configuration or a call.
pub(crate) fn by_mistakes() -> Result<Vec<Answer>> {
    let lab = Lab::new()?;
    let mut future = plain();
    future["cniVersion"] = "2.0.0".into();
    let mut old = plain();
    old["cniVersion"] = "0.4.0".into();
    Ok(vec![
        lab.node.add("web-0", &future)?,
        lab.node.status(&old)?,
        lab.node.run(&Call::new("ADD", &plain()))?,
        lab.node.add("web-0", &lan(&json!({"range": 20})))?,
        lab.node
            .run(&Call::attachment("ADD", "web-0", "net1", &plain()).stdin("{"))?,
        lab.node
            .add("web-0", &lan(&json!({"range": "192.168.20.0"})))?,
        lab.node
            .add("web-0", &lan(&json!({"range_end": "192.168.21.9"})))?,
        Node::with_config("node-7", json!({}))?.add("web-0", &plain())?,
        lab.node
            .add("web-0", &lan(&json!({"state_dir": "/proc/nowhere"})))?,
        damaged_record(&lab)?,
    ])
}

/// The attachment's own record cannot be read.
fn damaged_record(lab: &Lab) -> Result<Answer> {
    let owner = lab.layout.owner(&holder("n1", "lan", "web-9"));
    lab.raw.put(owner, "garbage")?;
    lab.node.add("web-9", &plain())
}

/// What the plugin answers when ranges and addresses are not as wished.
pub(crate) fn by_ranges() -> Result<Vec<Answer>> {
    let lab = Lab::new()?;
    let first = lab.node.add("web-0", &plain())?.success()?.json()?;
    let taken = asking(&lab, "web-1", "192.168.20.10")?;
    let outside = asking(&lab, "web-1", "192.168.20.200")?;
    lab.node.add("web-1", &plain())?.success()?;
    let full = lab.node.add("web-2", &plain())?;
    let status = lab
        .node
        .status(&lan(&json!({"status_fails_when_exhausted": true})))?;
    lab.node.del("web-0", &plain())?.silence()?;
    let missing = lab.node.check("web-0", &plain(), &first)?;
    let ip = std::net::Ipv4Addr::new(192, 168, 20, 10);
    lab.node.add("web-0", &plain())?.success()?;
    lab.raw.put(
        lab.layout.address("default", ip),
        holder("n9", "lan", "db-0"),
    )?;
    let stolen = lab.node.check("web-0", &plain(), &first)?;
    Ok(vec![taken, outside, full, status, missing, stolen])
}

/// What the plugin answers when the store may not be used.
pub(crate) fn by_stores() -> Result<Vec<Answer>> {
    let empty = Lab::around(EtcdServer::start()?, json!({}))?;
    let new = empty.node.add("web-0", &plain())?;
    let status = empty.node.status(&plain())?;

    let mut lab = Lab::new()?;
    let other = json!({"etcd": {"endpoints": [lab.etcd.endpoint()], "store_id": "c47945859f632d3fd1dbb8fac50a2f37"}});
    let other = lab.node.add("web-0", &lan(&other))?;
    lab.raw.put(
        lab.layout.freeze(),
        r#"{"reason":"moving the racks, ask Ann","by":"ann@ops-1","since":"2026-11-20T14:37:25Z"}"#,
    )?;
    let frozen = lab.node.add("web-0", &plain())?;
    lab.raw.delete(lab.layout.freeze())?;
    let snapshot = lab.etcd.snapshot()?;
    lab.node.add("web-0", &plain())?.success()?;
    lab.etcd.stop()?;
    lab.etcd.restore(&snapshot)?;
    lab.etcd.restart()?;
    let behind = lab.node.add("web-1", &plain())?;

    let sealed = Lab::new()?;
    let key = sealed.layout.store();
    let text = sealed.raw.get(key.as_str())?.context("no store")?;
    let mut record: Value = serde_json::from_slice(&text)?;
    record["sealed_term"] = 64.into();
    sealed.raw.put(key, record.to_string())?;
    let restored = sealed.node.add("web-0", &plain())?;
    Ok(vec![new, status, other, frozen, behind, restored])
}

/// What the plugin answers when etcd does not do its part.
pub(crate) fn by_etcd() -> Result<Vec<Answer>> {
    let mut lab = Lab::with(Options::default(), json!({"timeout": "1s"}))?;
    lab.etcd.stop()?;
    let away = lab.node.add("web-0", &plain())?;
    Ok(vec![away, distrusted()?, denied()?])
}

/// Another authority signed the servers' certificates than the node's file names.
fn distrusted() -> Result<Answer> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = EtcdServer::start_with(options)?;
    let directory = tempfile::tempdir()?;
    let stranger = Authority::new(directory.path(), "stranger")?;
    let etcd = json!({"endpoints": [server.endpoint()], "ca_file": stranger.ca_file});
    let node = Node::with_config("n1", json!({"timeout": "1s", "etcd": etcd}))?;
    node.add("web-0", &plain())
}

/// etcd knows the node's user, who has no role.
fn denied() -> Result<Answer> {
    let lab = Lab::new()?;
    lab.raw.ask(async |client| {
        client.user_add("root", "root-password", None).await?;
        client.user_grant_role("root", "root").await?;
        client.user_add("n1", "n1-password", None).await?;
        client.auth_enable().await?;
        Ok(())
    })?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "n1-password\n")?;
    let etcd = json!({
        "endpoints": [lab.etcd.endpoint()],
        "username": "n1",
        "password_file": file.path(),
    });
    lab.node.add("web-0", &lan(&json!({"etcd": etcd})))
}
