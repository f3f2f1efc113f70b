//! `ipamctl watch` on a real etcd.

use std::fs::read_to_string;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::binaries;
use chaos_tests::ctl;
use chaos_tests::daemon::{Daemon, Output};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// A watch that runs.
struct Watching {
    _daemon: Daemon,
    home: TempDir,
}

impl Watching {
    /// Starts to watch, and waits until nothing will be missed.
    fn start(lab: &Lab, more: &[&str]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let output = Output::apart(&home.path().join("stdout"), &home.path().join("stderr"))?;
        let endpoints = format!("--endpoints={}", lab.etcd.endpoint());
        let arguments = [&["watch", &endpoints, "-o=json"], more].concat();
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let watching = Self {
            _daemon: Daemon::start(&binaries::ipamctl()?, &arguments, home.path(), output)?,
            home,
        };
        watching.wait_for("watching the keys")?;
        Ok(watching)
    }

    /// Waits until it has said this on standard error.
    fn wait_for(&self, words: &str) -> Result<()> {
        self.wait(|_, said| said.contains(words))
    }

    fn wait(&self, holds: impl Fn(&str, &str) -> bool) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let [stdout, stderr] =
                ["stdout", "stderr"].map(|name| read_to_string(self.home.path().join(name)));
            let (stdout, stderr) = (stdout?, stderr?);
            if holds(&stdout, &stderr) {
                return Ok(());
            }
            ensure!(Instant::now() < patience, "{stdout}\n{stderr}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for so many events: of each its word, and its pod or what else it is about.
    fn events(&self, count: usize) -> Result<Vec<(String, String)>> {
        self.wait(|stdout, _| stdout.matches('\n').count() >= count)?;
        let stdout = read_to_string(self.home.path().join("stdout"))?;
        let events = stdout.lines().map(|line| {
            let event: Value = serde_json::from_str(line)?;
            let text = |name: &str| event[name].as_str().map(str::to_owned);
            let about = text("pod")
                .or_else(|| text("detail"))
                .or_else(|| text("node"));
            Ok((text("event").unwrap_or_default(), about.unwrap_or_default()))
        });
        events.collect()
    }
}

fn net() -> Value {
    network("net", json!({"range": "10.96.0.0/24", "cooldown": "1h"}))
}

fn event(word: &str, about: &str) -> (String, String) {
    (word.to_owned(), about.to_owned())
}

#[test]
fn events_come_in_order_and_none_is_missed_while_etcd_restarts() -> Result<()> {
    let mut lab = Lab::new()?;
    let watching = Watching::start(&lab, &[])?;
    let (all, of_others) = (&watching, Watching::start(&lab, &["--pod", "pod-other"])?);
    lab.node.add("c1", &net())?.success()?;
    lab.node.del("c1", &net())?.silence()?;
    lab.raw.put(lab.layout.freeze(), r#"{"reason":"drill"}"#)?;
    lab.raw.delete(lab.layout.freeze())?;
    let wanted = [
        event("ADDED", "pod-c1"),
        event("RELEASED", "pod-c1"),
        event("RESTING", "n1"),
        event("FROZEN", "drill"),
        event("THAWED", ""),
    ];
    assert_eq!(all.events(wanted.len())?, wanted);
    lab.etcd.kill()?;
    all.wait_for("interrupted")?;
    lab.etcd.restart()?;
    // Before the watch has come back, or after: it is told in any case.
    lab.node.add("c2", &net())?.success()?;
    let wanted = [&wanted[..], &[event("ADDED", "pod-c2")]].concat();
    assert_eq!(all.events(wanted.len())?, wanted);
    all.wait_for("watching again")?;
    assert_eq!(
        of_others.events(2)?,
        [event("FROZEN", "drill"), event("THAWED", "")]
    );
    Ok(())
}

#[test]
fn that_etcd_has_forgotten_something_is_said() -> Result<()> {
    let mut lab = Lab::new()?;
    let watching = Watching::start(&lab, &[])?;
    lab.node.add("c1", &net())?.success()?;
    watching.events(1)?;
    lab.etcd.kill()?;
    lab.etcd.wipe()?;
    lab.etcd.restart()?;
    watching.wait_for("events may be missing")?;
    ctl::init(&[lab.etcd.endpoint()], &[])?;
    lab.node.reboot()?;
    lab.node.add("c2", &net())?.success()?;
    assert_eq!(
        watching.events(2)?,
        [event("ADDED", "pod-c1"), event("ADDED", "pod-c2")]
    );
    Ok(())
}

#[test]
fn it_ends_when_it_was_told_to() -> Result<()> {
    let lab = Lab::new()?;
    let endpoints = [lab.etcd.endpoint()];
    let table = ctl::run(&endpoints, &["watch", "--for=1ms"])?;
    assert!(table.status.success(), "{table:?}");
    assert!(table.stdout.starts_with("TIME"), "{table:?}");
    assert!(table.stdout.trim_end().ends_with("DETAIL"), "{table:?}");
    let json = ctl::run(&endpoints, &["watch", "--for=1ms", "-o=json"])?;
    assert_eq!(json.stdout, "", "{json:?}");
    let wrong = ctl::run(&endpoints, &["watch", "--for=soon"])?;
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    Ok(())
}
