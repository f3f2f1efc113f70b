//! Import: what another store or another plugin gave out becomes taken here, where it is free.

use crate::address::Address;
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::key::{Keyspace, holder_name};
use crate::names::{Attachment, Space};
use crate::record::{FreezeRecord, HeldAddress, RangeRecord};
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, Txn};

/// The most addresses of one attachment that one transaction takes; etcd's limit is 128 operations.
pub const MOST_ADDRESSES: usize = 100;
/// How many keys are looked at in one transaction.
const LOOKS: usize = 100;

/// Keys and values that are written together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel(Vec<(String, Vec<u8>)>);

impl Parcel {
    /// An attachment's record, whose JSON is `record`, and the addresses that it names.
    pub fn attachment(
        keys: &Keyspace,
        attachment: &Attachment,
        addresses: &[HeldAddress],
        record: String,
    ) -> Self {
        let holder = holder_name(attachment).into_bytes();
        let addresses = addresses.iter().map(|held| {
            let key = keys.address(&held.space, held.address);
            (key, holder.clone())
        });
        let owner = (keys.owner(attachment), record.into_bytes());
        Self([owner].into_iter().chain(addresses).collect())
    }

    /// An address that rests or that an operator keeps; `value` is its holder's JSON.
    pub fn kept(keys: &Keyspace, space: &Space, address: Address, value: String) -> Self {
        Self(vec![(keys.address(space, address), value.into_bytes())])
    }

    /// What was configured for a range, whose JSON is `value`. `None` where the record is none of a
    /// range.
    pub fn range(
        keys: &Keyspace,
        space: &Space,
        record: &RangeRecord,
        value: String,
    ) -> Option<Self> {
        let key = keys.range(space, &record.range()?);
        Some(Self(vec![(key, value.into_bytes())]))
    }

    /// Which Kubernetes cluster goes by a name.
    pub fn identity(keys: &Keyspace, cluster: &str, uid: &str) -> Self {
        Self(vec![(keys.identity(cluster), uid.as_bytes().to_vec())])
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The keys with their values.
    pub fn entries(&self) -> &[(String, Vec<u8>)] {
        &self.0
    }
}

/// A store into which something is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its id.
    pub store_id: String,
    /// The value of `meta/freeze`, which must not change meanwhile; `None`: there must be none.
    pub freeze: Option<Vec<u8>>,
}

impl Terms {
    /// Why the store is frozen, where it is.
    pub fn frozen(&self) -> Option<String> {
        self.freeze
            .as_ref()
            .map(|value| FreezeRecord::parse(value).reason)
    }
}

/// What became of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is written.
    Written,
    /// Nothing was written: this stands in its place.
    Taken {
        /// One of its keys.
        key: String,
        /// That key's value.
        value: Vec<u8>,
    },
}

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// etcd could not be asked, or refused.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The store may not be written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store was frozen when the import began.
    #[error("the store was thawed, or frozen anew, while the import ran")]
    Thawed,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Looks whether the store may be written, and whether it is frozen.
    ///
    /// # Errors
    /// [`ImportError::Refused`] if it is not to be trusted.
    pub async fn import_terms(&self, deadline: Deadline) -> Result<Terms, ImportError> {
        let gets = [self.keys.store(), self.keys.freeze()].map(Get::key);
        let (header, replies) = self.read(gets, deadline).await?;
        let mut replies = replies.into_iter();
        let store = replies.next();
        let admitted = self.admit(header, store.as_ref(), None)?;
        let freeze = replies.next().and_then(GetReply::into_entry);
        Ok(Terms {
            store_id: admitted.store_id,
            freeze: freeze.map(|entry| entry.value),
        })
    }

    /// What stands under some keys, in their order.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn values_of<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        deadline: Deadline,
    ) -> Result<Vec<Option<Vec<u8>>>, EtcdError> {
        let keys: Vec<_> = keys.into_iter().collect();
        let mut found = Vec::with_capacity(keys.len());
        for batch in keys.chunks(LOOKS) {
            let gets = batch.iter().map(|key| Get::key(*key));
            let (_, replies) = self.read(gets, deadline).await?;
            let values = replies.into_iter().map(GetReply::into_entry);
            found.extend(values.map(|entry| entry.map(|entry| entry.value)));
        }
        Ok(found)
    }

    /// Writes a parcel, if none of its keys exists and the store is as frozen as the terms say.
    /// Safe to call again after any outcome: a parcel that stands already counts as written.
    ///
    /// # Errors
    /// [`ImportError`], after which it may be written or not.
    pub async fn import(
        &self,
        parcel: &Parcel,
        terms: &Terms,
        deadline: Deadline,
    ) -> Result<Delivery, ImportError> {
        let freeze = self.keys.freeze();
        let context = [self.keys.store(), freeze.clone()];
        let look = || context.iter().map(|key| Op::Get(Get::key(key)));
        let as_frozen = match &terms.freeze {
            Some(value) => Compare::Value(freeze, value.clone()),
            None => Compare::Absent(freeze),
        };
        let free = parcel.keys().map(|key| Compare::Absent(key.to_owned()));
        let entries = parcel.0.iter().cloned();
        let txn = Txn {
            compares: [as_frozen].into_iter().chain(free).collect(),
            then: look()
                .chain(entries.map(|(key, value)| Op::Put(key, value)))
                .collect(),
            otherwise: look()
                .chain(parcel.keys().map(|key| Op::Get(Get::key(key))))
                .collect(),
        };
        let reply = self.persist(&txn, deadline).await?;
        let (header, succeeded) = (reply.header, reply.succeeded);
        let mut gets = reply.gets();
        let (store, freeze) = (gets.next(), gets.next());
        let open = terms.freeze.is_none();
        let admitted = self.admit(header, store.as_ref(), freeze.as_ref().filter(|_| open))?;
        if admitted.store_id != terms.store_id {
            return Err(ImportError::Refused(Refusal::OtherStore {
                expected: terms.store_id.clone(),
                found: admitted.store_id,
            }));
        }
        if succeeded {
            return Ok(Delivery::Written);
        }
        let standing: Vec<Option<Entry>> = gets.map(GetReply::into_entry).collect();
        let is_own = |(entry, (_, value)): (&Option<Entry>, &(String, Vec<u8>))| {
            entry.as_ref().is_some_and(|entry| entry.value == *value)
        };
        // An earlier try whose answer was lost.
        if standing.len() == parcel.0.len() && standing.iter().zip(&parcel.0).all(is_own) {
            return Ok(Delivery::Written);
        }
        let foreign = standing.into_iter().zip(&parcel.0);
        let mut foreign = foreign.filter(|(entry, own)| !is_own((entry, own)));
        match foreign.find_map(|(entry, _)| entry) {
            Some(Entry { key, value, .. }) => Ok(Delivery::Taken { key, value }),
            None => Err(ImportError::Thawed),
        }
    }
}
