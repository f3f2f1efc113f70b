use std::fmt::Write as _;

use super::*;
use crate::testing::{FakeEtcd, context};

const OWNER: &str = "/etcd-ipam/v1/owner/default/n1/net/a/eth0";

fn range(last: u8) -> (String, String) {
    let key = format!("/etcd-ipam/v1/range/default/10.0.0.1-10.0.0.{last}%2F24");
    let value = format!(
        r#"{{"v":1,"prefix":24,"bounds":["10.0.0.1","10.0.0.{last}"],"seen":"2026-11-20T11:00:00Z"}}"#
    );
    (key, value)
}

fn taken(space: &str, address: u8) -> (String, String) {
    let key = format!("/etcd-ipam/v1/addr/{space}/010.000.000.{address:03}");
    (key, "default/n1/net/a/eth0".to_owned())
}

fn record(created: &str) -> String {
    let mut record = r#"{"v":1,"id":"a","addresses":[],"plugin":"0.1.0""#.to_owned();
    write!(record, r#","created":"{created}"}}"#).unwrap();
    record
}

async fn told(entries: &[(String, String)]) -> Vec<String> {
    let entries = entries
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let context = context(FakeEtcd::of(&entries.collect::<Vec<_>>()));
    let contents = Contents::read(&context).await.unwrap();
    let mut findings = Findings::default();
    contents.judge(false, context.store.clock().wall(), &mut findings);
    findings.bad()
}

#[tokio::test]
async fn ranges_that_fill_up_are_named() {
    let of = |count: u8| {
        let mut entries: Vec<_> = (1..=count)
            .map(|address| taken("default", address))
            .collect();
        // Another space's do not count.
        entries.extend((1..=100).map(|address| taken("other", address)));
        entries.push(range(100));
        entries
    };
    assert_eq!(told(&of(90)).await, [""; 0]);
    assert_eq!(
        told(&of(91)).await,
        [
            "warning ranges: the range 10.0.0.1-10.0.0.100 of space default is 91% full, 9 addresses are free"
        ]
    );
    assert_eq!(
        told(&of(100)).await,
        [
            "problem ranges: the range 10.0.0.1-10.0.0.100 of space default is 100% full, 0 addresses are free"
        ]
    );
}

#[tokio::test]
async fn damaged_keys_are_counted_and_some_are_named() {
    let mut entries = vec![(OWNER.to_owned(), "garbage".to_owned())];
    assert_eq!(
        told(&entries).await,
        [format!(
            "warning values: 1 keys cannot be read and count as taken: {OWNER} (the value is not such a record)"
        )]
    );
    entries.extend((1..=9).map(|address| {
        let (key, _) = taken("default", address);
        (key, "\u{1b}".to_owned())
    }));
    entries.push(("/etcd-ipam/v1/range/x/y".to_owned(), "[]".to_owned()));
    let told = told(&entries).await;
    assert!(told[0].starts_with("warning values: 11 keys"), "{told:?}");
    assert!(told[0].ends_with(" and others"), "{told:?}");
}

#[tokio::test]
async fn a_record_from_the_future_shows_that_a_nodes_clock_is_ahead() {
    for (created, is_well) in [
        ("2026-11-20T12:00:30.000Z", true),
        ("2026-11-20T12:10:00.000Z", false),
        ("yesterday", true),
    ] {
        let told = told(&[(OWNER.to_owned(), record(created))]).await;
        assert_eq!(told.is_empty(), is_well, "{told:?}");
    }
}
