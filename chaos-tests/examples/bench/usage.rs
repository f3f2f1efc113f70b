//! What a process takes, as the kernel counts it (proc(5)).

use std::fs::read_to_string;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How often the clock of `/proc/<pid>/stat` ticks in a second: `USER_HZ`, on every x86-64.
const TICKS: u32 = 100;
/// Where the process's times stand in `/proc/<pid>/stat`, counted behind its name.
const UTIME: usize = 11;
const STIME: usize = 12;

/// How often a process is looked at: rarely enough to leave it the processor.
const LOOK_EVERY: Duration = Duration::from_millis(2);

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
        let stat = read_to_string(format!("/proc/{process}/stat"))?;
        let status = read_to_string(format!("/proc/{process}/status"))?;
        Ok(Self {
            cpu: cpu(&stat).context("no times in /proc/<pid>/stat")?,
            resident: kibibytes(&status, "VmRSS:").context("no VmRSS")?,
            peak: kibibytes(&status, "VmHWM:").context("no VmHWM")?,
        })
    }
}

/// What a process took in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// From its start to its end.
    pub(crate) time: Duration,
    /// Time on a processor, in user and kernel mode, to 10 ms.
    pub(crate) cpu: Duration,
    /// The most that was ever resident (KiB), but for its last milliseconds.
    pub(crate) peak: u64,
}

impl Spent {
    /// Runs a command to its end; it must succeed.
    pub(crate) fn of(command: &mut Command) -> Result<Self> {
        let start = Instant::now();
        let mut child = command.spawn()?;
        let process = PathBuf::from(format!("/proc/{}", child.id()));
        let mut peak = None;
        // Until it is waited for, it keeps its times but not its memory.
        while let Some(mark) = kibibytes(&read_to_string(process.join("status"))?, "VmHWM:") {
            peak = Some(mark);
            thread::sleep(LOOK_EVERY);
        }
        let time = start.elapsed();
        let cpu = cpu(&read_to_string(process.join("stat"))?);
        let status = child.wait()?;
        ensure!(status.success(), "{command:?}: {status}");
        Ok(Self {
            time,
            cpu: cpu.context("no times in /proc/<pid>/stat")?,
            peak: peak.context("it was too fast to be looked at")?,
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
