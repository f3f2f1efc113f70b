//! How far the history of a cluster's tenancies has been written out.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::collect::Fenced;
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::Etcd;

/// The value of the history key.
#[derive(Serialize, Deserialize)]
struct Position {
    revision: i64,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// The revision up to which the history has been written out, if any has been; and the store's
    /// revision now. A position that cannot be read counts as none.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn history_position(
        &self,
        cluster: &str,
        deadline: Deadline,
    ) -> Result<(Option<i64>, i64), EtcdError> {
        let key = self.keys.history(cluster);
        let (header, entry) = self.read_key(key, deadline).await?;
        let position =
            entry.and_then(|entry| serde_json::from_slice::<Position>(&entry.value).ok());
        Ok((position.map(|position| position.revision), header.revision))
    }

    /// Records that the history has been written out up to this revision. Works while the store is
    /// frozen, like the releases that it is about.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be recorded or not.
    pub async fn record_history(
        &self,
        fence: &Fence,
        cluster: &str,
        revision: i64,
        deadline: Deadline,
    ) -> Result<Fenced<()>, EtcdError> {
        let value = serde_json::to_vec(&Position { revision }).unwrap_or_default();
        let key = self.keys.history(cluster);
        self.put_as_leader(fence, key, value, deadline).await
    }
}
