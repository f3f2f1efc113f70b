//! Where it was measured.

use anyhow::Result;
use chaos_tests::install;

/// What times depend on.
pub(crate) fn describe() -> Result<String> {
    let processors = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |name| name.trim_start_matches(['\t', ' ', ':']));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let [major, minor, patch] = install::newest()?.version;
    Ok(format!(
        "{} × {model}, Linux {}, etcd {major}.{minor}.{patch} on this machine, load average {}",
        std::thread::available_parallelism()?,
        kernel.trim(),
        load()?
    ))
}

/// How many tasks wanted to run in the last 1, 5 and 15 minutes: much more than nothing before
/// the start means that the times are worth little.
pub(crate) fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
