//! Which machine this is, in which of its lives, and when in it this process started.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use store::record::Boot;

/// This boot of this machine. What the kernel does not tell is left empty, and then proves nothing.
pub fn boot() -> Boot {
    Boot {
        machine: first_line("/etc/machine-id"),
        id: boot_id(),
        started_ms: u64::try_from(since_boot().as_millis()).unwrap_or(u64::MAX),
    }
}

/// The id of this boot (Linux, Documentation/admin-guide/sysctl/kernel.rst, "random").
pub fn boot_id() -> String {
    first_line("/proc/sys/kernel/random/boot_id")
}

/// How long this boot has lasted, suspends included (`CLOCK_BOOTTIME`, `clock_gettime(2)`).
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .unwrap_or_default()
}

/// The name that the node goes by: `$NODENAME`, else the host's.
pub fn node_name() -> Option<String> {
    let variable = std::env::var("NODENAME")
        .ok()
        .filter(|name| !name.is_empty());
    let name = variable.unwrap_or_else(|| first_line("/proc/sys/kernel/hostname"));
    (!name.is_empty()).then_some(name)
}

fn first_line(path: &str) -> String {
    let content = fs::read_to_string(path).unwrap_or_default();
    content.lines().next().unwrap_or_default().trim().to_owned()
}
