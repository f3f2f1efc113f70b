use clap::Parser as _;
use store::coordination::Change;
use store::txn::Header;

use super::*;
use crate::cli::{AnyCommand, Cli, Command};
use crate::testing::{FakeEtcd, Ran, STORE, Told, context, ran};

const WEB: &str = "/etcd-ipam/v1/owner/default/node-1/blue/0123456789abcdef/net1";
const SECOND_V6: &str = "2001:db8::b";

/// A record with this id and these addresses.
fn record(id: &str, addresses: &[&str]) -> String {
    let held = addresses.iter().map(|address| {
        let prefix = if address.contains(':') { 64 } else { 24 };
        serde_json::json!({"space": "default", "address": address, "prefix": prefix})
    });
    serde_json::json!({
        "v": 1, "id": id, "addresses": held.collect::<Vec<_>>(),
        "pod": {"namespace": "shop", "name": "web-0", "uid": "u1"},
        "created": "2026-11-20T09:00:00Z", "plugin": "0.1.0",
    })
    .to_string()
}

fn address(last: u8) -> String {
    format!("/etcd-ipam/v1/addr/default/192.168.020.{last:03}")
}

/// What each change of `changes` (a key, its value before and after) is told as.
fn told(revision: i64, changes: &[(&str, Option<&str>, Option<&str>)]) -> Changes {
    let changes = changes.iter().map(|(key, before, value)| Change {
        key: (*key).to_owned(),
        revision,
        value: value.map(|text| text.as_bytes().to_vec()),
        before: before.map(|text| text.as_bytes().to_vec()),
        created: before.is_none(),
    });
    Changes {
        changes: changes.collect(),
        header: Header {
            revision,
            raft_term: 2,
        },
    }
}

fn interrupted() -> Told {
    Err(EtcdError::Unknown {
        endpoint: "a:1".into(),
        reason: "the watch ended".into(),
    })
}

fn denied() -> Told {
    Err(EtcdError::Denied {
        endpoint: "a:1".into(),
        reason: "permission denied".into(),
    })
}

/// Watches an etcd as such a command line asks for.
async fn watch(etcd: FakeEtcd, line: &[&str]) -> (Ran, Vec<i64>) {
    let context = context(etcd);
    let line = ["ipamctl", "watch"].iter().chain(line);
    let cli = Cli::try_parse_from(line).unwrap();
    let AnyCommand::WithStore(Command::Watch(options)) = cli.command else {
        panic!("not watch");
    };
    let ran = ran(cli.output, async |output| {
        run(&context, output, &options).await
    });
    let ran = ran.await;
    (ran, context.store.etcd().watched())
}

/// The rows of a table, each without its time, with one blank between two cells.
fn rows(ran: &Ran) -> Vec<String> {
    let rows = ran.out.lines().skip(1);
    rows.map(|row| {
        let cells: Vec<_> = row.split_whitespace().skip(1).collect();
        cells.join(" ")
    })
    .collect()
}

async fn seen(changes: &[(&str, Option<&str>, Option<&str>)], line: &[&str]) -> Vec<String> {
    let etcd = FakeEtcd::of(&[STORE]);
    etcd.tell([Ok(told(5, changes))]);
    let line = [&["--for=1s"], line].concat();
    let (ran, _) = watch(etcd, &line).await;
    assert_eq!(
        ran.err,
        "watching the keys under /etcd-ipam, from revision 1 on\n"
    );
    ran.outcome.as_ref().unwrap();
    rows(&ran)
}

#[tokio::test]
async fn what_becomes_of_a_record_is_told_for_each_address() {
    let one = record("a", &["192.168.20.10"]);
    let both = record("a", &["192.168.20.10", "2001:db8::a"]);
    let again = record("b", &["192.168.20.10", "2001:db8::a"]);
    let moved = record("b", &["192.168.20.10", SECOND_V6]);
    let web = |event: &str, address: &str| {
        format!("{event} {address} default shop/web-0 node-1 blue 0123456789ab -")
    };
    let (v4, v6) = ("192.168.20.10/24", "2001:db8::a/64");
    for (before, now, wanted) in [
        (None, Some(&both), vec![("ADDED", v4), ("ADDED", v6)]),
        (Some(&both), None, vec![("RELEASED", v4), ("RELEASED", v6)]),
        (
            Some(&both),
            Some(&again),
            vec![("RENEWED", v4), ("RENEWED", v6)],
        ),
        (
            Some(&one),
            Some(&both),
            vec![("CHANGED", v4), ("ADDED", v6)],
        ),
        (
            Some(&again),
            Some(&moved),
            vec![
                ("RELEASED", v6),
                ("CHANGED", v4),
                ("ADDED", "2001:db8::b/64"),
            ],
        ),
    ] {
        let change = (WEB, before.map(String::as_str), now.map(String::as_str));
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(event, address)| web(event, address))
            .collect();
        assert_eq!(seen(&[change], &[]).await, wanted);
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_any_more_is_told_all_the_same() {
    let broken = [(WEB, Some("{"), None), (WEB, Some("{}"), Some("{"))];
    assert_eq!(
        seen(&broken, &[]).await,
        [
            "RELEASED - - - node-1 blue 0123456789ab -",
            "UNREADABLE - - - node-1 blue 0123456789ab -",
        ]
    );
    // etcd has compacted what it was.
    let etcd = FakeEtcd::of(&[STORE]);
    let now = record("a", &["192.168.20.10"]);
    let mut changes = told(5, &[(WEB, None, Some(&now))]);
    changes.changes[0].created = false;
    etcd.tell([Ok(changes)]);
    let (ran, _) = watch(etcd, &["--for=1s"]).await;
    assert!(rows(&ran)[0].starts_with("CHANGED 192.168.20.10/24"));
}

#[tokio::test]
async fn what_else_becomes_of_an_address_is_told() {
    let attachment = "default/node-1/blue/0123456789abcdef/net1";
    let resting = format!(
        r#"{{"kind":"cooldown","released":"2026-11-20T12:00:00Z","cooldown_s":60,"was":"{attachment}"}}"#
    );
    let reserved = r#"{"kind":"reservation","reason":"a \u001b[2Jprinter"}"#;
    let quarantined = r#"{"kind":"quarantine"}"#;
    let keys: Vec<_> = (0..8).map(address).collect();
    let changes = [
        (keys[0].as_str(), None, Some(attachment)),
        (&keys[1], Some(attachment), None),
        (&keys[2], Some(attachment), Some(resting.as_str())),
        (&keys[3], None, Some(reserved)),
        (&keys[4], Some(reserved), Some(quarantined)),
        (&keys[5], Some(resting.as_str()), None),
        (&keys[6], Some(quarantined), None),
        (&keys[7], None, Some("?")),
        // Not a key of an address.
        ("/etcd-ipam/v1/addr/default/x", None, Some("?")),
    ];
    assert_eq!(
        seen(&changes, &[]).await,
        [
            "RESTING 192.168.20.2 default - node-1 blue 0123456789ab -",
            "RESERVED 192.168.20.3 default - - - - a \\u{1b}[2Jprinter",
            "QUARANTINED 192.168.20.4 default - - - - -",
            "FREED 192.168.20.5 default - - - - -",
            "FREED 192.168.20.6 default - - - - -",
            "UNREADABLE 192.168.20.7 default - - - - the value is not such a record",
        ]
    );
}

#[tokio::test]
async fn filters_hide_addresses_and_not_what_concerns_all() {
    let one = record("a", &["192.168.20.10"]);
    let changes = [
        (WEB, None, Some(one.as_str())),
        (
            "/etcd-ipam/v1/meta/freeze",
            None,
            Some(r#"{"reason":"drill"}"#),
        ),
        ("/etcd-ipam/v1/meta/freeze", Some("{}"), None),
        (
            "/etcd-ipam/v1/gc/west/leader",
            None,
            Some(r#"{"identity":"gc-0"}"#),
        ),
        ("/etcd-ipam/v1/gc/west/leader", None, Some("?")),
        ("/etcd-ipam/v1/gc/west/leader", Some("{}"), None),
        ("/etcd-ipam/v1/gc/west/history", None, Some("{}")),
        ("/etcd-ipam/v1/range/default/x", None, Some("{}")),
    ];
    let of_all = [
        "FROZEN - - - - - - drill",
        "THAWED - - - - - - -",
        "LEADER - - - - - - gc-0, of cluster west",
        "LEADER - - - - - - of cluster west",
        "LEADERLESS - - - - - - of cluster west",
    ];
    let added = "ADDED 192.168.20.10/24 default shop/web-0 node-1 blue 0123456789ab -";
    for (line, count) in [
        (&[][..], 6),
        (&["-n", "shop"], 6),
        (&["--address=192.168.20.0/24"], 6),
        (&["-n", "bank"], 5),
        (&["--node=node-2"], 5),
    ] {
        let rows = seen(&changes, line).await;
        assert_eq!(rows[rows.len() - 5..], of_all);
        assert_eq!(rows.len(), count, "{line:?}");
        assert!(rows[0] == added || count == 5);
    }
}

#[tokio::test]
async fn as_json_each_event_is_a_line() {
    let etcd = FakeEtcd::of(&[STORE]);
    let one = record("a", &["192.168.20.10"]);
    etcd.tell([
        Ok(told(5, &[(WEB, None, Some(&one))])),
        Ok(told(
            6,
            &[("/etcd-ipam/v1/gc/west/leader", Some("{}"), None)],
        )),
    ]);
    let (ran, _) = watch(etcd, &["--for=1s", "-o", "json"]).await;
    let lines = ran
        .out
        .lines()
        .map(serde_json::from_str::<serde_json::Value>);
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(
        lines,
        [
            serde_json::json!({
                "time": "2026-11-20T12:00:00Z", "event": "ADDED", "revision": 5,
                "address": "192.168.20.10", "prefix": 24, "space": "default",
                "namespace": "shop", "pod": "web-0", "uid": "u1",
                "cluster": "default", "node": "node-1", "network": "blue",
                "container": "0123456789abcdef", "interface": "net1",
            }),
            serde_json::json!({
                "time": "2026-11-20T12:00:00Z", "event": "LEADERLESS", "revision": 6,
                "cluster": "west",
            }),
        ]
    );
}

#[tokio::test]
async fn it_goes_on_behind_what_it_has_shown() {
    let etcd = FakeEtcd::of(&[STORE]);
    etcd.set_revision(30);
    let one = record("a", &["192.168.20.10"]);
    let resumed = "watching again, from revision 40 on";
    etcd.tell([Ok(told(40, &[(WEB, None, Some(&one))])), interrupted()]);
    // The store is read before the second watch begins, and was at 30: it went back.
    etcd.tell([denied()]);
    let (ran, watched) = watch(etcd, &[]).await;
    assert_eq!(watched, [31, 31]);
    assert!(ran.err.contains("the watch ended"), "{}", ran.err);
    assert!(ran.err.contains("went back from 40 to 30"), "{}", ran.err);
    assert!(!ran.err.contains(resumed), "{}", ran.err);
    assert!(ran.outcome.unwrap_err().to_string().contains("denied"));

    let etcd = FakeEtcd::of(&[STORE]);
    etcd.set_revision(40);
    etcd.tell([interrupted()]);
    etcd.tell([denied()]);
    let (ran, watched) = watch(etcd, &[]).await;
    assert_eq!(watched, [41, 41]);
    assert!(ran.err.contains(resumed), "{}", ran.err);
    assert!(!ran.err.contains("missing"), "{}", ran.err);
}

#[tokio::test]
async fn it_says_what_etcd_has_forgotten() {
    let etcd = FakeEtcd::of(&[STORE]);
    etcd.set_revision(40);
    etcd.tell([Err(EtcdError::Compacted {
        endpoint: "a:1".into(),
        oldest: 90,
    })]);
    etcd.tell([denied()]);
    let context = context(etcd);
    let options = Options::default();
    let command = ran(Format::Table, async |output| {
        run(&context, output, &options).await
    });
    let etcd = context.store.etcd();
    let time_passes = async {
        while etcd.watched().is_empty() {
            tokio::task::yield_now().await;
        }
        etcd.set_revision(95);
    };
    let (ran, ()) = tokio::join!(command, time_passes);
    assert_eq!(etcd.watched(), [41, 90]);
    assert!(
        ran.err.contains("between the revisions 40 and 90"),
        "{}",
        ran.err
    );
}
