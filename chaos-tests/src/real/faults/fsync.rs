//! Disks that are slow to keep what was written, or fail to.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::daemon::{Daemon, Output};
use crate::http::Client;
use crate::loopback::Place;
use crate::metrics::Metrics;
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Target, Whom};
use crate::real::isolation;
use crate::real::member::Member;

/// How long a slow disk takes.
const SLOW: Duration = Duration::from_millis(300);

/// What etcd's own mean must be for a proof (seconds), and over how many calls. The file system is in
/// memory and takes microseconds.
const MEAN: f64 = 0.1;
const ENOUGH: f64 = 3.0;

/// What happens to calls of `fsync` and `fdatasync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// They take long.
    Slow,
    /// They fail.
    Failing,
}

/// The disk of a member does not do what it should. `strace` changes what the kernel answers.
#[derive(Debug)]
pub struct Fsync {
    disk: Disk,
    whom: Whom,
    target: Option<Target>,
    /// How often etcd synced and how long that took in all (seconds), before.
    before: (f64, f64),
    logged: usize,
    strace: Option<Daemon>,
}

impl Fsync {
    /// The disk of this member.
    pub fn new(disk: Disk, whom: Whom) -> Self {
        Self {
            disk,
            whom,
            target: None,
            before: (0.0, 0.0),
            logged: 0,
            strace: None,
        }
    }
}

impl Fault for Fsync {
    fn kind(&self) -> &'static str {
        match self.disk {
            Disk::Slow => "fsync_slow",
            Disk::Failing => "fsync_failing",
        }
    }

    fn obstacle(&self) -> Option<String> {
        let is_there = isolation::is_installed("strace");
        (!is_there).then(|| "strace is not installed".to_owned())
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        let member = target.one(lab)?;
        self.before = synced(member)?;
        self.logged = member.log().len();
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        let pid = member.pid().context("the member does not run")?;
        let what = match self.disk {
            Disk::Slow => format!("delay_enter={}", SLOW.as_micros()),
            Disk::Failing => "error=EIO".to_owned(),
        };
        let arguments = [
            "-f",
            "-q",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            &format!("inject=fsync,fdatasync:{what}"),
            "-p",
            &pid.to_string(),
        ];
        let home = isolation::directory("strace")?;
        let output = Output::together(&home.join(member.name()))?;
        let arguments = arguments.map(str::to_owned);
        self.strace = Some(Daemon::start("strace".as_ref(), &arguments, &home, output)?);
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        // Every member writes, and syncs, what one was given.
        let _ = lab.cluster.another(member)?.raw()?.put("/chaos/fsync", "");
        match self.disk {
            Disk::Slow => {
                let (count, seconds) = synced(member)?;
                let (count, seconds) = (count - self.before.0, seconds - self.before.1);
                let mean = seconds / count;
                let is_proof = count >= ENOUGH && mean >= MEAN;
                Ok(is_proof.then(|| {
                    let name = member.name();
                    format!("{name} measured {mean:.3} s for each of {count} syncs")
                }))
            }
            Disk::Failing => {
                let Some(status) = member.ended()? else {
                    return Ok(None);
                };
                let log = member.log();
                let since = log.get(self.logged..).unwrap_or_default();
                let reason = "input/output error";
                Ok(since
                    .contains(reason)
                    .then(|| format!("{} ended by itself: {status}, {reason}", member.name())))
            }
        }
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        let Some(mut strace) = self.strace.take() else {
            return Ok(());
        };
        // It lets go when it ends, and ends when the member has.
        if strace.ended()?.is_none() {
            strace.stop()?;
        }
        let target = self.target.as_ref().context("nothing was aimed at")?;
        target.one(lab)?.revive()
    }
}

/// How often a member has synced its log, and how long that took in all (seconds).
fn synced(member: &Member) -> Result<(f64, f64)> {
    let client = Client::plain((member.host().address(), Place::CLIENT_PORT));
    let metrics = Metrics::parse(&client.get("/metrics")?.body)?;
    let value = |name: &str| {
        let name = format!("etcd_disk_wal_fsync_duration_seconds_{name}");
        metrics.value(&name, &[]).context(name)
    };
    Ok((value("count")?, value("sum")?))
}
