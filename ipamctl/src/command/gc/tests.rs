use serde_json::json;

use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json as read, ran};

const LEADER: (&str, &str) = (
    "/etcd-ipam/v1/gc/default/leader",
    r#"{"identity":"lease-gc-0","id":"l1","since":"2026-11-20T11:00:00Z"}"#,
);
const REQUEST: &str = "/etcd-ipam/v1/gc/default/request";

fn options() -> Options {
    Options {
        dry_run: false,
        wait: Duration::from_mins(1),
    }
}

/// The wish that stands in etcd.
fn wish(etcd: &FakeEtcd) -> Option<Value> {
    let value = etcd.value(REQUEST)?;
    Some(serde_json::from_slice(&value).unwrap())
}

/// Waits for a wish and does this with it.
async fn collector(etcd: &FakeEtcd, act: impl FnOnce(&mut Value)) -> Value {
    loop {
        if let Some(mut wish) = wish(etcd) {
            let asked = wish.clone();
            act(&mut wish);
            etcd.put(REQUEST, &wish.to_string());
            return asked;
        }
        tokio::task::yield_now().await;
    }
}

/// Asks a collector that answers with this, and also says what it was asked.
async fn asked(format: Format, options: &Options, answer: Value) -> (Ran, Value) {
    let context = context(FakeEtcd::of(&[STORE, LEADER]));
    let command = ran(format, async |output| run(&context, output, options).await);
    let answer = collector(context.store.etcd(), |wish| wish["answer"] = answer);
    tokio::join!(command, answer)
}

fn report() -> Value {
    json!({
        "started": "2026-11-20T11:00:00Z",
        "duration_seconds": 1.25,
        "result": "complete",
        "error": null,
        "frozen": null,
        "records": 1000,
        "candidates": {"pod_gone": 5},
        "kept": {"alive": 990, "node_not_ready": 3},
        "released": {"pod_gone": 2},
        "releases": {"total": 2, "newest": [
            {
                "at": "2026-11-20T11:00:01Z", "addresses": ["192.168.20.11", "2001:db8::b"],
                "owner": "default/n1/blue/0123456789abcdef0123/net1", "pod": "shop/web-0",
                "evidence": "pod_gone",
            },
            {
                "at": "2026-11-20T11:00:01Z", "addresses": ["192.168.20.12"],
                "owner": "odd", "pod": null, "evidence": "pod_gone",
            },
        ]},
        "adopted": 1,
        "rests_ended": 4,
        "reservations_ended": 2,
        "conflicts": {"total": 1, "newest": [{
            "address": "192.168.20.13", "holder": "default/n1/blue/c3/net1", "pod": "shop/db-0",
        }]},
        "breakers": [],
        "damaged": {"total": 0, "newest": []},
        "ranges": [],
        "of a later version": true,
    })
}

#[tokio::test]
async fn the_report_says_what_was_released_and_why() {
    let (ran, asked) = asked(Format::Table, &options(), report()).await;
    assert_eq!(asked["dry_run"], false);
    assert_eq!(
        ran.out,
        "\
The sweep is complete.
  records              1000
  adopted              1
  rests ended          4
  reservations ended   2
  took                 1.2 s

RECORDS   WHAT       WHY
      2   RELEASED   pod_gone
      5   WAITING    pod_gone
    990   KEPT       alive
      3   KEPT       node_not_ready

ADDRESS                     NAMESPACE/POD   NODE   NETWORK   CONTAINER      INTERFACE   EVIDENCE
192.168.20.11,2001:db8::b   shop/web-0      n1     blue      0123456789ab   net1        pod_gone
192.168.20.12               -               -      -         odd            -           pod_gone

CONFLICT        USED BY     HELD BY
192.168.20.13   shop/db-0   default/n1/blue/c3/net1
"
    );
    assert_eq!(
        ran.err,
        "asking lease-gc-0, which leads the collectors of cluster default since \
         2026-11-20T11:00:00Z, for a sweep; waiting up to 1m ...\n"
    );
    ran.outcome.unwrap();
}

#[tokio::test]
async fn a_dry_run_is_asked_for_as_such() {
    let options = Options {
        dry_run: true,
        ..options()
    };
    let mut report = report();
    report["result"] = "dry_run".into();
    let (ran, asked) = asked(Format::Table, &options, report).await;
    assert_eq!(asked["dry_run"], true);
    assert!(ran.out.contains("nothing was changed"), "{}", ran.out);
    assert!(ran.out.contains("TO RELEASE"), "{}", ran.out);
    ran.outcome.unwrap();
}

#[tokio::test]
async fn the_json_is_the_collectors_own() {
    let (ran, _) = asked(Format::Json, &options(), report()).await;
    assert_eq!(read(&ran), report());
}

#[tokio::test]
async fn a_sweep_that_did_not_do_its_work_is_a_failure() {
    for (more, words) in [
        (json!({"result": "void", "error": "no pods"}), "no pods"),
        (json!({"result": "frozen", "frozen": "drill"}), "drill"),
        (
            json!({"result": "interrupted", "error": "not the leader"}),
            "not the leader",
        ),
        (
            json!({"result": "breaker", "breakers": [{"kind": "uid", "found": 60, "limit": 50}]}),
            "60 by uid, where 50",
        ),
        (json!({"result": "later"}), "later"),
        (json!({"error": "the report has 99999 bytes"}), "99999"),
        (json!({}), "no result"),
    ] {
        let (ran, _) = asked(Format::Json, &options(), more.clone()).await;
        let error = ran.outcome.unwrap_err().to_string();
        assert!(error.contains(words), "{more}: {error}");
        // What is known is printed all the same.
        assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), more);
    }
}

#[tokio::test]
async fn what_is_not_listed_and_what_cannot_be_read_is_said() {
    let mut report = report();
    report["releases"]["total"] = 70.into();
    report["damaged"] = json!({"total": 1, "newest": [{"key": "k\u{1b}", "reason": "odd"}]});
    let (ran, _) = asked(Format::Table, &options(), report).await;
    assert!(ran.err.contains("the newest 2 of 70"), "{}", ran.err);
    assert!(ran.err.contains("k\\u{1b} cannot be read"), "{}", ran.err);
}

#[tokio::test]
async fn an_answer_of_another_kind_is_no_report() {
    let odd = json!({"result": 5});
    let (ran, _) = asked(Format::Json, &options(), odd.clone()).await;
    assert!(ran.outcome.is_err());
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), odd);
}

#[tokio::test]
async fn without_a_leader_nothing_is_asked() {
    let context = context(FakeEtcd::of(&[STORE]));
    let ran = ran(Format::Table, async |output| {
        run(&context, output, &options()).await
    })
    .await;
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("no collector leads"), "{error}");
    assert_eq!(wish(context.store.etcd()), None);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[tokio::test]
async fn another_clusters_collector_is_not_asked() {
    let mut context = context(FakeEtcd::of(&[STORE, LEADER]));
    context.cluster = "west".to_owned();
    let ran = ran(Format::Table, async |output| {
        run(&context, output, &options()).await
    })
    .await;
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("the cluster west"), "{error}");
}

#[tokio::test]
async fn a_wish_that_is_not_answered_is_withdrawn() {
    let context = context(FakeEtcd::of(&[STORE, LEADER]));
    let ran = ran(Format::Table, async |output| {
        run(&context, output, &options()).await
    })
    .await;
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("did not answer within 1m"), "{error}");
    assert_eq!(wish(context.store.etcd()), None);
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn a_wish_that_another_replaces_is_given_up() {
    let context = context(FakeEtcd::of(&[STORE, LEADER]));
    let command = ran(Format::Table, async |output| {
        run(&context, output, &options()).await
    });
    let another = collector(context.store.etcd(), |wish| wish["id"] = "another".into());
    let (ran, _) = tokio::join!(command, another);
    let error = ran.outcome.unwrap_err().to_string();
    assert!(error.contains("another request"), "{error}");
    // The other one stands.
    assert!(wish(context.store.etcd()).is_some());
}

#[test]
fn a_wait_that_cannot_be_is_refused() {
    for text in ["0s", "ten", "2days", "5"] {
        assert!(wait(text).is_err(), "{text}");
    }
    assert_eq!(wait("90s"), Ok(Duration::from_secs(90)));
}
