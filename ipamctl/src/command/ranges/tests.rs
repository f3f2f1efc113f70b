use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};

const SMALL: (&str, &str) = (
    "/etcd-ipam/v1/range/default/192.168.20.10-192.168.20.100%2F24",
    r#"{"v":1,"prefix":24,"bounds":["192.168.20.10","192.168.20.100"],
        "excludes":[["192.168.20.20","192.168.20.29"],["192.168.20.50","192.168.20.50"]],
        "gateway":"192.168.20.1","seen":"2026-11-20T11:00:00Z"}"#,
);
const LARGE: (&str, &str) = (
    "/etcd-ipam/v1/range/blue/2001%3Adb8%3A%3A1-2001%3Adb8%3A%3Affff%3Affff%3Affff%3Affff%2F64",
    r#"{"v":1,"prefix":64,"bounds":["2001:db8::1","2001:db8::ffff:ffff:ffff:ffff"],
        "seen":"2026-11-20T11:00:00Z"}"#,
);
const ODD: (&str, &str) = (
    "/etcd-ipam/v1/range/odd/x",
    r#"{"v":1,"prefix":64,"bounds":["10.0.0.1","10.0.0.9"],"seen":"?"}"#,
);
const TAKEN: [(&str, &str); 5] = [
    (
        "/etcd-ipam/v1/addr/default/192.168.020.010",
        "default/node-1/blue/c1/net1",
    ),
    (
        "/etcd-ipam/v1/addr/default/192.168.020.011",
        r#"{"kind":"cooldown","released":"2026-11-20T11:00:00Z","cooldown_s":60,"was":"a/b/c/d/e"}"#,
    ),
    (
        "/etcd-ipam/v1/addr/default/192.168.020.012",
        r#"{"kind":"reservation"}"#,
    ),
    ("/etcd-ipam/v1/addr/default/192.168.020.013", "\u{1}garbage"),
    // Excluded, so it does not count.
    (
        "/etcd-ipam/v1/addr/default/192.168.020.020",
        "default/node-1/blue/c2/net1",
    ),
];

async fn list(format: Format, entries: &[(&str, &str)]) -> Ran {
    let context = context(FakeEtcd::of(entries));
    ran(format, async |output| run(&context, output).await).await
}

#[tokio::test]
async fn the_table_says_how_full_each_range_is() {
    let entries = [&[STORE, SMALL, LARGE][..], &TAKEN[..]].concat();
    let listed = list(Format::Table, &entries).await;
    assert_eq!(
        listed.out,
        "\
SPACE     RANGE                                          GATEWAY        USED   RESTING   RESERVED                   FREE                  TOTAL   FULL
blue      2001:db8::1-2001:db8::ffff:ffff:ffff:ffff/64   -                 0         0          0   18446744073709551615   18446744073709551615     0%
default   192.168.20.10-192.168.20.100/24                192.168.20.1      1         1          2                     76                     80     5%
"
    );
    assert_eq!(listed.err, "");
    listed.outcome.unwrap();
}

#[tokio::test]
async fn the_json_keeps_large_numbers_exact() {
    let entries = [&[STORE, SMALL, LARGE][..], &TAKEN[..]].concat();
    let listed = list(Format::Json, &entries).await;
    assert_eq!(
        json(&listed),
        serde_json::json!([
            {
                "space": "blue", "network": "2001:db8::/64", "first": "2001:db8::1",
                "last": "2001:db8::ffff:ffff:ffff:ffff", "excludes": [],
                "allocated": 0, "resting": 0, "reserved": 0,
                "free": "18446744073709551615", "total": "18446744073709551615",
                "seen": "2026-11-20T11:00:00Z",
            },
            {
                "space": "default", "network": "192.168.20.0/24", "first": "192.168.20.10",
                "last": "192.168.20.100", "gateway": "192.168.20.1",
                "excludes": ["192.168.20.20-192.168.20.29", "192.168.20.50"],
                "allocated": 1, "resting": 1, "reserved": 2, "free": 76, "total": 80,
                "seen": "2026-11-20T11:00:00Z",
            },
        ])
    );
}

#[tokio::test]
async fn what_cannot_be_a_range_is_named() {
    let broken = ("/etcd-ipam/v1/range/default/broken", "[]");
    let listed = list(Format::Table, &[STORE, ODD, broken]).await;
    assert_eq!(listed.out.lines().count(), 2);
    assert!(
        listed.out.trim_end().ends_with("0       0      -"),
        "{}",
        listed.out
    );
    assert!(
        listed.err.contains("range/default/broken"),
        "{}",
        listed.err
    );
    assert!(
        listed.err.contains("10.0.0.1-10.0.0.9/64"),
        "{}",
        listed.err
    );
    listed.outcome.unwrap();
}

#[tokio::test]
async fn without_ranges_the_table_is_empty() {
    let listed = list(Format::Json, &[STORE]).await;
    assert_eq!(
        (listed.out.as_str(), listed.err.as_str()),
        ("[]\n", "no ranges\n")
    );
    assert!(list(Format::Json, &[]).await.outcome.is_err());
}
