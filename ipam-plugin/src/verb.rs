//! The verbs of CNI, one file each, and what they share.

pub mod add;
pub mod check;
pub mod del;
pub mod gc;
pub mod replay;
pub mod status;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use store::allocate::AllocateError;
use store::clock::Clock as _;
use store::etcd::EtcdError;
use store::gate::{Gate, Refusal, Seen};
use store::key::Keyspace;
use store::names::Attachment;
use store::record::Boot;
use store::release::ReleaseError;
use store::retry::Deadline;
use store::store::Store;

use crate::cni::command::{Command, Environment, Target};
use crate::cni::error::{CniError, Code};
use crate::config::{EtcdAccess, IpamSection, NetworkConfig, NodeFile};
use crate::local::files::Files;
use crate::local::journal::{self, Journal};
use crate::local::machine::Machine;
use crate::local::memory::Memory;
use crate::local::spool::{Spool, Spooled};
use crate::local::{LocalName, Place};

/// The store as the plugin reaches it.
type EtcdStore<M> = Store<<M as Machine>::Etcd, <M as Machine>::Clock>;
/// A lock of the machine.
type Lock<M> = <<M as Machine>::Files as Files>::Lock;

/// How often a lock that another has is tried again.
const LOOK_AT_LOCK_EVERY: Duration = Duration::from_millis(10);

/// How long each verb may take. What runtimes allow is longer (containerd and CRI-O: a minute or
/// more), so that the plugin always has the last word.
pub mod budget {
    use std::time::Duration;

    use crate::cni::command::Command;

    /// ADD, the way back included. Recovery after a restore relies on it.
    pub const ADD: Duration = Duration::from_secs(20);
    /// DEL, before it is left to the spool.
    pub const DEL: Duration = Duration::from_secs(10);
    /// CHECK.
    pub const CHECK: Duration = Duration::from_secs(5);
    /// GC.
    pub const GC: Duration = Duration::from_secs(25);
    /// STATUS.
    pub const STATUS: Duration = Duration::from_secs(2);
    /// The delivery of spooled releases beside another verb.
    pub const REPLAY: Duration = Duration::from_secs(1);
    /// How much later than its budget a process ends itself, whatever it waits for.
    pub const GRACE: Duration = Duration::from_secs(2);

    /// That of a verb.
    pub const fn of(command: &Command) -> Duration {
        match command {
            Command::Add(_) => ADD,
            Command::Del(_) => DEL,
            Command::Check(_) => CHECK,
            Command::Gc => GC,
            Command::Status | Command::Version => STATUS,
        }
    }
}

/// One call of the plugin, on the machine `M`.
pub struct Call<M> {
    /// The network's configuration over the node's.
    pub config: NetworkConfig,
    /// This process's life.
    pub boot: Boot,
    /// The plugin's file name, which is its CNI type.
    pub binary: String,
    file: Option<NodeFile>,
    machine: M,
}

impl<M: Machine> Call<M> {
    /// A call that begins now.
    pub fn new(machine: M, config: NetworkConfig, file: Option<NodeFile>, binary: String) -> Self {
        Self {
            config,
            boot: machine.boot(),
            binary,
            file,
            machine,
        }
    }

    /// How long the verb may take, which the configuration can shorten.
    pub fn budget(&self, longest: Duration) -> Duration {
        // A budget that cannot be read is no reason to give an address or to keep one.
        let timeout = self.config.section().timeout().ok().flatten();
        timeout.map_or(longest, |timeout| timeout.min(longest))
    }

    /// How long the process has run, suspends and stops included.
    fn elapsed(&self) -> Duration {
        let started = Duration::from_millis(self.boot.started_ms);
        self.machine.since_boot().saturating_sub(started)
    }

    fn deadline(&self, budget: Duration) -> Deadline {
        Deadline::after(self.clock(), budget.saturating_sub(self.elapsed()))
    }

    /// The attachment as the runtime names it.
    fn name(&self, target: &Target) -> LocalName {
        LocalName {
            network: self.config.name().to_owned(),
            container: target.container.clone(),
            interface: target.interface.clone(),
        }
    }

    /// Where the configuration says that the store is. `None` where it does not say.
    fn configured_place(&self) -> Option<Place> {
        self.place(self.config.etcd().clone(), self.config.section())
    }

    /// Where the node's file alone says that the store is.
    fn place_of_node_file(&self) -> Option<Place> {
        let file = self.file.as_ref()?;
        self.place(file.etcd(), file.section())
    }

    fn place(&self, etcd: EtcdAccess, section: &IpamSection) -> Option<Place> {
        let named = section.node_name().map(str::to_owned);
        let node = named.or_else(|| self.machine.node_name())?;
        let cluster = section.cluster().to_owned();
        etcd.has_endpoints().then_some(Place {
            etcd,
            cluster,
            node,
        })
    }

    /// Where an attachment's records may be, the likeliest place first. The network's configuration
    /// may have been stripped or changed since its ADD, the journal knows where that wrote.
    fn places(&self, journalled: Option<&journal::Entry>) -> Vec<Place> {
        let journalled = journalled.map(|entry| entry.place.clone());
        let configured = self.configured_place();
        let mut places = Vec::new();
        if self.config.network_etcd().has_endpoints() {
            places.extend(configured);
            places.extend(journalled);
        } else {
            places.extend(journalled.or(configured));
        }
        places.dedup();
        places
    }

    fn clock(&self) -> &M::Clock {
        self.machine.clock()
    }

    /// The wall clock, for people and file names.
    fn now(&self) -> SystemTime {
        self.clock().wall()
    }

    fn files(&self) -> M::Files {
        self.machine.files().clone()
    }

    fn journal(&self) -> Journal<M::Files> {
        Journal::new(self.files(), &self.config.section().state_dir())
    }

    fn spool(&self) -> Spool<M::Files> {
        Spool::new(self.files(), &self.config.section().spool_dir())
    }

    fn memory(&self, place: &Place) -> Memory<M::Files> {
        Memory::new(self.files(), &self.config.section().state_dir(), place)
    }

    /// Waits for the attachment's lock, but not past the deadline: an ADD and the delivery of a spooled
    /// release never overlap.
    async fn lock(&self, name: &LocalName, deadline: Deadline) -> io::Result<Option<Lock<M>>> {
        loop {
            let lock = self.try_lock(name)?;
            if lock.is_some() || deadline.remaining(self.clock()).is_zero() {
                return Ok(lock);
            }
            self.clock().sleep(LOOK_AT_LOCK_EVERY).await;
        }
    }

    /// Takes the attachment's lock, or `None` where another has it.
    fn try_lock(&self, name: &LocalName) -> io::Result<Option<Lock<M>>> {
        self.machine.files().try_lock(&self.lock_path(name))
    }

    fn lock_path(&self, name: &LocalName) -> PathBuf {
        let state_dir = self.config.section().state_dir();
        state_dir.join("lock").join(name.file_name())
    }

    /// Takes an attachment out of the journal.
    fn forget(&self, name: &LocalName) {
        warn_unremoved(self.journal().remove(name));
    }

    /// The same, if its entry was written under the random `id`.
    fn forget_if(&self, name: &LocalName, id: &str) {
        warn_unremoved(self.journal().remove_if(name, id));
    }

    /// Takes a release that has been delivered out of the spool.
    fn delivered(&self, spooled: &Spooled) {
        if let Err(error) = self.spool().remove(spooled) {
            tracing::warn!(%error, "a delivered release stays in the spool and will be repeated");
        }
    }

    /// The store at a place.
    fn store(
        &self,
        place: &Place,
        memory: Option<(String, Seen)>,
    ) -> Result<EtcdStore<M>, CniError> {
        let gate = Gate {
            store_id: place.etcd.store_id().map(str::to_owned),
            memory,
        };
        let keys = Keyspace::new(place.etcd.prefix());
        Ok(Store::new(
            self.machine.connect(place.etcd.settings()?),
            self.clock().clone(),
            keys,
            gate,
        ))
    }
}

/// Does what the runtime asks; an ADD's answer goes to `out`.
///
/// # Errors
/// [`CniError`], which is to be told on `out`.
pub async fn run(
    call: &Call<impl Machine>,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<(), CniError> {
    match &environment.command {
        Command::Add(target) => add::run(call, target, &environment.args, out).await,
        Command::Del(target) => del::run(call, target).await,
        Command::Check(target) => check::run(call, target, &environment.args).await,
        Command::Gc => gc::run(call).await,
        Command::Status => status::run(call).await,
        Command::Version => Ok(()),
    }
}

fn warn_unremoved(removed: io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(%error, "a journal entry cannot be removed");
    }
}

/// What a runtime is told when etcd fails.
fn etcd_error(error: &EtcdError) -> CniError {
    let code = match error {
        EtcdError::Unreachable(_)
        | EtcdError::Unknown { .. }
        | EtcdError::Overloaded { .. }
        | EtcdError::NoSpace(_) => Code::TryAgain,
        EtcdError::TooManyOperations(_)
        | EtcdError::AnswerTooLarge(_)
        | EtcdError::Compacted { .. }
        | EtcdError::LeaseEnded(_)
        | EtcdError::Denied { .. }
        | EtcdError::File { .. }
        | EtcdError::Settings(_) => Code::InvalidConfig,
    };
    CniError::new(code, error.to_string())
}

/// What a runtime is told when the store may not give out addresses.
fn refusal(refusal: &Refusal) -> CniError {
    let code = match refusal {
        Refusal::NotInitialised(_) | Refusal::UnknownSchema(_) | Refusal::Damaged(_) => {
            Code::StoreNotInitialised
        }
        Refusal::OtherStore { .. } | Refusal::Restored { .. } | Refusal::BehindMemory { .. } => {
            Code::StoreRestored
        }
        Refusal::Frozen(_) => Code::StoreFrozen,
    };
    CniError::new(code, refusal.to_string())
}

/// What a runtime is told when an ADD fails.
pub fn allocate_error(error: &AllocateError) -> CniError {
    let code = match error {
        AllocateError::Refused(why) => return refusal(why),
        AllocateError::Etcd(error) => return etcd_error(error),
        AllocateError::LeftBehind { error: inner } => {
            return CniError::new(allocate_error(inner).code(), error.to_string());
        }
        AllocateError::Exhausted { .. } => Code::Exhausted,
        AllocateError::Taken { .. } => Code::Taken,
        AllocateError::TooManyClaims(_) => Code::InvalidConfig,
        AllocateError::Contended => Code::TryAgain,
        AllocateError::Inconsistent { .. } | AllocateError::DamagedOwner { .. } => Code::Io,
    };
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    CniError::new(code, error.to_string()).with_details(cause)
}

/// What a runtime is told when a release fails that could not be spooled either.
fn release_error(error: &ReleaseError, attachment: &Attachment) -> CniError {
    let code = match error {
        ReleaseError::Etcd(error) => etcd_error(error).code(),
        ReleaseError::OtherStore { .. } => Code::StoreRestored,
        ReleaseError::Damaged { .. } => Code::Io,
        ReleaseError::Contended(_) => Code::TryAgain,
    };
    CniError::new(code, error.to_string()).with_details(attachment.to_string())
}
