//! System calls of a call, by `strace`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use chaos_tests::etcd::Options;
use serde_json::json;

use crate::Bench;
use crate::plugin::{Plugin, Setting, Spool};
use crate::servers::{Way, born, born_with_tls};
use crate::table::Table;
use crate::taken::Taken;
use crate::tool;

/// The pod of the call that is watched; those before it do what is done once for a network.
const POD: u64 = 2;
/// Those that have a column of their own: what waits for a disk or for etcd, and what costs most.
const SHOWN: [&str; 8] = [
    "fsync",
    "rename",
    "openat",
    "connect",
    "sendto",
    "recvfrom",
    "epoll_wait",
    "mmap",
];

/// Counts those of each verb.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    if !tool::is_here("strace") {
        bench.report.skip("system calls", "strace is not installed");
        return Ok(());
    }
    let (plain, secure) = (born(Options::default())?, born_with_tls()?);
    let ranges = json!([[Taken::lowest(0).range()]]);
    let mut plugins = Vec::new();
    for (name, order, way) in [
        ("lowest", "lowest", Way::to(&plain)),
        ("spread", "spread", Way::to(&plain)),
        ("lowest, mTLS", "lowest", Way::to(&secure)),
    ] {
        let setting = Setting {
            way: &way,
            order,
            space: &name.replace(", ", "-"),
            ranges: ranges.clone(),
            spool: Spool::Disk,
        };
        plugins.push((name, Plugin::ours(&setting)?));
    }
    if let Some(plugin) = Plugin::host_local(&ranges)? {
        plugins.push(("host-local", plugin));
    }
    let home = tempfile::tempdir()?;
    let mut table = Table::new(["system calls", "verb", "all"].into_iter().chain(SHOWN));
    for (name, mut plugin) in plugins {
        for pod in 0..POD {
            for verb in ["ADD", "DEL"] {
                plugin.timed(verb, pod)?;
            }
        }
        let file = home.path().join("counts");
        plugin.run_under(strace(&file));
        for verb in ["VERSION", "ADD", "DEL"] {
            plugin.timed(verb, POD)?;
            let counts = read(&std::fs::read_to_string(&file)?);
            let all = counts.values().sum::<u64>();
            let shown = SHOWN.map(|call| counts.get(call).copied().unwrap_or(0).to_string());
            let cells = [name.to_owned(), verb.to_owned(), all.to_string()];
            table.row(&[&cells[..], &shown[..]].concat());
        }
    }
    bench.report.table(
        "System calls",
        &table,
        "By `strace -f -c`, one call of each, after others of the same network.",
    );
    Ok(())
}

fn strace(file: &Path) -> Vec<OsString> {
    ["strace", "-f", "-c", "-o"]
        .into_iter()
        .map(OsString::from)
        .chain([file.into()])
        .collect()
}

/// Reads the counts by the name of the call. A line is: % time, seconds, µs/call, calls, errors if
/// there were any, name.
fn read(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, count) = (words.last()?, words.get(3)?.parse().ok()?);
        (*name != "total" && words.first()?.parse::<f64>().is_ok())
            .then(|| ((*name).to_owned(), count))
    });
    lines.collect()
}
