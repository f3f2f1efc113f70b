//! etcd is away, and comes back.

use anyhow::Result;
use chaos_tests::ctl;
use chaos_tests::etcd::Options;
use chaos_tests::lab::Lab;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

/// A lab whose plugin gives up soon.
fn impatient() -> Result<Lab> {
    Lab::with(Options::default(), json!({"timeout": "2s"}))
}

fn net() -> Value {
    network("net", json!({"range": "10.73.0.0/24"}))
}

#[test]
fn an_add_fails_with_try_again_and_leaves_a_line_in_the_log() -> Result<()> {
    let mut lab = impatient()?;
    lab.etcd.stop()?;
    lab.node.add("c", &net())?.failure(11)?;
    let log = lab.node.log();
    assert_eq!(log.len(), 1, "{log:?}");
    let line: Value = serde_json::from_str(&log.join(""))?;
    assert!(line.is_object());
    lab.etcd.restart()?;
    lab.ensure_all_is_free()
}

#[test]
fn every_verb_replays_a_release_that_could_not_reach_etcd() -> Result<()> {
    let mut lab = impatient()?;
    let net = net();
    for verb in ["STATUS", "ADD", "DEL", "GC"] {
        let ip = lab.node.add("c", &net)?.success()?.ip()?;
        lab.etcd.kill()?;
        lab.node.del("c", &net)?.silence()?;
        assert_eq!(lab.node.spool()?.len(), 1, "{verb}");
        // The runtime may ask twice.
        lab.node.del("c", &net)?.silence()?;
        lab.etcd.restart()?;
        assert_eq!(lab.holdings()?.owners(), 1, "{verb}");

        match verb {
            "STATUS" => lab.node.status(&net)?.silence()?,
            "ADD" => lab.node.add("other", &net)?.success()?,
            "DEL" => lab.node.del("other", &net)?.silence()?,
            _ => lab.node.gc(&["c", "other"], &net)?.silence()?,
        };
        assert_eq!(lab.node.spool()?.len(), 0, "{verb}");
        lab.node.del("other", &net)?.silence()?;
        lab.ensure_all_is_free()?;
        assert_eq!(lab.node.add("next", &net)?.success()?.ip()?, ip, "{verb}");
        lab.node.del("next", &net)?.silence()?;
    }
    Ok(())
}

#[test]
fn a_pod_that_came_back_keeps_its_address_over_the_replay() -> Result<()> {
    let mut lab = impatient()?;
    let net = net();
    let ip = lab.node.add("c", &net)?.success()?.ip()?;
    lab.etcd.kill()?;
    lab.node.del("c", &net)?.silence()?;
    lab.etcd.restart()?;
    // The same attachment again, before anything replayed its release.
    assert_eq!(lab.node.add("c", &net)?.success()?.ip()?, ip);
    lab.node.status(&net)?.silence()?;
    assert_eq!(lab.holdings()?.owners(), 1);
    assert_eq!(lab.node.spool()?.len(), 0);
    Ok(())
}

#[test]
fn a_release_owed_to_another_store_is_kept() -> Result<()> {
    let mut lab = impatient()?;
    let net = net();
    lab.node.add("c", &net)?.success()?;
    lab.etcd.stop()?;
    lab.node.del("c", &net)?.silence()?;
    // Another store at the same address.
    lab.etcd.wipe()?;
    lab.etcd.restart()?;
    ctl::init(&[lab.etcd.endpoint()], &[])?;
    lab.node.status(&net)?;
    assert_eq!(lab.node.spool()?.len(), 1);
    Ok(())
}

#[test]
fn a_del_without_any_settings_is_spooled_with_a_warning() -> Result<()> {
    let node = Node::with_config("n1", json!({}))?;
    let answer = node.del("c", &network("net", json!({})))?.silence()?;
    assert!(!answer.0.stderr.is_empty());
    assert_eq!(node.spool()?.len(), 1);
    Ok(())
}

#[test]
fn a_del_that_can_neither_release_nor_spool_fails_and_forgets_nothing() -> Result<()> {
    let mut lab = impatient()?;
    let net = network(
        "net",
        json!({"range": "10.73.0.0/24", "spool_dir": "/proc/nowhere"}),
    );
    let stripped = network("net", json!({"spool_dir": "/proc/nowhere"}));
    lab.node.add("c", &net)?.success()?;
    lab.etcd.stop()?;
    lab.node.del("c", &stripped)?.failure(11)?;
    let journal = lab.node.state()?;
    let journal = journal
        .iter()
        .filter(|path| path.to_string_lossy().contains("/journal/"));
    assert_eq!(journal.count(), 1);
    lab.etcd.restart()?;
    lab.node.del("c", &stripped)?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn an_add_without_any_settings_says_that_the_config_is_wrong() -> Result<()> {
    let node = Node::with_config("n1", json!({}))?;
    node.add("c", &net())?.failure(7)?;
    Ok(())
}
