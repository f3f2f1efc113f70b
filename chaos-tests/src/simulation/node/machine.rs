//! A machine as one of its processes sees it: every way out of the process is a step of it.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipam_plugin::local::files::Files;
use ipam_plugin::local::machine::Machine;
use rand::rngs::StdRng;
use store::clock::Clock;
use store::etcd::{EtcdError, Settings};
use store::record::Boot;
use store::txn::{Etcd, Txn, TxnReply};

use super::files::{Effect, absent, text};
use super::process::Process;
use crate::simulation::clock::SimClock;
use crate::simulation::etcd::{Cluster, SimEtcd};

/// The machine of a process.
#[derive(Clone)]
pub struct SimMachine {
    process: Process,
    clock: ProcessClock,
    files: ProcessFiles,
    etcd: Cluster,
}

/// The clock of a process.
#[derive(Clone)]
pub struct ProcessClock {
    process: Process,
    clock: SimClock,
}

/// The files and locks of a process' machine.
#[derive(Clone)]
pub struct ProcessFiles(ProcessClock);

/// A lock that a process holds.
pub struct ProcessLock {
    process: Process,
    path: String,
}

/// etcd as a process reaches it.
pub struct ProcessEtcd {
    process: Process,
    etcd: SimEtcd,
}

impl SimMachine {
    pub(super) fn new(process: Process, clock: SimClock, etcd: Cluster) -> Self {
        let clock = ProcessClock {
            process: process.clone(),
            clock,
        };
        Self {
            process,
            files: ProcessFiles(clock.clone()),
            clock,
            etcd,
        }
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl Machine for SimMachine {
    type Clock = ProcessClock;
    type Files = ProcessFiles;
    type Etcd = ProcessEtcd;

    fn clock(&self) -> &ProcessClock {
        &self.clock
    }

    fn files(&self) -> &ProcessFiles {
        &self.files
    }

    /// There is one etcd; the settings say nothing more.
    fn connect(&self, _settings: Settings) -> ProcessEtcd {
        let node = self.process.node().name();
        let name = format!("{node}/{}", self.process.number());
        ProcessEtcd {
            process: self.process.clone(),
            etcd: self.etcd.client(node, &name),
        }
    }

    fn boot(&self) -> Boot {
        self.process.node().boot(self.process.now())
    }

    fn since_boot(&self) -> Duration {
        self.process.node().since_boot(self.process.now())
    }

    fn node_name(&self) -> Option<String> {
        Some(self.process.node().name().to_owned())
    }
}

impl Clock for ProcessClock {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic() + self.process.ahead()
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall() + self.process.ahead()
    }

    async fn sleep(&self, duration: Duration) {
        self.process.pass().await;
        self.clock.sleep(duration).await;
        self.process.catch_up().await;
    }

    fn rng(&self) -> StdRng {
        self.clock.rng()
    }

    fn random_id(&self) -> String {
        self.clock.random_id()
    }
}

impl Etcd for ProcessEtcd {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        self.process.pass().await;
        let reply = self.etcd.txn(txn).await;
        self.process.pass().await;
        reply
    }
}

impl ProcessFiles {
    fn process(&self) -> &Process {
        &self.0.process
    }

    fn get(&self, path: &Path) -> io::Result<(Vec<u8>, SystemTime)> {
        let path = text(path);
        let file = self.process().own(&path).unwrap_or_else(|| {
            let state = self.process().node().state();
            let file = state.files.get(&path);
            file.map(|(content, written)| (content.to_vec(), written))
        });
        file.ok_or_else(absent)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        if self.process().step() {
            self.process().node().state().files.has_room()?;
            let write = Effect::Write(text(path), content.to_vec(), self.0.wall());
            self.process().change(write);
        }
        Ok(())
    }
}

impl Files for ProcessFiles {
    type Lock = ProcessLock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.get(path).map(|(content, _)| content)
    }

    fn write_durably(&self, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        self.write(&dir.join(name), content)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.process().step() {
            self.process().change(Effect::Remove(text(path)));
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        self.get(path).is_ok()
    }

    /// As they stand; those that it wrote or removed while it ran ahead are looked for one by one.
    fn names_in(&self, dir: &Path) -> Vec<String> {
        let mut names = self.process().node().state().files.names_in(&text(dir));
        names.retain(|name| self.exists(&dir.join(name)));
        names
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.write(path, &[])
    }

    fn touched(&self, path: &Path) -> io::Result<SystemTime> {
        self.get(path).map(|(_, written)| written)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<ProcessLock>> {
        self.process().step();
        Ok(self.take(path))
    }
}

impl ProcessFiles {
    fn take(&self, path: &Path) -> Option<ProcessLock> {
        let (process, path) = (self.process().clone(), text(path));
        let is_mine = process
            .node()
            .state()
            .files
            .try_lock(&path, process.number());
        is_mine.then(|| ProcessLock { process, path })
    }
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        self.process.change(Effect::Unlock(path));
    }
}
