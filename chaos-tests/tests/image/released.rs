//! What `make release` makes. Any programs will do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use chaos_tests::engine::Engine;
use chaos_tests::host::mode;
use chaos_tests::process::{self, Finish};
use tempfile::TempDir;

use crate::shop::{self, engine};

const GUIDE: &str = include_str!("../../../docs/releases.md");

const PROGRAMS: [&str; 3] = ["etcd-ipam", "ipamctl", "lease-gc"];

/// Makes a release in this directory, of programs and a bill of materials that `home` has.
fn release(engine: &Engine, home: &Path, into: &Path) -> Result<()> {
    let mut command = engine.command(shop::root()?.join("scripts/release.sh"));
    command
        .arg(into)
        .env("ETCD_IPAM_BIN_DIR", home)
        .env("BILL_OF_MATERIALS", home.join("bill"));
    let said = process::run(command, "", Finish::Normal)?;
    ensure!(said.status.success(), "{said:?}");
    assert_eq!(said.stdout.trim_end(), into.display().to_string());
    Ok(())
}

fn names(dir: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(dir)?;
    let name = |entry: std::io::Result<fs::DirEntry>| {
        Ok(entry?.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}

/// What the guide says that there is.
fn promised() -> BTreeSet<String> {
    let (_, table) = GUIDE.split_once("## What is in one").unwrap_or_default();
    let (table, _) = table.split_once("\n## ").unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| Some(row.split_once('`')?.0));
    names.map(str::to_owned).collect()
}

/// What a program says in a directory, if it does what it is asked for.
fn said(dir: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir);
    let said = process::run(command, "", Finish::Normal)?;
    ensure!(said.status.success(), "{said:?}");
    Ok(said.stdout)
}

#[test]
fn a_release_is_what_the_guide_says_and_the_same_each_time() -> Result<()> {
    let test = "a_release_is_what_the_guide_says_and_the_same_each_time";
    let Some(engine) = engine(test)? else {
        return Ok(());
    };
    let home = TempDir::new()?;
    for name in PROGRAMS.into_iter().chain(["bill"]) {
        fs::write(home.path().join(name), name)?;
    }
    let [first, second] = ["first", "second"].map(|name| home.path().join(name));
    // What lies there of an earlier release is none of this one.
    fs::create_dir(&first)?;
    fs::write(first.join("left-behind"), "")?;
    release(&engine, home.path(), &first)?;
    assert_eq!(names(&first)?, promised());
    said(&first, "sha256sum", &["--check", "--quiet", "SHA256SUMS"])?;
    release(&engine, home.path(), &second)?;
    let sums = |dir: &Path| fs::read_to_string(dir.join("SHA256SUMS"));
    assert_eq!(sums(&first)?, sums(&second)?);

    let name = concat!("etcd-ipam-", env!("CARGO_PKG_VERSION"));
    let file = |end: &str| format!("{name}{end}");
    said(&first, "tar", &["-xf", &file("-linux-x86_64.tar.gz")])?;
    let programs = first.join(file("-linux-x86_64"));
    let more = ["CHANGELOG.md", "LICENSE", "README.md"];
    let wanted = PROGRAMS.into_iter().chain(more).map(str::to_owned);
    assert_eq!(names(&programs)?, wanted.collect());
    for name in PROGRAMS {
        assert_eq!(fs::read_to_string(programs.join(name))?, name);
        assert_eq!(mode(&programs.join(name))?, 0o755);
    }

    let chart = said(&first, "tar", &["-tf", &file("-chart.tgz")])?;
    for path in ["etcd-ipam/Chart.yaml", "etcd-ipam/templates/node.yaml"] {
        assert!(chart.lines().any(|line| line == path), "{chart}");
    }
    let manifests = said(&first, "tar", &["-tf", &file("-manifests.tar.gz")])?;
    let base = format!("{name}-manifests/deploy/kustomize/base/kustomization.yaml");
    assert!(manifests.lines().any(|line| line == base), "{manifests}");
    assert!(!manifests.contains("/demo/"), "{manifests}");
    let rendered = fs::read_to_string(first.join(file(".yaml")))?;
    assert!(rendered.contains("kind: DaemonSet"), "{rendered}");

    let archive = first.join(file("-image-linux-x86_64.tar"));
    engine.podman([
        "image",
        "rm",
        concat!("etcd-ipam:", env!("CARGO_PKG_VERSION")),
    ])?;
    engine.podman(["load", "--quiet", "-i", &archive.display().to_string()])?;
    let loaded = concat!("localhost/etcd-ipam:", env!("CARGO_PKG_VERSION"));
    let digest = engine.podman(["image", "inspect", "--format", "{{.Digest}}", loaded])?;
    assert_eq!(
        digest,
        fs::read_to_string(first.join(file("-image-linux-x86_64.digest")))?
    );
    Ok(())
}
