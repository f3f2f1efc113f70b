//! What an operator changes key by key: each change is made only if its key is still as it was
//! read.
//!
//! Unlike what the collector writes this is not fenced: an operator is nobody's rival, and a frozen
//! store is theirs to work on.

use crate::address::Address;
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::inspect::Owner;
use crate::key::holder_name;
use crate::names::{Attachment, Space};
use crate::record::Holder;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, OpReply, Txn};

/// How many changes [`Store::amend`] takes at once; etcd's limit is 128 operations.
pub const BATCH: usize = 60;

/// One change of one key, and what must hold for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    key: String,
    compares: Vec<Compare>,
    /// `None` deletes.
    value: Option<Vec<u8>>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amended {
    /// It was made.
    Done,
    /// Somebody was faster, and nothing was changed: what stands at the key now.
    Changed(Option<Entry>),
}

impl Amendment {
    /// Deletes a key that still is what was read.
    pub fn delete(entry: &Entry) -> Self {
        Self {
            key: entry.key.clone(),
            compares: unchanged(entry),
            value: None,
        }
    }

    /// The key that it changes.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What must hold of a key that still is what was read. A store that was restored gives out the
/// same revisions again, hence the value.
fn unchanged(entry: &Entry) -> Vec<Compare> {
    vec![
        Compare::ModRevision(entry.key.clone(), entry.mod_revision),
        Compare::Value(entry.key.clone(), entry.value.clone()),
    ]
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Gives an address to a holder, if what stands at its key is still what was `found` there.
    pub fn give(
        &self,
        space: &Space,
        address: Address,
        found: Option<&Entry>,
        holder: Holder,
    ) -> Amendment {
        let key = self.keys.address(space, address);
        Amendment {
            compares: match found {
                Some(entry) => unchanged(entry),
                None => vec![Compare::Absent(key.clone())],
            },
            key,
            value: Some(holder.into_value().into_bytes()),
        }
    }

    /// Deletes an address key that still is what was read, if the attachment that it names has no
    /// record.
    pub fn drop_orphan(&self, entry: &Entry, attachment: &Attachment) -> Amendment {
        let mut amendment = Amendment::delete(entry);
        let no_owner = Compare::Absent(self.keys.owner(attachment));
        amendment.compares.push(no_owner);
        amendment
    }

    /// Puts back the key of an address that a record claims, if there is none, and if the record
    /// still is what was read.
    pub fn put_back(&self, owner: &Owner, space: &Space, address: Address) -> Amendment {
        let key = self.keys.address(space, address);
        let judged = &owner.judged;
        Amendment {
            compares: vec![
                Compare::Absent(key.clone()),
                Compare::ModRevision(judged.key.clone(), judged.mod_revision),
                Compare::Value(judged.key.clone(), judged.value.clone()),
            ],
            key,
            value: Some(holder_name(&owner.attachment).into_bytes()),
        }
    }

    /// Makes at most [`BATCH`] changes in one transaction, each for itself: what became of them
    /// stands in their order.
    ///
    /// # Errors
    /// [`EtcdError`], after which each of them may be made or not.
    pub async fn amend(
        &self,
        batch: &[Amendment],
        deadline: Deadline,
    ) -> Result<Vec<Amended>, EtcdError> {
        let change = |amendment: &Amendment| {
            let Amendment {
                key,
                compares,
                value,
            } = amendment.clone();
            let look = Op::Get(Get::key(&key));
            Op::Txn(Txn {
                compares,
                then: vec![match value {
                    Some(value) => Op::Put(key, value),
                    None => Op::Delete(key),
                }],
                otherwise: vec![look],
            })
        };
        let txn = Txn {
            then: batch.iter().map(change).collect(),
            ..Txn::default()
        };
        let reply = self.persist(&txn, deadline).await?;
        let replies = reply.results.into_iter();
        Ok(batch.iter().zip(replies).map(outcome).collect())
    }

    /// One key as it stands now.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn entry(&self, key: &str, deadline: Deadline) -> Result<Option<Entry>, EtcdError> {
        Ok(self.read_key(key, deadline).await?.1)
    }
}

fn outcome((amendment, reply): (&Amendment, OpReply)) -> Amended {
    let OpReply::Txn(reply) = reply else {
        return Amended::Changed(None);
    };
    if reply.succeeded {
        return Amended::Done;
    }
    let standing = reply.gets().next().and_then(GetReply::into_entry);
    // An earlier try whose answer was lost.
    if standing.as_ref().map(|entry| &entry.value) == amendment.value.as_ref() {
        return Amended::Done;
    }
    Amended::Changed(standing)
}
