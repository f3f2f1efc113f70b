//! Bugs between the plugin and the machine that it runs on.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipam_plugin::local::files::Files;
use ipam_plugin::local::machine::Machine;
use store::etcd::Settings;
use store::record::Boot;

use super::Mutant;
use super::etcd::Planted;

/// A machine that a bug stands in front of. Without one it is the machine itself.
pub struct Broken<M: Machine> {
    inner: M,
    files: BrokenFiles<M::Files>,
    mutant: Option<Mutant>,
}

/// Its files.
#[derive(Clone)]
pub struct BrokenFiles<F> {
    inner: F,
    mutant: Option<Mutant>,
}

impl<M: Machine> Broken<M> {
    /// Plants a bug in front of a machine.
    pub fn new(machine: M, mutant: Option<Mutant>) -> Self {
        let files = BrokenFiles {
            inner: machine.files().clone(),
            mutant,
        };
        Self {
            inner: machine,
            files,
            mutant,
        }
    }
}

impl<M: Machine> Machine for Broken<M> {
    type Clock = M::Clock;
    type Files = BrokenFiles<M::Files>;
    type Etcd = Planted<M::Etcd>;

    fn clock(&self) -> &M::Clock {
        self.inner.clock()
    }

    fn files(&self) -> &Self::Files {
        &self.files
    }

    fn connect(&self, settings: Settings) -> Self::Etcd {
        Planted::new(self.inner.connect(settings), self.mutant)
    }

    fn boot(&self) -> Boot {
        let boot = self.inner.boot();
        match self.mutant {
            Some(Mutant::BootForgotten) => Boot {
                id: "the-same-for-ever".to_owned(),
                ..boot
            },
            _ => boot,
        }
    }

    fn since_boot(&self) -> Duration {
        self.inner.since_boot()
    }

    fn node_name(&self) -> Option<String> {
        self.inner.node_name()
    }
}

impl<F> BrokenFiles<F> {
    fn breaks(&self, mutant: Mutant, path: &Path) -> bool {
        self.mutant == Some(mutant) && path.components().any(|part| part.as_os_str() == "spool")
    }
}

impl<F: Files> Files for BrokenFiles<F> {
    /// `None` where the bug gives it to everybody.
    type Lock = Option<F::Lock>;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.inner.read(path)
    }

    fn write_durably(&self, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        if self.breaks(Mutant::IntentNotSpooled, dir) {
            return Ok(());
        }
        self.inner.write_durably(dir, name, content)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.breaks(Mutant::SpoolNeverCleared, path) {
            return Ok(());
        }
        self.inner.remove(path)
    }

    fn exists(&self, path: &Path) -> bool {
        self.inner.exists(path)
    }

    fn names_in(&self, dir: &Path) -> Vec<String> {
        self.inner.names_in(dir)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.inner.touch(path)
    }

    fn touched(&self, path: &Path) -> io::Result<SystemTime> {
        self.inner.touched(path)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Self::Lock>> {
        match self.mutant {
            Some(Mutant::NoLock) => Ok(Some(None)),
            _ => Ok(self.inner.try_lock(path)?.map(Some)),
        }
    }
}
