//! Stops all ADDs of a store, and lets them go on.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::record::FreezeRecord;
use crate::retry::{Deadline, persist};
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, Txn};

/// A freeze as it was read.
#[derive(Clone, Debug)]
pub struct Freeze {
    /// Why, by whom and since when.
    pub record: FreezeRecord,
    value: Vec<u8>,
    mod_revision: i64,
}

impl Freeze {
    fn compares(&self, key: &str) -> Vec<Compare> {
        vec![
            Compare::ModRevision(key.to_owned(), self.mod_revision),
            Compare::Value(key.to_owned(), self.value.clone()),
        ]
    }
}

impl From<Entry> for Freeze {
    fn from(entry: Entry) -> Self {
        Self {
            record: FreezeRecord::parse(&entry.value),
            value: entry.value,
            mod_revision: entry.mod_revision,
        }
    }
}

/// Whether a store is frozen, and what else keeps it from giving out addresses.
#[derive(Clone, Debug)]
pub struct Openness {
    /// The freeze, if there is one.
    pub freeze: Option<Freeze>,
    /// Why no address could be given out even without a freeze.
    pub refusal: Option<Refusal>,
}

/// What became of a change of the freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Made,
    /// The freeze is not what was read any more; nothing was changed.
    Overtaken,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Looks whether the store gives out addresses, and why not.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn openness(&self, deadline: Deadline) -> Result<Openness, EtcdError> {
        let gets = [self.keys.store(), self.keys.freeze()].map(Get::key);
        let (header, replies) = self.read(gets, deadline).await?;
        let mut replies = replies.into_iter();
        let (store, freeze) = (replies.next(), replies.next());
        Ok(Openness {
            refusal: self.admit(header, store.as_ref(), None).err(),
            freeze: freeze.and_then(GetReply::into_entry).map(Freeze::from),
        })
    }

    /// Freezes the store, in the place of the freeze that was read, if one was. What a newer
    /// version wrote into that one is kept.
    ///
    /// # Errors
    /// [`EtcdError`]; the store may be frozen or not.
    pub async fn freeze(
        &self,
        record: &FreezeRecord,
        read: Option<&Freeze>,
        deadline: Deadline,
    ) -> Result<Change, EtcdError> {
        let key = self.keys.freeze();
        let mut record = record.clone();
        let compares = match read {
            Some(freeze) => {
                for (name, value) in &freeze.record.other {
                    record.other.entry(name).or_insert_with(|| value.clone());
                }
                freeze.compares(&key)
            }
            None => vec![Compare::Absent(key.clone())],
        };
        let value = record.to_json().into_bytes();
        let txn = Txn {
            compares,
            then: vec![Op::Put(key.clone(), value.clone())],
            otherwise: vec![Op::Get(Get::key(key))],
        };
        let reply = self.persist(&txn, deadline).await?;
        if reply.succeeded {
            return Ok(Change::Made);
        }
        let standing = reply.gets().next().and_then(GetReply::into_entry);
        Ok(match standing {
            // An earlier try whose answer was lost.
            Some(entry) if entry.value == value => Change::Made,
            _ => Change::Overtaken,
        })
    }

    /// Ends the freeze that was read.
    ///
    /// # Errors
    /// [`EtcdError`]; it may have ended or not.
    pub async fn thaw(&self, freeze: &Freeze, deadline: Deadline) -> Result<Change, EtcdError> {
        let key = self.keys.freeze();
        let txn = Txn {
            compares: freeze.compares(&key),
            then: vec![Op::Delete(key.clone())],
            otherwise: vec![Op::Get(Get::key(key))],
        };
        let mut lost = false;
        let reply = persist(&self.clock, deadline, async || {
            let reply = self.etcd.txn(&txn).await;
            lost |= reply.as_ref().is_err_and(EtcdError::is_unknown);
            reply
        });
        let reply = reply.await?;
        if reply.succeeded {
            return Ok(Change::Made);
        }
        let standing = reply.gets().next().and_then(GetReply::into_entry);
        // An earlier try whose answer was lost.
        Ok(if lost && standing.is_none() {
            Change::Made
        } else {
            Change::Overtaken
        })
    }
}
