//! Network namespaces of other processes.

use std::fs::File;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use nix::sched::{CloneFlags, setns};

/// Does something in a network: `/proc/<pid>/ns/net` or `/run/netns/<name>`. A socket belongs to the
/// network in which it was made, whoever holds it. A thread is in one network, and this one ends.
pub fn in_network<T: Send + 'static>(
    network: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let network = File::open(network).with_context(|| network.display().to_string())?;
    let there = thread::spawn(move || setns(network, CloneFlags::CLONE_NEWNET).map(|()| work()));
    Ok(there.join().map_err(|_| anyhow!("a thread panicked"))??)
}
