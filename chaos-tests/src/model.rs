//! A model of etcd: what one cluster answers, as a pure function of what it was asked before.
//!
//! Nothing here knows of members, networks or time that passes by itself: requests are applied one after
//! the other, as Raft does it, and whoever applies them says what time it is. [`crate::conformance`]
//! compares the model with real servers, request by request.

mod lease;
mod log;
mod read;
mod refused;
mod request;
mod transaction;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use store::txn::Header;

use crate::install::Install;

pub use lease::Lease;
pub use log::{Change, Commit};
pub use refused::Refused;
pub(crate) use request::takes_space;

/// What etcd takes in one transaction unless it is told otherwise (`--max-txn-ops`).
pub const MAX_TXN_OPS: usize = 128;
/// The largest request that is taken (`--max-request-bytes`).
pub const MAX_REQUEST_BYTES: usize = 3 << 19;
/// The Raft term of a new or restored cluster once it has its first leader.
pub const FIRST_TERM: u64 = 2;
/// How long a cluster waits for its leader before it elects another (`--election-timeout`).
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Which etcd it is, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.4.23.
    V3_4,
    /// 3.5.30.
    V3_5,
}

impl Version {
    /// That of an installed etcd; `None` for one that the model does not know.
    pub fn of(install: &Install) -> Option<Self> {
        match install.version {
            [3, 4, _] => Some(Self::V3_4),
            [3, 5, _] => Some(Self::V3_5),
            _ => None,
        }
    }
}

/// A key with all that etcd holds of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its value.
    pub value: Arc<[u8]>,
    /// The revision that created it.
    pub created: i64,
    /// The revision that last wrote it.
    pub modified: i64,
    /// How often it was written since it was created.
    pub version: i64,
    /// The lease that it hangs on; 0 is none.
    pub lease: i64,
}

/// One cluster. A clone is a snapshot of it.
#[derive(Clone, Debug)]
pub struct Model {
    version: Version,
    revision: i64,
    /// What was compacted last; -1 before the first time.
    compacted: i64,
    term: u64,
    keys: BTreeMap<Arc<str>, Kept>,
    log: Vec<Arc<Commit>>,
    leases: BTreeMap<i64, Lease>,
    next_lease: i64,
    out_of_space: bool,
    max_txn_ops: usize,
}

impl Model {
    /// A new, empty cluster.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            revision: 1,
            compacted: -1,
            term: FIRST_TERM,
            keys: BTreeMap::new(),
            log: Vec::new(),
            leases: BTreeMap::new(),
            next_lease: 1,
            out_of_space: false,
            max_txn_ops: MAX_TXN_OPS,
        }
    }

    /// The same with another `--max-txn-ops`.
    #[must_use]
    pub fn with_max_txn_ops(self, max_txn_ops: usize) -> Self {
        Self {
            max_txn_ops,
            ..self
        }
    }

    /// A cluster that holds nothing, has compacted all it ever held, and stands at this revision and term.
    pub fn emptied(version: Version, header: Header) -> Self {
        Self {
            revision: header.revision,
            compacted: header.revision,
            term: header.raft_term,
            ..Self::new(version)
        }
    }

    /// What it says of itself with every answer.
    pub const fn header(&self) -> Header {
        Header {
            revision: self.revision,
            raft_term: self.term,
        }
    }

    /// Whether a key exists.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Every key that there is now.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &Kept)> {
        self.keys.iter().map(|(key, kept)| (&**key, kept))
    }

    /// All that was ever committed, the compacted included.
    pub fn log(&self) -> &[Arc<Commit>] {
        &self.log
    }

    /// Forgets what was before this revision.
    pub fn compact(&mut self, revision: i64) -> Result<(), Refused> {
        if revision <= self.compacted {
            return Err(Refused::Compacted);
        }
        if revision > self.revision {
            return Err(Refused::FutureRevision);
        }
        self.compacted = revision;
        Ok(())
    }

    /// The last revision that was compacted; -1 where none was.
    pub const fn compacted(&self) -> i64 {
        self.compacted
    }

    /// Raises or disarms the alarm for want of space.
    pub const fn set_out_of_space(&mut self, out_of_space: bool) {
        self.out_of_space = out_of_space;
    }

    /// Whether that alarm stands.
    pub const fn is_out_of_space(&self) -> bool {
        self.out_of_space
    }

    /// Elects a leader, and with it a new term. The new leader does not know how long the leases have
    /// lasted, so each begins anew, with an election timeout on top.
    pub fn elect(&mut self, now: Duration) {
        self.term += 1;
        self.renew_leases(now);
    }

    /// Turns into what a snapshot of it, which `snapshot` is, gives when it is restored: its revisions
    /// are those of the snapshot, `bump` added, and the term begins again. A bump also compacts
    /// everything before.
    pub fn restore(&mut self, snapshot: Self, bump: i64, now: Duration) {
        *self = snapshot;
        if bump > 0 {
            self.revision += bump;
            self.compacted = self.revision;
        }
        self.term = FIRST_TERM;
        self.renew_leases(now);
    }

    /// Puts the data of another time back, as they were, whatever was restored since.
    pub fn put_back(&mut self, original: Self, now: Duration) {
        *self = original;
        self.elect(now);
    }
}
