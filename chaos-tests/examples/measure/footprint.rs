//! What it takes: bytes on disk, in memory and in etcd.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::binaries;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::layout::Layout;
use chaos_tests::raw::Raw;
use serde_json::{Value, json};

use crate::counting::{Counting, SCENES, Taken};
use crate::processes::born;
use crate::runner::{Runner, Spool};
use crate::table::Table;

/// How often a process is run for its greatest peak.
const RUNS: u64 = 20;
/// How many attachments grow the database.
const ATTACHMENTS: usize = 2000;
/// etcd commits what it was given to its file every 100 ms.
const COMMITTED: Duration = Duration::from_millis(500);

/// Measures all of it.
pub(crate) fn measure() -> Result<()> {
    on_disk()?;
    in_memory()?;
    in_etcd()
}

fn on_disk() -> Result<()> {
    let mut table = Table::new(["binary", "bytes"]);
    for (name, path) in [
        ("etcd-ipam", binaries::plugin()),
        ("ipamctl", binaries::ipamctl()),
        ("lease-gc", binaries::collector()),
    ] {
        let bytes = match path {
            Ok(path) => std::fs::metadata(path)?.len().to_string(),
            Err(_) => "not built".to_owned(),
        };
        table.row(&[name.to_owned(), bytes]);
    }
    table.print("On disk", "Static and stripped, as they are shipped.");
    Ok(())
}

fn in_memory() -> Result<()> {
    let (plain, secure) = (
        born(Options::default())?,
        born(Options {
            tls: true,
            ..Options::default()
        })?,
    );
    let crowded = SCENES
        .iter()
        .find(|scene| scene.is_slash_16() && matches!(scene.taken, Taken::FromTheBottom(_)));
    let crowded = crowded.context("no such scene")?;
    Counting::new(&plain, 1)?.fill(crowded)?;
    let range = json!({"subnet": "10.16.0.0/16"});
    let ours = |name, etcd, space| Runner::ours(name, etcd, "lowest", Spool::Disk, (space, &range));
    let runners = [
        ours("etcd-ipam, /16 empty", &plain, "empty")?,
        ours("etcd-ipam, /16 with 60,000 taken", &plain, crowded.name)?,
        ours("etcd-ipam, /16 empty, mTLS", &secure, "empty")?,
        Runner::host_local(&range)?,
    ];
    let mut table = Table::new(["KiB", "ADD", "DEL"]);
    for runner in &runners {
        table.row(&[
            runner.name.to_owned(),
            greatest(runner, "ADD")?,
            greatest(runner, "DEL")?,
        ]);
    }
    table.print(
        "Peak resident memory of a process",
        &format!(
            "Greatest of {RUNS} runs, order `lowest`. It includes the pages of the binary that \
             were used."
        ),
    );
    Ok(())
}

fn greatest(runner: &Runner, verb: &str) -> Result<String> {
    let mut greatest = None;
    for pod in 0..RUNS {
        greatest = greatest.max(runner.peak(verb, pod)?);
    }
    let greatest = greatest.context("every run was too fast to be looked at")?;
    Ok(greatest.to_string())
}

fn in_etcd() -> Result<()> {
    let mut table = Table::new([
        "addresses",
        "keys",
        "keys and values",
        "growth of the database",
    ]);
    let v4 = json!([[{"subnet": "10.60.0.0/16"}]]);
    let both = json!([[{"subnet": "10.60.0.0/16"}], [{"subnet": "fd00:60::/64"}]]);
    for (name, ranges) in [("IPv4", &v4), ("IPv4 and IPv6", &both)] {
        let etcd = born(Options::default())?;
        let written = one_attachment(&etcd, ranges)?;
        let bytes: usize = written
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        table.row(&[
            name.to_owned(),
            written.len().to_string(),
            bytes.to_string(),
            growth(&etcd.raw()?, &written)?.to_string(),
        ]);
    }
    table.print(
        "Bytes in etcd per attachment",
        &format!(
            "A container ID of 64 digits, a pod with namespace, name and UID. The growth is that \
             of the space in use, per attachment, over {ATTACHMENTS} of them; a release adds its \
             own revisions until etcd compacts them away."
        ),
    );
    Ok(())
}

/// What the plugin writes for one attachment.
fn one_attachment(etcd: &EtcdServer, ranges: &Value) -> Result<Vec<(String, String)>> {
    let runner = Runner::ours_with(
        "etcd-ipam",
        etcd,
        "lowest",
        Spool::Disk,
        ("default", ranges),
    )?;
    runner.timed("ADD", 0)?;
    let layout = Layout::default();
    let mut written = Vec::new();
    for root in [layout.addresses(), layout.owners()] {
        for (key, value) in etcd.raw()?.list(&root)? {
            written.push((String::from_utf8(key)?, String::from_utf8(value)?));
        }
    }
    Ok(written)
}

/// How much the space in use grows with each of many like this one (bytes). They differ from it in
/// the container's ID and in the end of the address, and not in length.
fn growth(raw: &Raw, like: &[(String, String)]) -> Result<usize> {
    let before = in_use(raw)?;
    let one = format!("{:064x}", 0);
    let entries = (1..=ATTACHMENTS).flat_map(|number| {
        let other = format!("{number:064x}");
        let one = &one;
        like.iter().map(move |(key, value)| {
            let key = if key.contains(one) {
                key.replace(one, &other)
            } else {
                let kept = key.len().saturating_sub(4);
                format!("{}{number:04}", key.get(..kept).unwrap_or_default())
            };
            (key, value.replace(one, &other))
        })
    });
    raw.put_all(entries)?;
    Ok((in_use(raw)? - before) / ATTACHMENTS)
}

fn in_use(raw: &Raw) -> Result<usize> {
    thread::sleep(COMMITTED);
    let status = raw.ask(async |client| client.status().await)?;
    Ok(status.raft_used_db_size().try_into()?)
}
