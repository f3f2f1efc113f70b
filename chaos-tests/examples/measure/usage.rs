//! What a process takes, as the kernel counts it (proc(5)).

use std::time::Duration;

use anyhow::{Context as _, Result};

/// How often the clock of `/proc/<pid>/stat` ticks in a second: `USER_HZ`, on every x86-64.
const TICKS: u32 = 100;
/// Where the process's times stand in `/proc/<pid>/stat`, counted behind its name.
const UTIME: usize = 11;
const STIME: usize = 12;

/// What a process has taken so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Time on a processor, in user and kernel mode, to 10 ms.
    pub(crate) cpu: Duration,
    /// Resident now (KiB).
    pub(crate) resident: u64,
    /// The most that was ever resident (KiB).
    pub(crate) peak: u64,
}

impl Usage {
    /// Of a process that runs.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        Ok(Self {
            cpu: cpu(&stat).context("no times in /proc/<pid>/stat")?,
            resident: kibibytes(&status, "VmRSS:").context("no VmRSS")?,
            peak: kibibytes(&status, "VmHWM:").context("no VmHWM")?,
        })
    }
}

fn cpu(stat: &str) -> Option<Duration> {
    // The name, in parentheses, may hold anything.
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = behind_name.split(' ').collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u32>().ok();
    Some(Duration::from_secs(1) / TICKS * (ticks(UTIME)? + ticks(STIME)?))
}

/// A line such as `VmHWM:   1234 kB`, which a process that has ended lacks.
pub(crate) fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
