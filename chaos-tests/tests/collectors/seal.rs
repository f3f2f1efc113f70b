//! The leader keeps the store's seal as high as etcd's Raft term, and a restored snapshot is known by it.

use anyhow::{Context as _, Result};
use chaos_tests::collectors::{Cluster, saying, wait_for_first_sweep};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn sealed_term(lab: &Lab) -> Result<u64> {
    let value = lab.raw.get(lab.layout.store())?.context("no store")?;
    let record: Value = serde_json::from_slice(&value)?;
    record["sealed_term"].as_u64().context("no seal")
}

#[test]
fn a_seal_follows_the_term_and_gives_a_restored_snapshot_away() -> Result<()> {
    let mut lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    let old = sealed_term(&lab)?;
    // A single member is elected anew, in a higher term, when it starts.
    lab.etcd.stop()?;
    lab.etcd.restart()?;
    let term = lab.raw.status()?.raft_term;
    assert!(term > old, "{term}");
    collector.sweep_now()?;
    assert_eq!(sealed_term(&lab)?, old, "one answer is not enough");
    collector.sweep_now()?;
    assert_eq!(sealed_term(&lab)?, term);
    collector.sweep_now()?;
    let (_, log) = collector.stop()?;
    assert_eq!(saying(&log, "the seal was raised").len(), 1);

    let net = network("net", json!({"range": "10.97.0.0/24"}));
    lab.node.add("before", &net)?.success()?;
    let snapshot = lab.etcd.snapshot()?;
    lab.node.add("forgotten", &net)?.success()?;
    lab.etcd.stop()?;
    lab.etcd.restore(&snapshot)?;
    lab.etcd.restart()?;
    // A node that remembers nothing would give the forgotten address out again.
    let newcomer = lab.another_node("newcomer")?;
    let refusal = newcomer.add("after", &net)?.failure(104)?;
    assert!(refusal.message()?.contains("below the sealed"));
    Ok(())
}

#[test]
fn a_frozen_store_is_not_sealed() -> Result<()> {
    let mut lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    let old = sealed_term(&lab)?;
    lab.raw
        .put(lab.layout.freeze(), r#"{"reason":"a drill"}"#)?;
    lab.etcd.stop()?;
    lab.etcd.restart()?;
    for _ in 0..3 {
        collector.sweep_now()?;
    }
    assert_eq!(sealed_term(&lab)?, old);
    lab.raw.delete(lab.layout.freeze())?;
    collector.sweep_now()?;
    assert!(sealed_term(&lab)? > old);
    Ok(())
}
