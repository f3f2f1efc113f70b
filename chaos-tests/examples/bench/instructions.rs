//! Instructions of a call, by callgrind: the same on a busy machine as on a quiet one.
//!
//! What is shipped has no symbols, so the functions are those of another build of the same code, which
//! `scripts/bench.sh` makes and names in `$ETCD_IPAM_SYMBOLS`.

mod profile;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chaos_tests::etcd::Options;
use serde_json::json;

use self::profile::Profile;
use crate::Bench;
use crate::plugin::{Plugin, Setting, Spool};
use crate::servers::{Way, born, born_with_tls};
use crate::table::Table;
use crate::taken::Taken;
use crate::tool;

/// Where the build with symbols is.
const SYMBOLS: &str = "ETCD_IPAM_SYMBOLS";
/// The middle one of so many runs is shown.
const RUNS: u64 = 5;
/// How many functions are named of each call.
const FUNCTIONS: usize = 25;

/// Counts those of each verb, and says where they go.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    for program in ["valgrind", "callgrind_annotate"] {
        if !tool::is_here(program) {
            let reason = format!("{program} is not installed");
            bench.report.skip("instructions", &reason);
            return Ok(());
        }
    }
    let symbols = std::env::var_os(SYMBOLS).map(PathBuf::from);
    let (plain, secure) = (born(Options::default())?, born_with_tls()?);
    let runs = bench.effort.choose(RUNS, 1);
    let mut table = Table::new(["instructions, millions", "VERSION", "ADD", "DEL"]);
    let mut profiles = Vec::new();
    for (name, order, way) in [
        ("lowest", "lowest", Way::to(&plain)),
        ("spread", "spread", Way::to(&plain)),
        ("lowest, mTLS", "lowest", Way::to(&secure)),
    ] {
        let mut plugin = Plugin::ours(&Setting {
            way: &way,
            order,
            space: &name.replace(", ", "-"),
            ranges: json!([[Taken::lowest(0).range()]]),
            spool: Spool::Disk,
        })?;
        if let Some(program) = &symbols {
            plugin.set_program(program.clone());
        }
        for verb in ["ADD", "DEL"] {
            plugin.timed(verb, 0)?;
        }
        let calls = match profile(&mut plugin, runs) {
            Ok(calls) => calls,
            Err(error) => {
                let what = format!("instructions, {name}");
                bench.report.skip(&what, &format!("{error:#}"));
                continue;
            }
        };
        let millions = calls.iter().map(|(_, profile)| profile.millions());
        let row: Vec<_> = [name.to_owned()].into_iter().chain(millions).collect();
        table.row(&row);
        profiles.extend(
            calls
                .into_iter()
                .map(|(verb, profile)| (name, verb, profile)),
        );
    }
    bench.report.table(
        "Instructions",
        &table,
        &format!("By callgrind, user space only; the middle one of {runs} runs."),
    );
    if symbols.is_none() {
        let reason = format!("${SYMBOLS} names no build with symbols (scripts/bench.sh makes one)");
        bench.report.skip("instructions by function", &reason);
        return Ok(());
    }
    for (name, verb, profile) in profiles {
        let is_shown = name != "spread" && (verb != "VERSION" || name == "lowest");
        if is_shown {
            functions(bench, name, verb, &profile);
        }
    }
    Ok(())
}

/// The middle one of some runs of each verb.
fn profile(plugin: &mut Plugin, runs: u64) -> Result<Vec<(&'static str, Profile)>> {
    let home = tempfile::tempdir()?;
    let mut profiles = Vec::new();
    let verbs = ["VERSION", "ADD", "DEL"];
    for verb in verbs {
        profiles.push((verb, Vec::new()));
    }
    for pod in 1..=runs {
        for (verb, profiles) in &mut profiles {
            let file = home.path().join(format!("{verb}.{pod}"));
            plugin.run_under(valgrind(&file));
            // Fifty times slower than by itself, on a busy machine it may not end in its time.
            if let Err(error) = plugin.timed(verb, pod) {
                eprintln!("{error:#}");
                continue;
            }
            profiles.push(Profile::read(&file)?);
        }
    }
    let middle = |(verb, mut profiles): (&'static str, Vec<Profile>)| {
        profiles.sort_by_key(Profile::total);
        let middle = profiles.len() / 2;
        let middle = profiles.into_iter().nth(middle);
        Ok((
            verb,
            middle.with_context(|| format!("no {verb} ended in its time"))?,
        ))
    };
    profiles.into_iter().map(middle).collect()
}

fn functions(bench: &mut Bench, name: &str, verb: &str, profile: &Profile) {
    let mut table = Table::new([verb, "share"]);
    for (function, share) in profile.functions().take(FUNCTIONS) {
        table.row(&[format!("`{function}`"), format!("{share:.1} %")]);
    }
    bench.report.table(
        &format!("Where the instructions of {verb} go ({name})"),
        &table,
        "Each with all that it calls.",
    );
}

fn valgrind(file: &Path) -> Vec<std::ffi::OsString> {
    let out = format!("--callgrind-out-file={}", file.display());
    vec![
        "valgrind".into(),
        "--tool=callgrind".into(),
        "--quiet".into(),
        out.into(),
    ]
}
