//! Release: an attachment gives back exactly what it holds.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::inspect::Owner;
use crate::key::holder_name;
use crate::names::Attachment;
use crate::record::{Cooldown, DamagedValue, Holder, OwnerRecord, Reservation, StoreRecord};
use crate::retry::{Backoff, Deadline, persist};
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, Txn};

/// What a release found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// The attachment held these addresses and holds them no longer.
    Gone(Box<OwnerRecord>),
    /// It held nothing.
    Nothing,
}

/// Why an attachment still holds its addresses.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// etcd could not be asked, or refused.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// Another store answers than the one in which the addresses were taken.
    #[error("the store is {}, but the addresses were taken in {expected}", found.as_deref().unwrap_or("not initialised"))]
    OtherStore {
        /// The id of the store that was expected.
        expected: String,
        /// The id of the one that answers.
        found: Option<String>,
    },
    /// What it holds cannot be read, so nothing is deleted.
    #[error("the owner record {key} is damaged and left as it is: an operator must look at it")]
    Damaged {
        /// The owner key.
        key: String,
        /// What is wrong with its value.
        source: DamagedValue,
    },
    /// The record kept changing under our hands.
    #[error("the owner record {0} keeps changing")]
    Contended(String),
}

/// An owner record as it was read, which a release will find unchanged or not touch.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The owner key.
    pub key: String,
    /// Its value, to the byte.
    pub value: Vec<u8>,
    /// The revision that last wrote it.
    pub mod_revision: i64,
}

impl From<Entry> for Judged {
    fn from(entry: Entry) -> Self {
        Self {
            key: entry.key,
            value: entry.value,
            mod_revision: entry.mod_revision,
        }
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Releases whatever `attachment` holds; again and again until that is certain. Works while the
    /// store is frozen. Where `store_id` is given, only in that store.
    ///
    /// # Errors
    /// [`ReleaseError`]; the attachment may then hold its addresses still.
    pub async fn release(
        &self,
        attachment: &Attachment,
        store_id: Option<&str>,
        deadline: Deadline,
    ) -> Result<Released, ReleaseError> {
        self.release_where(attachment, store_id, deadline, |_| true)
            .await
    }

    /// Releases what `attachment` holds, if the record was written under the random `id`: the way
    /// back for a process whose own ADD must not stand.
    ///
    /// # Errors
    /// As [`Store::release`].
    pub async fn undo(
        &self,
        attachment: &Attachment,
        id: &str,
        deadline: Deadline,
    ) -> Result<Released, ReleaseError> {
        self.release_where(attachment, None, deadline, |record| record.id == id)
            .await
    }

    async fn release_where(
        &self,
        attachment: &Attachment,
        store_id: Option<&str>,
        deadline: Deadline,
        wanted: impl Fn(&OwnerRecord) -> bool,
    ) -> Result<Released, ReleaseError> {
        let key = self.keys.owner(attachment);
        let mut released = Released::Nothing;
        let mut backoff = Backoff::new();
        loop {
            let gets = [Get::key(&key), Get::key(self.keys.store())];
            let (_, replies) = self.read(gets, deadline).await?;
            let mut replies = replies.into_iter().map(GetReply::into_entry);
            let (owner, store) = (replies.next().flatten(), replies.next().flatten());
            same_store(store_id, store)?;
            let Some(owner) = owner else {
                return Ok(released);
            };
            let judged = Judged::from(owner);
            let record =
                OwnerRecord::parse(&judged.value).map_err(|source| ReleaseError::Damaged {
                    key: key.clone(),
                    source,
                })?;
            if !wanted(&record) {
                return Ok(released);
            }
            match self.release_judged(attachment, &judged, &record).await {
                Ok(true) => return Ok(Released::Gone(Box::new(record))),
                // Another look shows whether it was applied, or what changed.
                Ok(false) => {}
                Err(error) if error.is_unknown() => released = Released::Gone(Box::new(record)),
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.into()),
            }
            if !backoff.pause(&self.clock, deadline).await {
                return Err(ReleaseError::Contended(key));
            }
        }
    }

    /// Releases one record in one transaction, if it is still what was judged: `false` if not.
    ///
    /// # Errors
    /// [`EtcdError`], after which the record may be gone or not.
    pub async fn release_judged(
        &self,
        attachment: &Attachment,
        judged: &Judged,
        record: &OwnerRecord,
    ) -> Result<bool, EtcdError> {
        let rest = self.rest(attachment, record);
        let resting = rest.is_some();
        let reply = match self
            .etcd
            .txn(&self.release_txn(attachment, judged, record, rest))
            .await
        {
            // Without space etcd refuses whatever contains a put, but deletes pass: rather no rest
            // for the address than no release.
            Err(EtcdError::NoSpace(_)) if resting => {
                self.etcd
                    .txn(&self.release_txn(attachment, judged, record, None))
                    .await
            }
            reply => reply,
        };
        Ok(reply?.succeeded)
    }

    /// Releases a record that a listing showed, if it is still what was listed: `false` if it has
    /// changed or is gone.
    ///
    /// # Errors
    /// [`EtcdError`], after which the record may be gone or not.
    pub async fn release_listed(
        &self,
        owner: &Owner,
        deadline: Deadline,
    ) -> Result<bool, EtcdError> {
        let Owner {
            attachment,
            record,
            judged,
        } = owner;
        let once = async || self.release_judged(attachment, judged, record).await;
        persist(&self.clock, deadline, once).await
    }

    /// The same, but what was held goes into quarantine instead of being free, in the same
    /// transaction.
    ///
    /// # Errors
    /// As [`Store::release_listed`].
    pub async fn release_into_quarantine(
        &self,
        owner: &Owner,
        why: Reservation,
        deadline: Deadline,
    ) -> Result<bool, EtcdError> {
        let Owner {
            attachment,
            record,
            judged,
        } = owner;
        let leave = Holder::Quarantine(why).into_value();
        let txn = self.release_txn(attachment, judged, record, Some(leave));
        Ok(self.persist(&txn, deadline).await?.succeeded)
    }

    /// Deletes the record, and leaves a value at each of its addresses, or none.
    pub(crate) fn release_txn(
        &self,
        attachment: &Attachment,
        judged: &Judged,
        record: &OwnerRecord,
        leave: Option<String>,
    ) -> Txn {
        let holder = holder_name(attachment);
        let leave = leave.map(String::into_bytes);
        let addresses = record.addresses.iter().map(|held| {
            let key = self.keys.address(&held.space, held.address);
            let leave = match &leave {
                Some(value) => Op::Put(key.clone(), value.clone()),
                None => Op::Delete(key.clone()),
            };
            Op::Txn(Txn {
                compares: vec![Compare::Value(key, holder.clone().into_bytes())],
                then: vec![leave],
                otherwise: vec![],
            })
        });
        Txn {
            compares: vec![
                Compare::ModRevision(judged.key.clone(), judged.mod_revision),
                Compare::Value(judged.key.clone(), judged.value.clone()),
            ],
            then: std::iter::once(Op::Delete(judged.key.clone()))
                .chain(addresses)
                .collect(),
            otherwise: vec![],
        }
    }

    /// What a release leaves at the addresses of a record, where they are to rest.
    pub(crate) fn rest(&self, attachment: &Attachment, record: &OwnerRecord) -> Option<String> {
        let rest = || Cooldown {
            released: humantime::format_rfc3339_seconds(self.clock.wall()).to_string(),
            cooldown_s: record.cooldown_s,
            was: holder_name(attachment),
        };
        (record.cooldown_s > 0).then(|| Holder::Cooldown(rest()).into_value())
    }
}

fn same_store(expected: Option<&str>, store: Option<Entry>) -> Result<(), ReleaseError> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let found = store
        .and_then(|entry| StoreRecord::parse(&entry.value).ok())
        .map(|store| store.id);
    if found.as_deref() == Some(expected) {
        return Ok(());
    }
    Err(ReleaseError::OtherStore {
        expected: expected.to_owned(),
        found,
    })
}
