//! `ipamctl repair`: what two reports agree on is put right, and nothing else.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::kubernetes::pod;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::process::{self, Finish, Output};
use chaos_tests::reconciling::Scene;
use chaos_tests::record::record;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Reports, and how they are repaired from.
struct Reports {
    home: TempDir,
}

impl Reports {
    fn new() -> Result<Self> {
        Ok(Self {
            home: TempDir::new()?,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Checks twice: the reports `a` and `b`.
    fn check(&self, lab: &Lab, more: &[&str]) -> Result<()> {
        for name in ["a", "b"] {
            let path = self.file(name).display().to_string();
            let check = [&["check", "--report", &path], more].concat();
            ctl::run(&[lab.etcd.endpoint()], &check)?;
            ensure!(self.file(name).exists(), "no report {name}");
        }
        Ok(())
    }

    fn repair(&self, lab: &Lab, more: &[&str], status: i32) -> Result<Output> {
        let [a, b] = ["a", "b"].map(|name| self.file(name).display().to_string());
        let repair = ["repair", "--from", &a, "--from", &b];
        lab.ctl(&[&repair[..], more].concat(), status)
    }

    /// The outcome of a repair, as programs read it.
    fn outcome(&self, lab: &Lab, more: &[&str], status: i32) -> Result<Value> {
        let output = self.repair(lab, &[more, &["--yes", "-o", "json"]].concat(), status)?;
        Ok(serde_json::from_str(&output.stdout)?)
    }
}

fn key(lab: &Lab, ip: &str) -> Result<String> {
    Ok(lab.layout.address("default", ip.parse::<IpAddr>()?))
}

/// An orphan `10.99.0.1`, and a record `default/w1/net/c/eth0` without its address `10.99.0.4`.
fn damage(lab: &Lab) -> Result<()> {
    lab.raw
        .put(key(lab, "10.99.0.1")?, holder("w1", "net", "nobody"))?;
    let ip: IpAddr = "10.99.0.4".parse()?;
    let record = record(&holder("w1", "net", "c")).address("default", ip, 24);
    lab.raw
        .put_all(record.entries(&lab.layout).into_iter().take(1))
}

/// The report as if its check had been so much earlier, and as if it had been written so.
fn backdate(file: &Path, time: &str) -> Result<()> {
    let report: Value = serde_json::from_slice(&fs::read(file)?)?;
    let quote =
        |field: &str| Ok::<_, anyhow::Error>(report[field].as_str().context("no text")?.to_owned());
    let (checked, sha256) = (quote("checked")?, quote("sha256")?);
    let unsigned = fs::read_to_string(file)?
        .replace(&checked, time)
        .replace(&sha256, "");
    let (left, right) = unsigned
        .split_once(r#""sha256":"""#)
        .context("no place for it")?;
    let mut command = Command::new("sha256sum");
    command.arg("-");
    let output = process::run(command, &unsigned, Finish::Normal)?;
    let sum = output.stdout.split_whitespace().next().context("no sum")?;
    Ok(fs::write(
        file,
        format!(r#"{left}"sha256":"{sum}"{right}"#),
    )?)
}

#[test]
fn what_both_found_is_repaired_and_the_store_fits_again() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    damage(&lab)?;
    reports.check(&lab, &[])?;
    let before = lab.raw.list(lab.layout.root())?;
    let dry = reports.repair(&lab, &["--dry-run", "--force"], 0)?;
    assert_eq!(
        dry.stdout,
        "\
A dry run: 2 would be repaired.
REPAIR                        ADDRESS     SPACE     KEY
delete the address key        10.99.0.1   default   /etcd-ipam/v1/addr/default/010.099.000.001
write the address key again   10.99.0.4   default   /etcd-ipam/v1/owner/default/w1/net/c/eth0
"
    );
    let asked = reports.repair(&lab, &["--force"], 1)?;
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert_eq!(lab.raw.list(lab.layout.root())?, before);

    let done = reports.repair(&lab, &["--force", "--yes"], 0)?;
    assert!(done.stdout.starts_with("2 repaired.\n"), "{done:?}");
    assert_eq!(lab.holdings()?.addresses(), 1);
    lab.ctl(&["check"], 0)?;
    let again = reports.outcome(&lab, &["--force"], 3)?;
    assert_eq!(again["repaired"], json!([]));
    assert_eq!(again["left"][0]["why"], "it was changed since; check again");
    Ok(())
}

#[test]
fn what_changed_since_is_left() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    damage(&lab)?;
    reports.check(&lab, &[])?;
    // The same value, written again.
    lab.raw
        .put(key(&lab, "10.99.0.1")?, holder("w1", "net", "nobody"))?;
    lab.raw
        .put(key(&lab, "10.99.0.4")?, holder("w1", "net", "another"))?;
    let outcome = reports.outcome(&lab, &["--force"], 3)?;
    assert_eq!(outcome["repaired"], json!([]));
    assert_eq!(outcome["left"].as_array().map(Vec::len), Some(2));
    let stands = lab.raw.get(key(&lab, "10.99.0.4")?)?;
    assert_eq!(stands, Some(holder("w1", "net", "another").into_bytes()));
    Ok(())
}

#[test]
fn an_orphan_whose_owner_came_back_stays() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    damage(&lab)?;
    reports.check(&lab, &[])?;
    let owner = lab.layout.owner(&holder("w1", "net", "nobody"));
    lab.raw.put(owner, "whatever it is")?;
    let outcome = reports.outcome(&lab, &["--force"], 3)?;
    assert_eq!(outcome["left"][0]["kind"], "orphaned_address");
    assert!(lab.raw.get(key(&lab, "10.99.0.1")?)?.is_some());
    Ok(())
}

#[test]
fn what_only_one_found_is_left() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    reports.check(&lab, &[])?;
    damage(&lab)?;
    let b = reports.file("b").display().to_string();
    lab.ctl(&["check", "--report", &b], 3)?;
    let outcome = reports.outcome(&lab, &["--force"], 0)?;
    assert_eq!(
        outcome,
        json!({"dry_run": false, "repaired": [], "left": [], "disputed": 2})
    );
    Ok(())
}

#[test]
fn an_orphan_goes_only_if_no_pod_uses_it() -> Result<()> {
    let (scene, reports) = (Scene::new()?, Reports::new()?);
    let lab = &scene.lab;
    damage(lab)?;
    reports.check(lab, &[])?;
    let outcome = reports.outcome(lab, &[], 3)?;
    assert_eq!(outcome["repaired"][0]["repair"], "put_address");
    let why = outcome["left"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("--pods-from"), "{why}");

    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    let pods = ["--kubeconfig", kubeconfig.as_str()];
    scene
        .kubernetes
        .put_pod(pod("shop", "user", "uid-user", "n1").ip("10.99.0.1"))?;
    let outcome = reports.outcome(lab, &pods, 3)?;
    let why = outcome["left"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("the pod shop/user uses it"), "{why}");
    scene.kubernetes.delete_pod("shop", "user")?;
    let outcome = reports.outcome(lab, &pods, 3)?;
    assert_eq!(outcome["repaired"][0]["repair"], "delete_address");
    assert_eq!(lab.raw.get(key(lab, "10.99.0.1")?)?, None);
    Ok(())
}

#[test]
fn a_leak_is_released_only_after_the_grace_period_and_if_its_pod_is_still_gone() -> Result<()> {
    let (scene, reports) = (Scene::new()?, Reports::new()?);
    let lab = &scene.lab;
    scene.machines(&["w1"])?;
    scene.write([scene.attached("w1", "a"), scene.attached("w1", "b")])?;
    scene.kubernetes.put_pod(pod("shop", "b", "uid-b", "w1"))?;
    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    let pods = ["--kubeconfig", kubeconfig.as_str()];
    reports.check(lab, &pods)?;
    let why = |outcome: &Value| {
        outcome["left"][0]["why"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let outcome = reports.outcome(lab, &pods, 3)?;
    assert!(
        why(&outcome).contains("a pod must be gone for 15m"),
        "{outcome}"
    );

    backdate(&reports.file("a"), "2026-01-05T08:00:00Z")?;
    let outcome = reports.outcome(lab, &[], 3)?;
    assert!(why(&outcome).contains("give --kubeconfig"), "{outcome}");
    scene.kubernetes.put_pod(pod("shop", "a", "uid-a", "w1"))?;
    let outcome = reports.outcome(lab, &pods, 3)?;
    assert!(why(&outcome).contains("its pod shop/a lives"), "{outcome}");
    assert_eq!(scene.holders()?.len(), 2);

    scene.kubernetes.delete_pod("shop", "a")?;
    let outcome = reports.outcome(lab, &pods, 0)?;
    assert_eq!(outcome["repaired"][0]["repair"], "release");
    assert_eq!(lab.holdings()?.owners(), 1);
    assert!(scene.holders()?.contains("default/w1/net/b/eth0"));
    Ok(())
}

#[test]
fn what_cannot_be_read_goes_only_by_wish() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    let owner = lab.layout.owner(&holder("w1", "net", "broken"));
    lab.raw.put(key(&lab, "10.99.0.2")?, "not ours")?;
    lab.raw.put(owner.clone(), "{")?;
    lab.raw.put(format!("{}notes", lab.layout.root()), "x")?;
    reports.check(&lab, &[])?;
    let before = lab.raw.list(lab.layout.root())?;
    reports.repair(&lab, &["--yes"], 3)?;
    assert_eq!(lab.raw.list(lab.layout.root())?, before);
    let output = reports.repair(&lab, &["--delete-unreadable"], 3)?;
    assert!(
        output.stdout.contains("--yes answers in advance"),
        "{output:?}"
    );
    assert_eq!(lab.raw.list(lab.layout.root())?, before);
    reports.repair(&lab, &["--delete-unreadable", "--yes"], 0)?;
    assert_eq!(lab.raw.get(owner)?, None);
    assert_eq!(lab.raw.get(key(&lab, "10.99.0.2")?)?, None);
    assert!(
        lab.raw
            .get(format!("{}notes", lab.layout.root()))?
            .is_some()
    );
    Ok(())
}

#[test]
fn reports_that_are_not_what_was_written_are_refused() -> Result<()> {
    let (lab, reports) = (Lab::new()?, Reports::new()?);
    damage(&lab)?;
    reports.check(&lab, &[])?;
    let before = lab.raw.list(lab.layout.root())?;
    let (a, b) = (reports.file("a"), reports.file("b"));
    let good = fs::read_to_string(&a)?;
    let edited = good.replace("010.099.000.001", "010.099.000.009");
    let newer = good.replace(r#""version":1"#, r#""version":2"#);
    for (text, word) in [
        (good[..good.len() / 2].to_owned(), "ends in the middle"),
        (edited, "was changed after it was written"),
        (newer, "version 2"),
        ("[1, 2]".to_owned(), "no report of `ipamctl check`"),
        (fs::read_to_string(&b)?, "the same report"),
    ] {
        fs::write(&a, text)?;
        let output = reports.repair(&lab, &["--yes", "--force"], 1)?;
        assert!(output.stderr.contains(word), "{word}: {output:?}");
    }
    fs::remove_file(&a)?;
    let output = reports.repair(&lab, &["--yes"], 1)?;
    assert!(output.stderr.contains("cannot be read"), "{output:?}");

    fs::write(&a, good)?;
    for more in [["--prefix", "/elsewhere"], ["--cluster", "west"]] {
        reports.repair(&lab, &[&more[..], &["--yes"]].concat(), 1)?;
    }
    let alone = a.display().to_string();
    let output = lab.ctl(&["repair", "--from", &alone], 1)?;
    assert!(
        output.stderr.contains("two reports are needed"),
        "{output:?}"
    );
    lab.ctl(&["repair"], 2)?;
    assert_eq!(lab.raw.list(lab.layout.root())?, before);

    // Of another store, and while the store is frozen.
    let another = Lab::new()?;
    let output = reports.repair(&another, &["--yes", "--force"], 1)?;
    assert!(
        output.stderr.contains("the report is of the store"),
        "{output:?}"
    );
    lab.raw.put(lab.layout.freeze(), r#"{"reason":"drill"}"#)?;
    let output = reports.repair(&lab, &["--yes", "--force"], 1)?;
    assert!(output.stderr.contains("drill"), "{output:?}");
    Ok(())
}
