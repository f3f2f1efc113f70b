//! What a daemon needs of etcd beside transactions: leases and watches.
//!
//! Apart from [`Etcd`], because nothing on the path of a pod uses them: no address ever hangs on a
//! lease.

use std::future::Future;
use std::time::Duration;

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::key::{KeyRange, Keyspace};
use crate::names::Attachment;
use crate::record::OwnerRecord;
use crate::store::Store;
use crate::txn::{Etcd, Header};

/// A lease's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseId(pub i64);

/// An etcd that grants leases and tells of changes.
pub trait Coordination: Etcd {
    /// A watch of this etcd.
    type Watch: Watch;

    /// Grants a lease of this length, rounded up to whole seconds.
    ///
    /// # Errors
    /// [`EtcdError`]; a lease that was granted all the same ends by itself.
    fn grant(&self, ttl: Duration) -> impl Future<Output = Result<LeaseId, EtcdError>> + Send;

    /// Lets a lease begin anew: `false` if it has ended.
    ///
    /// # Errors
    /// [`EtcdError`]; it may have begun anew or not.
    fn keep_alive(&self, lease: LeaseId) -> impl Future<Output = Result<bool, EtcdError>> + Send;

    /// Ends a lease, and with it the keys that hang on it.
    ///
    /// # Errors
    /// [`EtcdError`]; it may have ended or not.
    fn revoke(&self, lease: LeaseId) -> impl Future<Output = Result<(), EtcdError>> + Send;

    /// Watches a stretch of keys from this revision on, that one included.
    ///
    /// # Errors
    /// [`EtcdError`] if the watch cannot begin.
    fn watch(
        &self,
        stretch: &KeyRange,
        from: i64,
    ) -> impl Future<Output = Result<Self::Watch, EtcdError>> + Send;
}

/// Changes as they happen.
pub trait Watch: Send {
    /// Waits for the next changes.
    ///
    /// # Errors
    /// [`EtcdError`] when the watch has ended; a new one may go on from the next revision.
    /// [`EtcdError::Compacted`] if etcd has forgotten the revision that it was to begin from.
    fn next(&mut self) -> impl Future<Output = Result<Changes, EtcdError>> + Send;
}

/// Some changes, in the order of their revisions. Those of one revision are never torn apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Of the answer; its revision is the one up to which all that changed has been told by now.
    pub header: Header,
    /// What changed; now and then nothing (etcd's progress notification, every ten minutes).
    pub changes: Vec<Change>,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The revision that changed it.
    pub revision: i64,
    /// Its value now; `None` if it was deleted.
    pub value: Option<Vec<u8>>,
    /// Its value before; `None` if it did not exist, or if etcd has compacted that revision.
    pub before: Option<Vec<u8>>,
    /// Whether the change created it.
    pub created: bool,
}

/// A change of an owner record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerChange {
    /// Whose record it is.
    pub attachment: Attachment,
    /// What it was; `None` if there was none, or if it cannot be known or read any more.
    pub before: Option<OwnerRecord>,
    /// What it is; `None` if it is gone or cannot be read.
    pub now: Option<OwnerRecord>,
}

impl Change {
    /// What it did to an owner record; `None` if its key is not that of one.
    pub fn of_owner(&self, keys: &Keyspace) -> Option<OwnerChange> {
        let record = |value: &Option<Vec<u8>>| OwnerRecord::parse(value.as_deref()?).ok();
        Some(OwnerChange {
            attachment: keys.parse_owner(&self.key)?,
            before: record(&self.before),
            now: record(&self.value),
        })
    }
}

impl<E: Coordination, C: Clock> Store<E, C> {
    /// Waits until a key changes after a revision.
    pub(crate) async fn await_change(&self, key: &str, after: i64) -> Result<(), EtcdError> {
        let mut watch = self.etcd.watch(&KeyRange::of_key(key), after + 1).await?;
        while watch.next().await?.changes.is_empty() {}
        Ok(())
    }
}
