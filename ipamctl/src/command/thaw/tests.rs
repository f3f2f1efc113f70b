use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran_asking};

const KEY: &str = "/etcd-ipam/v1/meta/freeze";
const BY_BOB: (&str, &str) = (
    KEY,
    r#"{"reason":"drill","by":"bob@ops","since":"2026-11-20T11:55:00Z"}"#,
);

/// Thaws, and says whether the store is frozen then.
async fn thaw(etcd: FakeEtcd, answers: &str) -> (Ran, bool) {
    let context = context(etcd);
    let options = Options {
        yes: answers.is_empty(),
    };
    let ran = ran_asking(Format::Json, answers, async |output| {
        run(&context, output, &options).await
    });
    let ran = ran.await;
    let frozen = context.store.etcd().value(KEY).is_some();
    (ran, frozen)
}

#[tokio::test]
async fn it_shows_the_reason_and_asks() {
    let (ran, frozen) = thaw(FakeEtcd::of(&[STORE, BY_BOB]), "no\n").await;
    assert_eq!(
        ran.err,
        "the store is frozen by bob@ops 5m ago: drill\nGive out addresses again? [y/N] "
    );
    assert!(frozen && ran.outcome.is_err());
    let (ran, frozen) = thaw(FakeEtcd::of(&[STORE, BY_BOB]), "yes\n").await;
    assert!(!frozen);
    assert_eq!(json(&ran)["freeze"]["reason"], "drill");
    assert_eq!(json(&ran)["thawed"], true);
}

#[tokio::test]
async fn a_yes_in_advance_is_enough_also_for_a_freeze_that_cannot_be_read() {
    let (ran, frozen) = thaw(FakeEtcd::of(&[STORE, (KEY, "garbage")]), "").await;
    ran.outcome.unwrap();
    assert!(!frozen);
}

#[tokio::test]
async fn a_store_that_is_not_frozen_stays_so() {
    let (ran, _) = thaw(FakeEtcd::of(&[STORE]), "").await;
    assert_eq!(
        json(&ran),
        serde_json::json!({"thawed": false, "freeze": null})
    );
}

#[tokio::test]
async fn a_store_that_is_not_to_be_trusted_stays_frozen() {
    let restored = r#"{"schema":1,"id":"s1","sealed_term":64,"epoch":0}"#;
    for (store, word) in [(restored, "restored"), ("garbage", "damaged")] {
        let (ran, frozen) = thaw(FakeEtcd::of(&[(STORE.0, store), BY_BOB]), "").await;
        let error = ran.outcome.unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("bob@ops"), "{error}");
        assert!(frozen);
    }
    let (ran, frozen) = thaw(FakeEtcd::of(&[BY_BOB]), "").await;
    assert!(ran.outcome.is_err() && frozen);
}

#[tokio::test]
async fn only_the_freeze_that_was_read_is_ended_or_replaced() {
    let context = context(FakeEtcd::of(&[STORE, BY_BOB]));
    let store = &context.store;
    let openness = store.openness(context.deadline()).await.unwrap();
    let read = openness.freeze.unwrap();
    let own = FreezeRecord {
        reason: "mine".to_owned(),
        ..FreezeRecord::default()
    };
    store.etcd().put(KEY, "another");
    for read in [None, Some(&read)] {
        let frozen = store.freeze(&own, read, context.deadline()).await;
        assert_eq!(frozen.unwrap(), Change::Overtaken);
    }
    let thawed = store.thaw(&read, context.deadline()).await;
    assert_eq!(thawed.unwrap(), Change::Overtaken);
    assert_eq!(store.etcd().value(KEY).unwrap(), b"another");
}

#[tokio::test]
async fn a_freeze_whose_answer_was_lost_is_known_again() {
    let context = context(FakeEtcd::of(&[STORE]));
    let own = FreezeRecord {
        reason: "mine".to_owned(),
        ..FreezeRecord::default()
    };
    for _ in 0..2 {
        let frozen = context.store.freeze(&own, None, context.deadline()).await;
        assert_eq!(frozen.unwrap(), Change::Made);
    }
}
