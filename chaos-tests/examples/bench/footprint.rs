//! What it takes: bytes on disk, in memory and in etcd.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::binaries;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::layout::Layout;
use chaos_tests::raw::Raw;
use serde_json::{Value, json};

use crate::Bench;
use crate::plugin::{Plugin, Setting, Spool};
use crate::servers::{Way, born, born_with_tls};
use crate::stats::Figure;
use crate::table::Table;
use crate::taken::Taken;
use crate::target::Asked::AtMost;

/// How often a process is run for its greatest peak.
const RUNS: u64 = 20;
/// How many attachments grow the database.
const ATTACHMENTS: usize = 2000;
/// etcd commits what it was given to its file every 100 ms.
const COMMITTED: Duration = Duration::from_millis(500);

/// Measures all of it.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    on_disk(bench)?;
    in_memory(bench)?;
    in_etcd(bench)
}

fn on_disk(bench: &mut Bench) -> Result<()> {
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
    bench.report.table(
        "On disk",
        &table,
        "Static and stripped, as they are shipped.",
    );
    let bytes = std::fs::metadata(binaries::plugin()?)?.len();
    let megabytes = Figure::exact(float(bytes)? / 1e6);
    bench
        .report
        .target("plugin binary", AtMost(5.0), megabytes, "MB");
    Ok(())
}

fn in_memory(bench: &mut Bench) -> Result<()> {
    let (plain, secure) = (born(Options::default())?, born_with_tls()?);
    let (empty, crowded) = (
        Taken::lowest(0),
        Taken::lowest(bench.effort.choose(60_000, 600)),
    );
    crowded.in_etcd(&plain, "crowded")?;
    let ours = |etcd: &EtcdServer, space, scene: &Taken| {
        Plugin::ours(&Setting {
            way: &Way::to(etcd),
            order: "lowest",
            space,
            ranges: json!([[scene.range()]]),
            spool: Spool::Disk,
        })
    };
    let mut plugins = vec![
        ("etcd-ipam, /16 empty", ours(&plain, "empty", &empty)?),
        (
            "etcd-ipam, /16 with 60,000 taken",
            ours(&plain, "crowded", &crowded)?,
        ),
        (
            "etcd-ipam, /16 empty, mTLS",
            ours(&secure, "empty", &empty)?,
        ),
    ];
    let host_local = Plugin::host_local(&json!([[empty.range()]]))?;
    plugins.extend(host_local.map(|plugin| ("host-local", plugin)));
    let runs = bench.effort.choose(RUNS, 2);
    let mut table = Table::new(["KiB", "ADD", "DEL"]);
    for (index, (name, plugin)) in plugins.iter().enumerate() {
        let (add, del) = (
            greatest(plugin, "ADD", runs)?,
            greatest(plugin, "DEL", runs)?,
        );
        table.row(&[(*name).to_owned(), add.to_string(), del.to_string()]);
        if index == 0 {
            let megabytes = Figure::exact(float(add * 1024)? / 1e6);
            let what = "peak memory of an ADD";
            bench.report.target(what, AtMost(8.0), megabytes, "MB");
        }
    }
    bench.report.table(
        "Peak resident memory of a process",
        &table,
        &format!(
            "Greatest of {runs} runs, order `lowest`. It includes the pages of the binary that \
             were used."
        ),
    );
    Ok(())
}

fn greatest(plugin: &Plugin, verb: &str, runs: u64) -> Result<u64> {
    let mut greatest = None;
    for pod in 0..runs {
        greatest = greatest.max(plugin.peak(verb, pod)?);
    }
    greatest.context("every run was too fast to be looked at")
}

fn in_etcd(bench: &mut Bench) -> Result<()> {
    let mut table = Table::new([
        "addresses",
        "keys",
        "keys and values",
        "growth of the database",
    ]);
    let v4 = json!([[{"subnet": "10.60.0.0/16"}]]);
    let both = json!([[{"subnet": "10.60.0.0/16"}], [{"subnet": "fd00:60::/64"}]]);
    let attachments = bench.effort.choose(ATTACHMENTS, 100);
    for (name, ranges, asked) in [
        ("IPv4", &v4, Some(AtMost(900.0))),
        ("IPv4 and IPv6", &both, None),
    ] {
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
            growth(&etcd.raw()?, &written, attachments)?.to_string(),
        ]);
        if let Some(asked) = asked {
            let bytes = Figure::exact(float(bytes.try_into()?)?);
            let what = "bytes in etcd per attachment";
            bench.report.target(what, asked, bytes, "B");
        }
    }
    bench.report.table(
        "Bytes in etcd per attachment",
        &table,
        &format!(
            "A container ID of 64 digits, a pod with namespace, name and UID. The growth is that \
             of the space in use, per attachment, over {attachments} of them; a release adds its \
             own revisions until etcd compacts them away."
        ),
    );
    Ok(())
}

fn float(number: u64) -> Result<f64> {
    Ok(u32::try_from(number)?.into())
}

/// What the plugin writes for one attachment.
fn one_attachment(etcd: &EtcdServer, ranges: &Value) -> Result<Vec<(String, String)>> {
    let plugin = Plugin::ours(&Setting {
        way: &Way::to(etcd),
        order: "lowest",
        space: "default",
        ranges: ranges.clone(),
        spool: Spool::Disk,
    })?;
    plugin.timed("ADD", 0)?;
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
fn growth(raw: &Raw, like: &[(String, String)], attachments: usize) -> Result<usize> {
    let before = in_use(raw)?;
    let one = format!("{:064x}", 0);
    let entries = (1..=attachments).flat_map(|number| {
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
    Ok((in_use(raw)? - before) / attachments)
}

fn in_use(raw: &Raw) -> Result<usize> {
    thread::sleep(COMMITTED);
    let status = raw.ask(async |client| client.status().await)?;
    Ok(status.raft_used_db_size().try_into()?)
}
