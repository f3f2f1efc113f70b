//! Freezing a store and thawing it.

use anyhow::Result;
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

fn net() -> Value {
    network("net", json!({"range": "10.94.0.0/24"}))
}

fn run(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    ctl::run(&[lab.etcd.endpoint()], arguments)
}

const FREEZE: [&str; 5] = [
    "freeze",
    "--reason",
    "moving the racks",
    "--by",
    "ann@ops-1",
];

/// The freeze, without the time.
fn freeze(lab: &Lab) -> Result<Option<Value>> {
    let Some(value) = lab.raw.get(lab.layout.freeze())? else {
        return Ok(None);
    };
    let mut value: Value = serde_json::from_slice(&value)?;
    let since = value["since"].take();
    assert!(since.as_str().is_some_and(|since| since.ends_with('Z')));
    Ok(Some(value))
}

#[test]
fn between_freeze_and_thaw_no_address_is_given_out_and_releases_go_on() -> Result<()> {
    let lab = Lab::new()?;
    lab.node.add("before", &net())?.success()?;
    let frozen = run(&lab, &FREEZE)?;
    assert_eq!(
        frozen.stdout,
        "The store is frozen. No address is given out until `ipamctl thaw`.\n"
    );
    assert_eq!(
        frozen.stderr,
        "an ADD that had committed by then may still answer for up to 20 s\n"
    );
    let refused = lab.node.add("meanwhile", &net())?;
    assert_eq!(refused.code()?, 105);
    assert!(
        refused.message()?.contains("moving the racks"),
        "{refused:?}"
    );
    lab.node.del("before", &net())?.silence()?;
    lab.ensure_all_is_free()?;

    let thawed = run(&lab, &["thaw", "--yes"])?;
    assert_eq!(thawed.status.code(), Some(0));
    assert_eq!(
        thawed.stdout,
        "The store is thawed. Addresses are given out again.\n"
    );
    assert!(thawed.stderr.contains("by ann@ops-1"), "{thawed:?}");
    lab.node.add("after", &net())?.success()?;
    Ok(())
}

#[test]
fn a_freeze_is_only_replaced_on_purpose_and_what_is_not_known_is_kept() -> Result<()> {
    let lab = Lab::new()?;
    lab.raw.put(
        lab.layout.freeze(),
        r#"{"reason":"drill","by":"bob","since":"2026-01-05T08:00:00Z","round":7}"#,
    )?;
    let refused = run(&lab, &FREEZE)?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(refused.stdout, "");
    for word in ["by bob", "drill", "--replace"] {
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    let replaced = run(&lab, &[&FREEZE[..], &["--replace", "-o", "json"]].concat())?;
    let told: Value = serde_json::from_str(&replaced.stdout)?;
    assert_eq!(told["replaced"]["by"], "bob");
    assert_eq!(
        freeze(&lab)?,
        Some(json!({"reason": "moving the racks", "by": "ann@ops-1", "since": null, "round": 7}))
    );
    Ok(())
}

#[test]
fn nobody_thaws_without_being_asked_and_a_thawed_store_is_no_failure() -> Result<()> {
    let lab = Lab::new()?;
    let thawed = run(&lab, &["thaw", "-o", "json"])?;
    assert_eq!(thawed.status.code(), Some(0));
    let told: Value = serde_json::from_str(&thawed.stdout)?;
    assert_eq!(told, json!({"thawed": false, "freeze": null}));
    run(&lab, &FREEZE)?;
    let refused = run(&lab, &["thaw"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    assert!(freeze(&lab)?.is_some());
    Ok(())
}

#[test]
fn a_restored_store_can_be_frozen_and_not_thawed() -> Result<()> {
    let lab = Lab::new()?;
    let sealed = r#"{"schema":1,"id":"s","sealed_term":64,"epoch":0}"#;
    lab.raw.put(lab.layout.store(), sealed)?;
    let frozen = run(&lab, &FREEZE)?;
    assert_eq!(frozen.status.code(), Some(0), "{frozen:?}");
    assert!(frozen.stderr.contains("restored"), "{frozen:?}");
    let refused = run(&lab, &["thaw", "--yes"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("restored"), "{refused:?}");
    assert!(freeze(&lab)?.is_some());
    Ok(())
}

#[test]
fn a_wrong_prefix_is_neither_frozen_nor_thawed() -> Result<()> {
    let lab = Lab::new()?;
    for arguments in [&FREEZE[..], &["thaw", "--yes"]] {
        let output = run(&lab, &[arguments, &["--prefix", "/elsewhere"]].concat())?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            output.stderr.contains("/elsewhere/v1/meta/store"),
            "{output:?}"
        );
    }
    assert_eq!(lab.raw.count("/elsewhere/")?, 0);
    Ok(())
}

#[test]
fn a_store_that_is_full_can_be_thawed_and_says_why_it_cannot_be_frozen() -> Result<()> {
    let lab = Lab::with(
        chaos_tests::etcd::Options {
            quota_bytes: Some(2 << 20),
            ..Default::default()
        },
        json!({}),
    )?;
    run(&lab, &FREEZE)?;
    lab.raw.fill_up("/filler/")?;
    let thawed = run(&lab, &["thaw", "--yes"])?;
    assert_eq!(thawed.status.code(), Some(0), "{thawed:?}");
    let refused = run(&lab, &FREEZE)?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("NOSPACE"), "{refused:?}");
    Ok(())
}
