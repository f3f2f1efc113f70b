use clap::Parser as _;

use super::*;
use crate::cli::{AnyCommand, Cli, Command, Format};
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

/// The address keys of [`WEB`], [`BARE`] and [`OTHER_SPACE`].
const KEYS: [(&str, &str); 4] = [
    (
        "/etcd-ipam/v1/addr/a/192.168.020.200",
        "default/node-1/red/c3/net2",
    ),
    (
        "/etcd-ipam/v1/addr/default/192.168.020.009",
        "default/node%2F2/blue/short/net1",
    ),
    (
        "/etcd-ipam/v1/addr/default/192.168.020.010",
        "default/node-1/blue/0123456789abcdef0123/net1",
    ),
    (
        "/etcd-ipam/v1/addr/default/2001:0db8:0000:0000:0000:0000:0000:000a",
        "default/node-1/blue/0123456789abcdef0123/net1",
    ),
];

/// Records of the other kinds, and keys that are no attachment's.
const ODD: [(&str, &str); 14] = [
    (
        "/etcd-ipam/v1/owner/west/node-1/blue/adopted/net1",
        r#"{"v":1,"id":"d","kind":"adopted","addresses":[{"space":"s","address":"10.0.0.1","prefix":8}],
            "pod":{"namespace":"shop","name":"db-0"},"created":"2026-11-20T11:00:00Z","plugin":"0.1.0"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.001",
        "west/node-1/blue/adopted/net1",
    ),
    (
        "/etcd-ipam/v1/owner/default/node-1/blue/imported/net1",
        r#"{"v":1,"id":"e","kind":"imported","addresses":[{"space":"s","address":"10.0.0.2","prefix":8}],
            "created":"","plugin":"0.1.0"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.002",
        "default/node-1/blue/imported/net1",
    ),
    (
        "/etcd-ipam/v1/owner/default/node-1/blue/lent/net1",
        r#"{"v":1,"id":"f","kind":"lent","addresses":[{"space":"s","address":"10.0.0.3","prefix":8},
            {"space":"s","address":"10.0.0.1","prefix":8},{"space":"s","address":"10.0.0.99","prefix":8}],
            "created":"2026-11-19T12:00:00Z","plugin":"0.1.0"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.003",
        "default/node-1/blue/lent/net1",
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.004",
        r#"{"kind":"cooldown","released":"2026-11-20T11:59:50Z","cooldown_s":60,
            "was":"default/node-2/blue/gone/net1"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.005",
        r#"{"kind":"cooldown","released":"2026-11-20T11:00:00Z","cooldown_s":60,"was":"?"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.006",
        r#"{"kind":"reservation","reason":"a printer","owner":"alice",
            "created":"2026-11-20T11:00:00Z","expires":"2026-12-24T00:00:00Z"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.007",
        r#"{"kind":"quarantine"}"#,
    ),
    ("/etcd-ipam/v1/addr/s/010.000.000.008", "\u{1}"),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.009",
        "default/node-3/blue/orphan/net1",
    ),
    ("/etcd-ipam/v1/owner/default/node-3/blue/torn/net1", "{"),
    (
        "/etcd-ipam/v1/addr/s/010.000.000.010",
        "default/node-3/blue/torn/net1",
    ),
];

/// Lists what such a command line asks for.
async fn list_with(format: Format, line: &[&str], entries: &[(&str, &str)]) -> Ran {
    let context = context(FakeEtcd::of(entries));
    let line = ["ipamctl", "ls"].iter().chain(line);
    let AnyCommand::WithStore(Command::Ls(options)) = Cli::try_parse_from(line).unwrap().command
    else {
        panic!("not ls");
    };
    ran(format, async |output| run(&context, output, &options).await).await
}

async fn list(format: Format, entries: &[(&str, &str)]) -> Ran {
    list_with(format, &[], entries).await
}

/// The addresses that are listed of the odd ones.
async fn listed(line: &[&str]) -> Vec<String> {
    let entries = [&[STORE][..], &ODD].concat();
    let listed = list_with(Format::Json, line, &entries).await;
    let listed = json(&listed);
    let addresses = listed.as_array().unwrap().iter();
    addresses
        .map(|one| one["address"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_table_is_sorted_by_space_and_address() {
    let entries = [&[STORE, WEB, BARE, OTHER_SPACE][..], &KEYS].concat();
    let listed = list(Format::Table, &entries).await;
    assert_eq!(
        listed.out,
        "\
ADDRESS             STATE       SPACE     NAMESPACE/POD   NODE     NETWORK   CONTAINER      INTERFACE   AGE   NOTE
192.168.20.200/24   allocated   a         alone           node-1   red       c3             net2        0s    -
192.168.20.9/24     allocated   default   -               node/2   blue      short          net1        -     -
192.168.20.10/24    allocated   default   shop/web-0      node-1   blue      0123456789ab   net1        3h    -
2001:db8::a/64      allocated   default   shop/web-0      node-1   blue      0123456789ab   net1        3h    -
"
    );
    assert_eq!(listed.err, "");
    listed.outcome.unwrap();
}

#[tokio::test]
async fn the_json_holds_everything() {
    let entries = [&[STORE, WEB, BARE][..], &KEYS].concat();
    let listed = list_with(Format::Json, &["--space=default"], &entries).await;
    assert_eq!(
        json(&listed)[1],
        serde_json::json!({
            "address": "192.168.20.10", "prefix": 24, "gateway": "192.168.20.1",
            "space": "default", "state": "allocated",
            "namespace": "shop", "pod": "web-0", "uid": "u1",
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
async fn whatever_is_taken_is_listed_with_its_state() {
    let entries = [&[STORE][..], &ODD].concat();
    let listed = list(Format::Table, &entries).await;
    assert_eq!(
        listed.out,
        "\
ADDRESS       STATE         SPACE   NAMESPACE/POD   NODE     NETWORK   CONTAINER   INTERFACE   AGE   NOTE
10.0.0.1/8    adopted       s       shop/db-0       node-1   blue      adopted     net1        60m   -
10.0.0.1/8    lost          s       -               node-1   blue      lent        net1        24h   its key says that it is another's
10.0.0.2/8    imported      s       -               node-1   blue      imported    net1        -     -
10.0.0.3/8    other         s       -               node-1   blue      lent        net1        24h   of kind lent
10.0.0.4      resting       s       -               node-2   blue      gone        net1        10s   rests 50s more
10.0.0.5      resting       s       -               -        -         -           -           60m   rested long enough
10.0.0.6      reserved      s       -               -        -         -           -           60m   a printer, for alice, until 2026-12-24T00:00:00Z
10.0.0.7      quarantined   s       -               -        -         -           -           -     -
10.0.0.8      unreadable    s       -               -        -         -           -           -     the value is not such a record
10.0.0.9      orphaned      s       -               node-3   blue      orphan      net1        -     its holder has no record of it
10.0.0.10     unreadable    s       -               node-3   blue      torn        net1        -     its holder's record cannot be read
10.0.0.99/8   lost          s       -               node-1   blue      lent        net1        24h   its key is missing: anybody may be given it
"
    );
    assert_eq!(listed.err.lines().count(), 2, "{}", listed.err);
}

#[tokio::test]
async fn the_json_says_what_is_known_of_each() {
    let entries = [&[STORE][..], &ODD].concat();
    let listed = list(Format::Json, &entries).await;
    let listed = json(&listed);
    assert_eq!([&listed[3]["kind"], &listed[3]["state"]], ["lent", "other"]);
    assert_eq!(listed[0].get("kind"), None);
    assert_eq!(
        listed[4],
        serde_json::json!({
            "address": "10.0.0.4", "space": "s", "state": "resting", "age_seconds": 10,
            "released": "2026-11-20T11:59:50Z", "cooldown_seconds": 60,
            "cluster": "default", "node": "node-2", "network": "blue", "container": "gone",
            "interface": "net1",
        })
    );
    assert_eq!(
        listed[6],
        serde_json::json!({
            "address": "10.0.0.6", "space": "s", "state": "reserved", "age_seconds": 3600,
            "reason": "a printer", "owner": "alice",
            "created": "2026-11-20T11:00:00Z", "expires": "2026-12-24T00:00:00Z",
        })
    );
    assert_eq!(
        listed[9],
        serde_json::json!({
            "address": "10.0.0.9", "space": "s", "state": "orphaned", "age_seconds": null,
            "cluster": "default", "node": "node-3", "network": "blue", "container": "orphan",
            "interface": "net1", "problem": "its holder has no record of it",
        })
    );
}

#[tokio::test]
async fn filters_combine() {
    for (line, wanted) in [
        (
            &["--state", "reserved,orphaned"][..],
            &["10.0.0.6", "10.0.0.9"][..],
        ),
        (
            &["--state=lost", "--state=adopted"],
            &["10.0.0.1", "10.0.0.1", "10.0.0.99"],
        ),
        (&["--node=node-2"], &["10.0.0.4"]),
        (&["--node=node-3", "--state=unreadable"], &["10.0.0.10"]),
        (
            &["--older-than=1h", "--state=lost,adopted"],
            &["10.0.0.1", "10.0.0.99"],
        ),
        (&["--older-than=59m", "-n", "shop"], &["10.0.0.1"]),
        (&["--pod=shop/db-0", "--space=s"], &["10.0.0.1"]),
        (&["--address=10.0.0.8/31"], &["10.0.0.8", "10.0.0.9"]),
    ] {
        assert_eq!(listed(line).await, wanted, "{line:?}");
    }
}

#[tokio::test]
async fn that_nothing_matches_is_not_that_nothing_is_taken() {
    let entries = [&[STORE, WEB][..], &KEYS].concat();
    let listed = list_with(Format::Table, &["--node=node-9"], &entries).await;
    assert_eq!(listed.out.lines().count(), 1);
    assert_eq!(listed.err, "none of 4 taken addresses matches\n");
    listed.outcome.unwrap();
}

#[tokio::test]
async fn an_empty_store_says_so() {
    let listed = list(Format::Json, &[STORE]).await;
    assert_eq!(
        (listed.out.as_str(), listed.err.as_str()),
        ("[]\n", "no taken addresses\n")
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
