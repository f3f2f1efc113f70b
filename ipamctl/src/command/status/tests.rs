use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};
use store::etcd::{Alarm, EtcdError, Health, Member, Quota};

const OWNERS: [(&str, &str); 3] = [
    ("/etcd-ipam/v1/owner/default/n1/net/a/eth0", "{}"),
    ("/etcd-ipam/v1/owner/default/n1/net/b/eth0", "{}"),
    ("/etcd-ipam/v1/owner/west/n1/net/a/eth0", "{}"),
];
const LEADER: (&str, &str) = (
    "/etcd-ipam/v1/gc/default/leader",
    r#"{"identity":"gc-1","id":"x","since":"2026-11-20T09:00:00Z"}"#,
);
const LAST: (&str, &str) = (
    "/etcd-ipam/v1/gc/default/last",
    r#"{"by":"gc-1","ended":"2026-11-20T11:58:00Z","result":"complete","records":2,"released":1,
        "next":"2026-11-20T12:03:00Z","new":1}"#,
);
const FREEZE: (&str, &str) = (
    "/etcd-ipam/v1/meta/freeze",
    r#"{"reason":"drill","by":"bob@ops","since":"2026-11-20T11:55:00Z"}"#,
);

fn member(name: &str, id: u64, health: Result<Health, EtcdError>) -> Member {
    Member {
        name: name.to_owned(),
        id: (id > 0).then_some(id),
        url: format!("http://{name}:2379"),
        configured: true,
        client_urls: Vec::new(),
        health,
    }
}

fn healthy() -> Health {
    Health {
        cluster: 0xc1,
        version: "3.5.30".to_owned(),
        leader: 0xa,
        term: 66,
        size: 20_480,
        in_use: 16_384,
        quota: Quota::Bytes(8 << 30),
        ..Health::default()
    }
}

fn members() -> Members {
    let old = Health {
        version: "3.3.1".to_owned(),
        quota: Quota::Unknown,
        alarms: vec![Alarm {
            member: 0xb,
            kind: "NOSPACE".to_owned(),
        }],
        errors: vec!["\u{1b}[2J".to_owned()],
        ..healthy()
    };
    let gone = EtcdError::Unreachable("http://c:2379: Connection refused".to_owned());
    Members {
        members: vec![
            member("a", 0xa, Ok(healthy())),
            member("b", 0xb, Ok(old)),
            member("c", 0, Err(gone)),
        ],
        unlisted: None,
    }
}

async fn status(format: Format, entries: &[(&str, &str)], members: Members) -> (Ran, Verdict) {
    let context = context(FakeEtcd::of(entries));
    let mut verdict = Verdict::Done;
    let ran = ran(format, async |output| {
        verdict = run(&context, output, members).await?;
        Ok(())
    });
    (ran.await, verdict)
}

#[tokio::test]
async fn everything_is_on_one_screen() {
    let entries = [&[STORE, LEADER, LAST][..], &OWNERS].concat();
    let (status, verdict) = status(Format::Table, &entries, members()).await;
    assert_eq!(
        status.out,
        "\
state          gives out addresses
prefix         /etcd-ipam
id             s1
sealed term    2 (weak: a restored snapshot may pass); etcd's is 2
schema, epoch  1, 0
holds          0 addresses, 3 attachments, 0 ranges

CLUSTER   RECORDS   COLLECTOR    LEADS FOR   LAST SWEEP   AGE   RELEASED
default         2   gc-1         3h          complete     2m           1
west            1   none leads   -           -            -            -

MEMBER   ENDPOINT        VERSION                 ROLE       TERM   DATABASE   IN USE      QUOTA   STATE
a        http://a:2379   3.5.30                  leader       66     20 KiB   16 KiB    8.0 GiB   ok
b        http://b:2379   3.3.1 (not supported)   follower     66     20 KiB   16 KiB   2.0 GiB?   \\u{1b}[2J
c        http://c:2379   -                       -             -          -        -          -   Connection refused

ALARM NOSPACE of member b
"
    );
    assert_eq!(status.err, "");
    status.outcome.unwrap();
    assert_eq!(verdict, Verdict::Done);
}

#[tokio::test]
async fn a_store_that_gives_out_nothing_says_why() {
    let restored = (
        STORE.0,
        r#"{"schema":1,"id":"s1","sealed_term":64,"epoch":0}"#,
    );
    for (entries, line) in [
        (vec![STORE, FREEZE], "FROZEN for 5m by bob@ops: drill\n"),
        (
            vec![STORE, (FREEZE.0, "garbage")],
            "FROZEN: the reason cannot be read\n",
        ),
        (vec![restored, FREEZE], "was restored from a snapshot"),
        (vec![(STORE.0, "garbage")], "is damaged"),
        (vec![], "is not initialised"),
    ] {
        let (status, verdict) = status(Format::Table, &entries, members()).await;
        assert!(status.out.contains(line), "{}", status.out);
        assert_eq!(verdict, Verdict::Negative);
    }
}

#[tokio::test]
async fn the_json_has_the_documented_names() {
    let entries = [STORE, LEADER, LAST, FREEZE, OWNERS[0]];
    let (status, _) = status(Format::Json, &entries, members()).await;
    let state = json(&status);
    assert_eq!(
        state["store"],
        serde_json::json!({
            "id": "s1", "schema": 1, "sealed_term": 2, "armed": false, "epoch": 0,
            "raft_term": 2, "revision": 1, "refusal": null,
            "frozen": {"reason": "drill", "by": "bob@ops", "since": "2026-11-20T11:55:00Z"},
            "addresses": 0, "owners": 1, "ranges": 0,
        })
    );
    assert_eq!(
        state["clusters"][0],
        serde_json::json!({
            "name": "default", "owners": 1,
            "leader": {"identity": "gc-1", "since": "2026-11-20T09:00:00Z"},
            "last_sweep": {
                "by": "gc-1", "ended": "2026-11-20T11:58:00Z", "result": "complete",
                "records": 2, "released": 1, "next": "2026-11-20T12:03:00Z", "new": 1,
            },
        })
    );
    assert_eq!(
        state["etcd"]["members"][1],
        serde_json::json!({
            "name": "b", "id": "b", "endpoint": "http://b:2379", "configured": true,
            "error": null,
            "health": {
                "cluster": "c1", "version": "3.3.1", "support": "too_old", "role": "follower",
                "raft_term": 66, "db_size": 20480, "db_in_use": 16384,
                "quota": 2_147_483_648_u64, "quota_assumed": true, "errors": ["\u{1b}[2J"],
            },
        })
    );
    assert_eq!(
        state["etcd"]["members"][2]["health"],
        serde_json::Value::Null
    );
    assert_eq!(
        state["etcd"]["alarms"],
        serde_json::json!([{"member": "b", "kind": "NOSPACE"}])
    );
    assert_eq!(state["error"], serde_json::Value::Null);
}

#[tokio::test]
async fn members_are_shown_although_none_answers() {
    let mut members = members();
    members.members.retain(|member| member.name == "c");
    members.unlisted = Some(EtcdError::Denied {
        endpoint: "c".to_owned(),
        reason: "permission denied".to_owned(),
    });
    let (status, _) = status(Format::Table, &[STORE], members).await;
    assert!(status.out.starts_with("MEMBER"), "{}", status.out);
    assert!(status.err.contains("permission denied"), "{}", status.err);
    let error = status.outcome.unwrap_err().to_string();
    assert!(
        error.contains("http://c:2379: Connection refused"),
        "{error}"
    );
}

#[tokio::test]
async fn values_that_cannot_be_read_are_left_out() {
    let entries = [
        STORE,
        (LEADER.0, "garbage"),
        (LAST.0, "[]"),
        ("/etcd-ipam/v1/owner/x%zz/a", ""),
        ("/etcd-ipam/v1/owner/x", ""),
        ("/etcd-ipam/v1/owner/x-y/a/b/c/d", ""),
    ];
    let (status, _) = status(Format::Json, &entries, members()).await;
    let state = json(&status);
    let names: Vec<_> = state["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cluster| cluster["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["default", "x-y"]);
    assert_eq!(state["clusters"][0]["leader"]["identity"], "");
    assert_eq!(state["clusters"][0]["last_sweep"], serde_json::Value::Null);
}
