use clap::Parser as _;
use serde_json::Value;

use super::*;
use crate::cli::{AnyCommand, Cli, Command, Format};
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};

const RANGES: [(&str, &str); 3] = [
    (
        "/etcd-ipam/v1/range/default/192.168.20.0-192.168.20.100%2F24",
        r#"{"v":1,"prefix":24,"bounds":["192.168.20.0","192.168.20.100"],
            "excludes":[["192.168.20.20","192.168.20.29"]],
            "gateway":"192.168.20.1","seen":"2026-11-20T11:00:00Z"}"#,
    ),
    (
        "/etcd-ipam/v1/range/default/192.168.20.1-192.168.20.9%2F64",
        r#"{"v":1,"prefix":64,"bounds":["192.168.20.1","192.168.20.9"],"seen":"?"}"#,
    ),
    (
        "/etcd-ipam/v1/range/a@192.168.20.0%2F24/192.168.20.10-192.168.20.100%2F24",
        r#"{"v":1,"prefix":24,"bounds":["192.168.20.10","192.168.20.100"],"seen":"?"}"#,
    ),
];
const WEB: [(&str, &str); 4] = [
    (
        "/etcd-ipam/v1/owner/west/node-1/blue/c1/net1",
        r#"{"v":1,"id":"a","addresses":[
            {"space":"default","address":"192.168.20.10","prefix":24,"gateway":"192.168.20.1"},
            {"space":"default","address":"2001:db8::a","prefix":64}],
            "pod":{"namespace":"shop","name":"web-0","uid":"u1"},
            "machine_id":"m","boot_id":"b","started_ms":12,"cooldown_s":60,
            "created":"2026-11-20T09:00:00Z","plugin":"0.1.0"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/default/192.168.020.010",
        "west/node-1/blue/c1/net1",
    ),
    (
        "/etcd-ipam/v1/addr/default/2001:0db8:0000:0000:0000:0000:0000:000a",
        "west/node-1/blue/c1/net1",
    ),
    // Of a space without a range, and among the keys of no space.
    (
        "/etcd-ipam/v1/addr/red/192.168.020.010",
        r#"{"kind":"quarantine","reason":"\u001b[2J answers ARP"}"#,
    ),
];
const FOREIGN: [(&str, &str); 3] = [
    ("/etcd-ipam/v1/addr/!", "?"),
    ("/etcd-ipam/v1/addr/%zz/192.168.020.010", "?"),
    ("/etcd-ipam/v1/addr/zone/192.168.020.010", "?"),
];

/// Asks what such a command line asks for: the verdict and what was said.
async fn ask(format: Format, line: &[&str]) -> (Option<Verdict>, Ran) {
    let entries = [&[STORE][..], &RANGES, &WEB, &FOREIGN].concat();
    let context = context(FakeEtcd::of(&entries));
    let line = ["ipamctl", "who"].iter().chain(line);
    let AnyCommand::WithStore(Command::Who(options)) = Cli::try_parse_from(line).unwrap().command
    else {
        panic!("not who");
    };
    let mut verdict = None;
    let ran = ran(format, async |output| {
        verdict = Some(run(&context, output, &options).await?);
        Ok(())
    });
    let ran = ran.await;
    (verdict, ran)
}

async fn asked(line: &[&str]) -> Vec<Value> {
    let (_, ran) = ask(Format::Json, line).await;
    json(&ran).as_array().unwrap().clone()
}

#[tokio::test]
async fn an_address_is_looked_up_in_every_space() {
    let (verdict, ran) = ask(Format::Table, &["192.168.20.10"]).await;
    assert_eq!(verdict, Some(Verdict::Done));
    assert_eq!(
        ran.out,
        "\
ADDRESS          192.168.20.10/24
STATE            allocated
SPACE            default
POD              shop/web-0
UID              u1
CLUSTER          west
NODE             node-1
NETWORK          blue
CONTAINER        c1
INTERFACE        net1
GATEWAY          192.168.20.1
CREATED          2026-11-20T09:00:00Z (3h ago)
PLUGIN           0.1.0
ALSO HOLDS       2001:db8::a in default
COOL-DOWN        60s after its release
MACHINE          m
BOOT             b
RANGE            192.168.20.0-192.168.20.100/24
REVISION         1

ADDRESS          192.168.20.10
STATE            quarantined: \\u{1b}[2J answers ARP
SPACE            red
RANGE            none has it
REVISION         1

ADDRESS          192.168.20.10
STATE            unreadable: the value is not such a record
SPACE            zone
RANGE            none has it
REVISION         1

ADDRESS          192.168.20.10
STATE            free
SPACE            a@192.168.20.0/24
RANGE            192.168.20.10-192.168.20.100/24
"
    );
    assert!(ran.err.contains("addr/zone/192"), "{}", ran.err);
}

#[tokio::test]
async fn the_json_says_all_of_it() {
    let found = asked(&["192.168.20.10/24", "--space=default"]).await;
    assert_eq!(
        Value::Array(found),
        serde_json::json!([{
            "address": "192.168.20.10", "prefix": 24, "gateway": "192.168.20.1",
            "space": "default", "state": "allocated",
            "namespace": "shop", "pod": "web-0", "uid": "u1",
            "cluster": "west", "node": "node-1", "network": "blue", "container": "c1",
            "interface": "net1", "created": "2026-11-20T09:00:00Z", "age_seconds": 10800,
            "plugin": "0.1.0", "machine_id": "m", "boot_id": "b", "rest_seconds": 60,
            "also": [{"address": "2001:db8::a", "space": "default"}],
            "revision": 1, "record_revision": 1,
            "ranges": [{
                "range": "192.168.20.0-192.168.20.100/24", "network": "192.168.20.0/24",
                "gives": true,
            }],
        }])
    );
    let found = asked(&["2001:DB8:0::000A"]).await;
    assert_eq!(found[0]["pod"], "web-0");
    assert_eq!(found[0]["ranges"], serde_json::json!([]));
}

#[tokio::test]
async fn that_nobody_has_it_is_an_answer_of_its_own() {
    let (verdict, ran) = ask(Format::Table, &["192.168.20.99"]).await;
    assert_eq!(verdict, Some(Verdict::Negative));
    let free = ran.out.matches("STATE            free\n").count();
    assert_eq!(free, 2, "{}", ran.out);
    for line in [&["10.0.0.1"][..], &["192.168.20.10", "--space=nope"]] {
        let (verdict, ran) = ask(Format::Json, line).await;
        assert_eq!(verdict, Some(Verdict::Negative), "{line:?}");
        assert_eq!(ran.out, "[]\n");
        assert!(ran.err.contains("is free"), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_range_says_why_it_does_not_give_an_address_out() {
    for (address, why_not) in [
        ("192.168.20.0", "it is the network's first or last address"),
        ("192.168.20.25", "it is excluded"),
    ] {
        let found = asked(&[address, "--space=default"]).await;
        let range = &found[0]["ranges"][0];
        assert_eq!(range["why_not"], why_not, "{address}");
        assert_eq!(range["gives"], false, "{address}");
    }
    let found = asked(&["192.168.20.1", "--space=default"]).await;
    let ranges = found[0]["ranges"].as_array().unwrap();
    assert_eq!(ranges[0]["why_not"], "it is the gateway");
    assert_eq!(ranges[1]["network"], Value::Null);
    assert_eq!(ranges[1]["gives"], false);
}

#[test]
fn an_address_may_carry_its_prefix_length() {
    for text in ["10.0.0.1", "10.0.0.1/24", "2001:DB8::1/64"] {
        assert!(address(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "10.0.0",
        "10.0.0.1/33",
        "10.0.0.1/x",
        "::1/129",
        "web-0",
    ] {
        assert!(address(text).is_err(), "{text}");
    }
}
