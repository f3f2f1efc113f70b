//! A simulated machine: its files, its locks, its clocks and its lives.

mod files;
mod machine;
mod process;
mod program;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_plugin::local::spool::{Spool, Spooled};
use rand::rngs::StdRng;
use store::record::Boot;
use tokio::time::Instant;

use super::clock::{SimClock, Wall};
use super::etcd::Cluster;

pub use files::NodeFiles;
pub use machine::{ProcessClock, ProcessEtcd, ProcessFiles, SimMachine};
pub use process::{Blow, Ended, Fate, Process};
pub use program::{Invocation, Program, Stdout, misused, plugin};

use files::FileSystem;

/// Where the plugin keeps what must survive a reboot, unless it is configured otherwise.
const SPOOL_DIR: &str = "/var/lib/etcd-ipam/spool";
/// How long a machine has run when its first process starts.
const SINCE_POWER_ON: Duration = Duration::from_secs(10);

/// A machine. A clone is the same machine.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    began: Instant,
    wall: Wall,
    state: Mutex<State>,
}

struct State {
    files: FileSystem,
    boot: u32,
    booted: Instant,
    last_process: u64,
    processes: Vec<Process>,
}

impl Node {
    /// A machine that has just started, in a run that began at `began`. Must be made inside the runtime.
    pub fn new(name: &str, began: Instant) -> Self {
        let state = State {
            files: FileSystem::default(),
            boot: 1,
            booted: Instant::now(),
            last_process: 0,
            processes: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                began,
                wall: Wall::default(),
                state: Mutex::new(state),
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its wall clock.
    pub fn wall(&self) -> &Wall {
        &self.shared.wall
    }

    /// What `/etc/machine-id` says.
    pub fn machine_id(&self) -> String {
        format!("machine-{}", self.name())
    }

    /// The id of its present boot.
    pub fn boot_id(&self) -> String {
        format!("boot-{}-{}", self.name(), self.state().boot)
    }

    /// Its files, past all processes.
    pub fn files(&self) -> NodeFiles {
        NodeFiles(self.clone())
    }

    /// The releases that wait in its spool.
    pub fn spooled(&self) -> Vec<Spooled> {
        Spool::new(self.files(), Path::new(SPOOL_DIR)).entries()
    }

    /// Whether its file systems are full, so that nothing can be written.
    pub fn set_full(&self, full: bool) {
        self.state().files.set_full(full);
    }

    /// Starts a process, which reaches etcd under its own name, and has chance of its own.
    pub fn start(&self, etcd: &Cluster, fate: Fate, rng: StdRng) -> SimMachine {
        let mut state = self.state();
        state.last_process += 1;
        let number = state.last_process;
        let process = Process::new(self.clone(), number, fate);
        state.processes.push(process.clone());
        drop(state);
        let clock = SimClock::start(self.shared.began, &self.shared.wall, rng);
        SimMachine::new(process, clock, etcd.clone())
    }

    /// Its processes that run.
    pub fn processes(&self) -> Vec<Process> {
        self.state().processes.clone()
    }

    /// Ends all processes, and all that is not on disk, and begins another boot.
    pub fn reboot(&self) {
        for process in self.processes() {
            process.kill();
        }
        let mut state = self.state();
        state.processes.clear();
        state.files.reboot();
        state.boot += 1;
        state.booted = Instant::now();
    }

    /// This boot at this moment.
    fn boot(&self, now: Instant) -> Boot {
        Boot {
            machine: self.machine_id(),
            id: self.boot_id(),
            started_ms: u64::try_from(self.since_boot(now).as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn since_boot(&self, now: Instant) -> Duration {
        SINCE_POWER_ON + now.saturating_duration_since(self.state().booted)
    }

    /// A process is over: its locks are free.
    fn bury(&self, process: u64) {
        let mut state = self.state();
        state.processes.retain(|one| one.number() != process);
        state.files.unlock_all(process);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}
