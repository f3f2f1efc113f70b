//! The birth of a store: once, by an operator, never by a node. An etcd that lost its data must not
//! look like a new one.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::record::{SCHEMA, StoreRecord};
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Op, Txn};

/// A new store's Raft term is raised to at least this before it is sealed, so that a restore, which
/// restarts the term, falls below the seal.
pub const ARMED_TERM: u64 = 64;

/// What `init` found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Birth {
    /// The store was there before and is untouched.
    Existing(StoreRecord),
    /// The store was created now.
    Created(StoreRecord),
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// etcd could not be asked, or refused.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// There is one, and it must not be used.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Creates the store if it does not exist. A random id makes it known from every other.
    ///
    /// # Errors
    /// [`InitError::Refused`] if one exists whose seal says that it was restored: sealing it anew
    /// would hide that.
    pub async fn init(&self, deadline: Deadline) -> Result<Birth, InitError> {
        let key = self.keys.store();
        let (header, standing) = self.read_key(&key, deadline).await?;
        if standing.is_some() {
            return self.existing(header, standing);
        }
        let record = StoreRecord {
            schema: SCHEMA,
            id: self.clock.random_id(),
            sealed_term: header.raft_term,
            epoch: 0,
            other: serde_json::Map::new(),
        };
        let txn = Txn {
            compares: vec![Compare::Absent(key.clone())],
            then: vec![Op::Put(key.clone(), record.to_json().into_bytes())],
            otherwise: vec![],
        };
        self.persist(&txn, deadline).await?;
        // Whoever was first, and however often it was sent: what stands there now is the store.
        let (header, standing) = self.read_key(&key, deadline).await?;
        match self.existing(header, standing)? {
            Birth::Existing(found) if found.id == record.id => Ok(Birth::Created(found)),
            birth => Ok(birth),
        }
    }

    fn existing(
        &self,
        header: crate::txn::Header,
        standing: Option<Entry>,
    ) -> Result<Birth, InitError> {
        let key = self.keys.store();
        let entry = standing.ok_or_else(|| Refusal::NotInitialised(key.clone()))?;
        self.gate.admit(header, &key, Some(&entry.value), None)?;
        let record = StoreRecord::parse(&entry.value).map_err(|_| Refusal::Damaged(key))?;
        Ok(Birth::Existing(record))
    }
}
