//! Stores from which nothing may be released, and one that takes no more writes.

use anyhow::{Context as _, Result};
use chaos_tests::collector::Collector;
use chaos_tests::collectors::{Cluster, collect, ended, logged, metric, wait_for_first_sweep};
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::lab::Lab;
use chaos_tests::reconciling::{by_label, counts};
use serde_json::{Value, json};

/// Every sweep is void, and the log, the page and the metrics say why.
fn ensure_void(collector: &mut Collector, why: &str, reason: &str) -> Result<()> {
    wait_for_first_sweep(collector)?;
    collect(collector)?;
    assert_eq!(ended(collector, "void")?, Some(3.0));
    let refused = by_label(&collector.metrics()?, "etcd_ipam_store_refused");
    assert_eq!(refused, counts([(reason, 1)]));
    let void = logged(collector, "a sweep was not completed")?;
    assert_eq!(void.len(), 3);
    for line in void {
        let error = line["error"].as_str().context("no reason")?;
        assert!(error.contains(why), "{error}");
    }
    assert!(collector.get("/")?.body.contains(why));
    let ready = collector.get("/readyz")?;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(why), "{}", ready.body);
    Ok(())
}

#[test]
fn a_frozen_store_keeps_everything_until_it_is_thawed() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    cluster.hold([1])?;
    lab.raw
        .put(lab.layout.freeze(), r#"{"reason":"a drill"}"#)?;
    collect(&mut collector)?;
    assert_eq!(cluster.held()?, [1].into());
    assert_eq!(metric(&collector, "etcd_ipam_frozen", &[])?, Some(1.0));
    assert_eq!(ended(&collector, "frozen")?, Some(2.0));
    let kept = metric(&collector, "etcd_ipam_kept", &[("reason", "frozen")])?;
    assert_eq!(kept, Some(1.0));
    assert!(collector.get("/")?.body.contains("a drill"));

    lab.raw.delete(lab.layout.freeze())?;
    collector.sweep_now()?;
    assert!(cluster.held()?.is_empty());
    assert_eq!(metric(&collector, "etcd_ipam_frozen", &[])?, Some(0.0));
    Ok(())
}

#[test]
fn another_store_than_the_configured_one_is_not_judged() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1])?;
    let mut collector = cluster.collector("it", &["--store-id", "0123456789abcdef"])?;
    ensure_void(&mut collector, "store_id 0123456789abcdef", "other_store")?;
    assert_eq!(cluster.held()?, [1].into());
    Ok(())
}

#[test]
fn a_store_that_nobody_initialised_is_not_judged() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let cluster = Cluster::new(&etcd)?;
    cluster.hold([1])?;
    let mut collector = cluster.collector("it", &[])?;
    ensure_void(&mut collector, "ipamctl init", "not_initialised")?;
    assert_eq!(cluster.held()?, [1].into());

    chaos_tests::ctl::init(&[etcd.endpoint()], &[])?;
    collect(&mut collector)?;
    assert!(cluster.held()?.is_empty());
    Ok(())
}

#[test]
fn a_store_whose_term_is_below_its_seal_is_not_judged() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1])?;
    let key = lab.layout.store();
    let value = lab.raw.get(key.as_str())?.context("no store")?;
    let mut store: Value = serde_json::from_slice(&value)?;
    store["sealed_term"] = json!(1_000_000);
    lab.raw.put(key, store.to_string())?;
    let mut collector = cluster.collector("it", &[])?;
    ensure_void(&mut collector, "restored from a snapshot", "restored")?;
    assert_eq!(cluster.held()?, [1].into());
    Ok(())
}

#[test]
fn a_store_without_space_is_still_cleaned_up() -> Result<()> {
    let options = Options {
        quota_bytes: Some(4 << 20),
        ..Options::default()
    };
    let lab = Lab::with(options, json!({}))?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &["--election-ttl", "3s"])?;
    wait_for_first_sweep(&mut collector)?;
    cluster.hold([1])?;
    let resting = cluster.record(2).cooldown_s(3600);
    chaos_tests::record::write(&lab.raw, &lab.layout, [resting])?;
    lab.raw.fill_up("filler/")?;
    collect(&mut collector)?;
    lab.ensure_all_is_free()?;
    assert!(collector.is_leader()?);
    Ok(())
}
