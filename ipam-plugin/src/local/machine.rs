//! The machine that a call runs on.
//!
//! All that a verb does beside computing goes through this trait, so that the very same verbs also
//! run on a model of a machine in virtual time, and on a machine that was broken on purpose.

use std::time::Duration;

use store::clock::{Clock, SystemClock};
use store::etcd::{Client, Settings};
use store::record::Boot;
use store::txn::Etcd;

use super::disk::Disk;
use super::files::Files;
use super::identity;

/// A machine, as one process on it sees it.
pub trait Machine {
    /// Its time and chance.
    type Clock: Clock + Clone;
    /// Its files and locks.
    type Files: Files + Clone;
    /// etcd as it is reached from there.
    type Etcd: Etcd;

    /// Its time and chance.
    fn clock(&self) -> &Self::Clock;

    /// Its files and locks.
    fn files(&self) -> &Self::Files;

    /// etcd at these endpoints. Nothing is asked of it yet.
    fn connect(&self, settings: Settings) -> Self::Etcd;

    /// Which machine it is, in which of its lives, and when in it: now.
    fn boot(&self) -> Boot;

    /// How long this boot has lasted, suspends included.
    fn since_boot(&self) -> Duration;

    /// The name that the node goes by.
    fn node_name(&self) -> Option<String>;
}

/// The machine that this process really runs on.
#[derive(Clone, Copy, Debug)]
pub struct Linux {
    clock: SystemClock,
}

impl Linux {
    /// This machine, with a clock that begins now.
    pub fn start() -> Self {
        Self {
            clock: SystemClock::start(),
        }
    }
}

impl Machine for Linux {
    type Clock = SystemClock;
    type Files = Disk;
    type Etcd = Client;

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn files(&self) -> &Disk {
        &Disk
    }

    fn connect(&self, settings: Settings) -> Client {
        Client::new(settings)
    }

    fn boot(&self) -> Boot {
        identity::boot()
    }

    fn since_boot(&self) -> Duration {
        identity::since_boot()
    }

    fn node_name(&self) -> Option<String> {
        identity::node_name()
    }
}
