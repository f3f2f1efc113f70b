use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};

const KEY: &str = "/etcd-ipam/v1/meta/freeze";
const BY_BOB: &str =
    r#"{"reason":"drill","by":"bob@ops","since":"2026-11-20T11:55:00Z","round":7}"#;

async fn freeze(etcd: FakeEtcd, replace: bool) -> (Ran, Option<serde_json::Value>) {
    let context = context(etcd);
    let options = Options {
        reason: "moving the racks".to_owned(),
        by: Some("ann@ops".to_owned()),
        replace,
    };
    let ran = ran(Format::Json, async |output| {
        run(&context, output, &options).await
    });
    let ran = ran.await;
    let value = context.store.etcd().value(KEY);
    (
        ran,
        value.map(|value| serde_json::from_slice(&value).unwrap_or_default()),
    )
}

#[tokio::test]
async fn a_freeze_says_why_by_whom_and_since_when() {
    let (ran, written) = freeze(FakeEtcd::of(&[STORE]), false).await;
    let record = serde_json::json!({
        "reason": "moving the racks", "by": "ann@ops", "since": "2026-11-20T12:00:00Z",
    });
    assert_eq!(written.unwrap(), record);
    let told = json(&ran);
    assert_eq!(told["replaced"], serde_json::Value::Null);
    assert_eq!(told["by"], "ann@ops");
}

#[tokio::test]
async fn a_freeze_that_stands_is_described_and_left() {
    let (ran, written) = freeze(FakeEtcd::of(&[STORE, (KEY, BY_BOB)]), false).await;
    let error = ran.outcome.unwrap_err().to_string();
    for word in ["bob@ops", "5m ago", "drill", "--replace"] {
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(written.unwrap()["by"], "bob@ops");
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn replacing_a_freeze_keeps_what_a_newer_version_wrote() {
    let (ran, written) = freeze(FakeEtcd::of(&[STORE, (KEY, BY_BOB)]), true).await;
    let written = written.unwrap();
    assert_eq!(written["by"], "ann@ops");
    assert_eq!(written["round"], 7);
    assert_eq!(json(&ran)["replaced"]["reason"], "drill");
}

#[tokio::test]
async fn a_freeze_that_cannot_be_read_freezes_and_can_be_replaced() {
    let damaged = FakeEtcd::of(&[STORE, (KEY, "\u{1b}[2J")]);
    let (ran, _) = freeze(damaged, false).await;
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    let (ran, written) = freeze(FakeEtcd::of(&[STORE, (KEY, "[]")]), true).await;
    ran.outcome.unwrap();
    assert_eq!(written.unwrap()["reason"], "moving the racks");
}

#[tokio::test]
async fn only_a_store_that_is_one_is_frozen() {
    let later = (
        STORE.0,
        r#"{"schema":9,"id":"s1","sealed_term":2,"epoch":0}"#,
    );
    for etcd in [FakeEtcd::of(&[]), FakeEtcd::of(&[later])] {
        let (ran, written) = freeze(etcd, false).await;
        let error = ran.outcome.unwrap_err().to_string();
        assert!(error.starts_with("nothing was frozen"), "{error}");
        assert!(written.is_none());
    }
}

#[tokio::test]
async fn a_restored_store_is_frozen_with_a_warning() {
    let restored = (
        STORE.0,
        r#"{"schema":1,"id":"s1","sealed_term":64,"epoch":0}"#,
    );
    let (ran, written) = freeze(FakeEtcd::of(&[restored]), false).await;
    assert!(ran.err.contains("restored"), "{}", ran.err);
    assert_eq!(written.unwrap()["by"], "ann@ops");
}

#[test]
fn a_reason_is_needed() {
    assert!(reason(" \n").is_err());
    assert_eq!(reason(" drill ").unwrap(), "drill");
}
