//! Stores from which no address may be given out.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use anyhow::{Context as _, Result};
use chaos_tests::etcd::EtcdServer;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn net(order: &str) -> Value {
    network("net", json!({"range": "10.78.0.0/24", "order": order}))
}

/// With one pod running, `spoil` changes the store: no ADD succeeds with another code than `code`,
/// no attempt leaves anything, and the running pod keeps what it has.
fn adds_are_refused(code: u64, spoil: impl Fn(&Lab, &mut Value) -> Result<()>) -> Result<Lab> {
    let lab = Lab::new()?;
    let ip = lab.node.add("running", &net("lowest"))?.success()?.ip()?;
    for order in ["lowest", "spread"] {
        let mut net = net(order);
        spoil(&lab, &mut net)?;
        for container in ["new", "new", "running"] {
            lab.node.add(container, &net)?.failure(code)?;
            let holdings = lab.holdings()?;
            assert_eq!((holdings.owners(), holdings.addresses()), (1, 1), "{order}");
        }
        let key = lab.layout.address("default", ip);
        assert_eq!(lab.raw.count(&key)?, 1);
    }
    Ok(lab)
}

/// Changes one field of the store's birth certificate.
fn edit_store(lab: &Lab, field: &str, value: Value) -> Result<()> {
    let key = lab.layout.store();
    let text = lab.raw.get(key.as_str())?.context("no store")?;
    let mut record: Value = serde_json::from_slice(&text)?;
    record[field] = value;
    lab.raw.put(key, record.to_string())
}

#[test]
fn a_frozen_store_gives_nothing_and_takes_back() -> Result<()> {
    let lab = adds_are_refused(105, |lab, _| {
        lab.raw.put(lab.layout.freeze(), r#"{"reason":"a drill"}"#)
    })?;
    let refusal = lab.node.add("new", &net("lowest"))?.failure(105)?;
    assert!(refusal.message()?.contains("a drill"));
    lab.node.del("running", &net("lowest"))?.silence()?;
    lab.ensure_all_is_free()?;
    lab.raw.delete(lab.layout.freeze())?;
    lab.node.add("new", &net("lowest"))?.success()?;
    Ok(())
}

#[test]
fn an_unreadable_freeze_freezes() -> Result<()> {
    adds_are_refused(105, |lab, _| {
        lab.raw.put(lab.layout.freeze(), vec![0xff; 100])
    })?;
    Ok(())
}

#[test]
fn a_store_that_nobody_initialised_gives_nothing() -> Result<()> {
    let lab = Lab::around(EtcdServer::start()?, json!({}))?;
    for order in ["lowest", "spread"] {
        lab.node.add("c", &net(order))?.failure(103)?;
        assert_eq!(lab.raw.count(lab.layout.root())?, 0);
        lab.node.del("c", &net(order))?.silence()?;
    }
    Ok(())
}

#[test]
fn a_store_whose_birth_certificate_is_gone_gives_nothing() -> Result<()> {
    adds_are_refused(103, |lab, _| lab.raw.delete(lab.layout.store()))?;
    Ok(())
}

#[test]
fn a_store_with_another_id_than_configured_gives_nothing() -> Result<()> {
    adds_are_refused(104, |lab, net| {
        net["ipam"]["etcd"] = json!({
            "endpoints": [lab.etcd.endpoint()],
            "store_id": "0123456789abcdef",
        });
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_store_whose_term_is_below_its_seal_gives_nothing() -> Result<()> {
    adds_are_refused(104, |lab, _| {
        edit_store(lab, "sealed_term", 1_000_000.into())
    })?;
    Ok(())
}

#[test]
fn a_store_of_a_later_schema_gives_nothing() -> Result<()> {
    let lab = Lab::new()?;
    edit_store(&lab, "schema", 99.into())?;
    let refusal = lab.node.add("c", &net("lowest"))?;
    assert!(!refusal.is_success());
    refusal.code()?;
    lab.ensure_all_is_free()
}

#[test]
fn a_damaged_birth_certificate_gives_nothing() -> Result<()> {
    let lab = Lab::new()?;
    for value in [vec![], b"garbage".to_vec(), vec![b'{'; 1_400_000]] {
        lab.raw.put(lab.layout.store(), value)?;
        let refusal = lab.node.add("c", &net("lowest"))?;
        assert!(!refusal.is_success());
        refusal.code()?;
        lab.ensure_all_is_free()?;
    }
    Ok(())
}

#[test]
fn a_node_refuses_a_store_that_went_back_in_time() -> Result<()> {
    let mut lab = Lab::new()?;
    lab.node.add("before", &net("lowest"))?.success()?;
    let snapshot = lab.etcd.snapshot()?;
    let forgotten = lab.node.add("after", &net("lowest"))?.success()?.ip()?;
    lab.etcd.stop()?;
    lab.etcd.restore(&snapshot)?;
    lab.etcd.restart()?;
    // The address of a pod that lives; the restored store takes it for free.
    assert_eq!(lab.raw.count(&lab.layout.address("default", forgotten))?, 0);
    for container in ["new", "before", "after"] {
        lab.node.add(container, &net("lowest"))?.failure(104)?;
        assert_eq!(lab.holdings()?.owners(), 1);
    }
    Ok(())
}

#[test]
fn init_is_content_with_a_store_that_exists() -> Result<()> {
    let lab = Lab::new()?;
    let before = lab.raw.get(lab.layout.store())?;
    let endpoints = [lab.etcd.endpoint()];
    chaos_tests::ctl::init(&endpoints, &[])?;
    assert_eq!(lab.raw.get(lab.layout.store())?, before);
    Ok(())
}
