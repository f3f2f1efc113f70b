use super::*;
use crate::archive::{self, Header, Line};
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};

const OWNER: (&str, &str) = (
    "/etcd-ipam/v1/owner/default/node-1/blue/c1/net1",
    r#"{"v":1,"id":"a","addresses":[{"space":"default","address":"10.0.0.5","prefix":24,"later":1}],
        "pod":{"name":"web-0","later":true},"created":"2026-11-20T09:00:00Z","plugin":"0.1.0",
        "from":"the future"}"#,
);
const HELD: (&str, &str) = (
    "/etcd-ipam/v1/addr/default/010.000.000.005",
    "default/node-1/blue/c1/net1",
);

async fn exported(entries: &[(&str, &str)]) -> (Header, Vec<Line>, Ran) {
    let context = context(FakeEtcd::of(entries));
    let options = Options { file: "-".into() };
    let ran = ran(Format::Table, async |output| {
        run(&context, output, &options).await
    });
    let ran = ran.await;
    let mut lines = Vec::new();
    let header = archive::read(ran.out.as_bytes(), |_, line| lines.push(line)).unwrap();
    (header, lines, ran)
}

#[tokio::test]
async fn an_attachment_is_one_line_with_all_that_a_newer_version_wrote() {
    let (header, lines, ran) = exported(&[STORE, OWNER, HELD]).await;
    assert_eq!(header.store_id, "s1");
    assert_eq!(header.exported, "2026-11-20T12:00:00Z");
    let [Line::Owner { node, record, .. }] = lines.as_slice() else {
        panic!("{}", ran.out);
    };
    assert_eq!(node, "node-1");
    let stored: serde_json::Value = serde_json::from_str(OWNER.1).unwrap();
    assert_eq!(*record, stored);
    assert_eq!(
        ran.err,
        "exported as of revision 1: 1 attachments, 0 rests and reservations, 0 ranges\n"
    );
}

#[tokio::test]
async fn what_is_of_this_store_alone_stays_here() {
    let alone = [
        ("/etcd-ipam/v1/meta/freeze", r#"{"reason":"racks"}"#),
        ("/etcd-ipam/v1/gc/default/leader", "{}"),
        ("/etcd-ipam/v1/gc/default/history", "{}"),
        ("/etcd-ipam/v1/gc/default/identity", "u-1"),
        ("/etcd-ipam/v1/node/default/n1/report", "{}"),
        ("/etcd-ipam/v10/owner/x", "another store's"),
        STORE,
    ];
    let (header, lines, _) = exported(&alone).await;
    assert_eq!(header.frozen.as_deref(), Some("racks"));
    let cluster = Line::Cluster {
        cluster: "default".into(),
        uid: "u-1".into(),
    };
    assert_eq!(lines, [cluster]);
}

#[tokio::test]
async fn whatever_cannot_be_read_is_there_as_it_is() {
    let damaged = [
        ("/etcd-ipam/v1/addr/default/010.000.000.006", "\u{1b}[2J"),
        ("/etcd-ipam/v1/addr/default/nonsense", "x"),
        ("/etcd-ipam/v1/lent/default", "of a newer version"),
        ("/etcd-ipam/v1/owner/default/n/net/c/net1", "{}"),
        ("/etcd-ipam/v1/range/default/10.0.0.0-10.0.0.9%2F24", "{}"),
        STORE,
        HELD,
    ];
    let (_, lines, ran) = exported(&damaged).await;
    let keys: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Damaged { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, damaged.map(|(key, _)| key)[..5]);
    // The holder of that address has no record.
    assert!(matches!(lines.last(), Some(Line::Orphan { holder, .. }) if holder == HELD.1));
    assert!(
        ran.err.contains("1 addresses have no record, and 5 keys"),
        "{}",
        ran.err
    );
    assert!(!ran.out.contains('\u{1b}'));
}

#[tokio::test]
async fn a_record_that_names_the_address_of_another_does_not_hide_that_one() {
    let other = (
        "/etcd-ipam/v1/addr/default/010.000.000.005",
        "default/node-1/blue/c2/net1",
    );
    let (_, lines, _) = exported(&[STORE, OWNER, other]).await;
    assert!(matches!(lines.first(), Some(Line::Owner { .. })));
    assert!(matches!(lines.last(), Some(Line::Orphan { holder, .. }) if holder == other.1));
}

#[tokio::test]
async fn a_file_gets_the_lines_and_the_result_says_how_many() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("export");
    let context = context(FakeEtcd::of(&[STORE, OWNER, HELD]));
    let options = Options { file: file.clone() };
    let ran = ran(Format::Json, async |output| {
        run(&context, output, &options).await
    });
    let result = json(&ran.await);
    assert_eq!(result["file"], file.display().to_string());
    assert_eq!(result["owners"], 1);
    let mut lines = 0;
    archive::read(std::fs::read(&file).unwrap().as_slice(), |_, _| lines += 1).unwrap();
    assert_eq!(lines, 1);
}

#[tokio::test]
async fn without_a_store_nothing_is_exported() {
    let context = context(FakeEtcd::of(&[OWNER]));
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        file: home.path().join("export"),
    };
    let ran = ran(Format::Table, async |output| {
        run(&context, output, &options).await
    });
    let error = ran.await.outcome.unwrap_err().to_string();
    assert!(error.contains("not initialised"), "{error}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
