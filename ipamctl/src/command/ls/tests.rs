use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};

const WEB: (&str, &str) = (
    "/etcd-ipam/v1/owner/default/node-1/blue/0123456789abcdef0123/net1",
    r#"{"v":1,"id":"a","addresses":[
        {"space":"default","address":"192.168.20.10","prefix":24,"gateway":"192.168.20.1"},
        {"space":"default","address":"2001:db8::a","prefix":64}],
        "pod":{"namespace":"shop","name":"web-0","uid":"u1"},
        "machine_id":"m","boot_id":"b","started_ms":12,
        "created":"2026-11-20T09:00:00Z","plugin":"0.1.0","from":"the future"}"#,
);
const BARE: (&str, &str) = (
    "/etcd-ipam/v1/owner/default/node%2F2/blue/short/net1",
    r#"{"v":1,"id":"b","addresses":[{"space":"default","address":"192.168.20.9","prefix":24}],
        "created":"yesterday","plugin":"0.1.0"}"#,
);
const OTHER_SPACE: (&str, &str) = (
    "/etcd-ipam/v1/owner/default/node-1/red/c3/net2",
    r#"{"v":1,"id":"c","addresses":[{"space":"a","address":"192.168.20.200","prefix":24}],
        "pod":{"name":"alone"},"created":"2026-11-20T12:30:00Z","plugin":"0.1.0"}"#,
);

async fn list(format: Format, entries: &[(&str, &str)]) -> Ran {
    let context = context(FakeEtcd::of(entries));
    ran(format, async |output| run(&context, output).await).await
}

#[tokio::test]
async fn the_table_is_sorted_by_space_and_address() {
    let listed = list(Format::Table, &[STORE, WEB, BARE, OTHER_SPACE]).await;
    assert_eq!(
        listed.out,
        "\
ADDRESS             SPACE     NAMESPACE/POD   NODE     NETWORK   CONTAINER      INTERFACE   AGE
192.168.20.200/24   a         alone           node-1   red       c3             net2        0s
192.168.20.9/24     default   -               node/2   blue      short          net1        -
192.168.20.10/24    default   shop/web-0      node-1   blue      0123456789ab   net1        3h
2001:db8::a/64      default   shop/web-0      node-1   blue      0123456789ab   net1        3h
"
    );
    assert_eq!(listed.err, "");
    listed.outcome.unwrap();
}

#[tokio::test]
async fn the_json_holds_everything() {
    let listed = list(Format::Json, &[STORE, WEB, BARE]).await;
    assert_eq!(
        json(&listed)[1],
        serde_json::json!({
            "address": "192.168.20.10", "prefix": 24, "gateway": "192.168.20.1",
            "space": "default", "namespace": "shop", "pod": "web-0", "uid": "u1",
            "cluster": "default", "node": "node-1", "network": "blue",
            "container": "0123456789abcdef0123", "interface": "net1",
            "created": "2026-11-20T09:00:00Z", "age_seconds": 10800, "plugin": "0.1.0",
        })
    );
    let bare = &json(&listed)[0];
    assert_eq!(bare["age_seconds"], serde_json::Value::Null);
    assert_eq!(bare["created"], "yesterday");
    assert_eq!(bare.get("gateway"), None);
}

#[tokio::test]
async fn an_empty_store_says_so() {
    let listed = list(Format::Json, &[STORE]).await;
    assert_eq!(
        (listed.out.as_str(), listed.err.as_str()),
        ("[]\n", "no allocations\n")
    );
    let listed = list(Format::Table, &[STORE]).await;
    assert_eq!(listed.out.lines().count(), 1);
    listed.outcome.unwrap();
}

#[tokio::test]
async fn damaged_keys_are_named_and_hide_nothing() {
    let listed = list(
        Format::Table,
        &[
            STORE,
            WEB,
            ("/etcd-ipam/v1/owner/default/node-1/blue/broken/net1", "{"),
            ("/etcd-ipam/v1/owner/\u{1b}[2J", "{}"),
            ("/etcd-ipam/v1/addr/default/192.168.20.11", "not ours"),
        ],
    )
    .await;
    listed.outcome.unwrap();
    assert_eq!(listed.out.lines().count(), 3);
    assert_eq!(listed.err.lines().count(), 3, "{}", listed.err);
    for key in ["blue/broken/net1", "owner/\\u{1b}[2J", "192.168.20.11"] {
        assert!(listed.err.contains(key), "{}", listed.err);
    }
}

#[tokio::test]
async fn a_wrong_prefix_is_no_empty_store() {
    let listed = list(Format::Json, &[]).await;
    assert_eq!(listed.out, "");
    let error = listed.outcome.unwrap_err().to_string();
    assert!(
        error.contains("/etcd-ipam") && error.contains("--prefix"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_left_of_a_store_can_be_listed() {
    let listed = list(Format::Table, &[WEB]).await;
    assert_eq!(listed.out.lines().count(), 3);
    assert!(listed.err.contains("not initialised"), "{}", listed.err);
    listed.outcome.unwrap();
}

#[tokio::test]
async fn a_frozen_store_can_be_listed() {
    let freeze = ("/etcd-ipam/v1/meta/freeze", r#"{"reason":"drill"}"#);
    let listed = list(Format::Table, &[STORE, freeze, WEB]).await;
    assert_eq!(listed.out.lines().count(), 3);
    assert!(listed.err.contains("drill"), "{}", listed.err);
}
