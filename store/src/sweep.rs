//! How the last sweep of a cluster's collector ended, for whoever looks at the store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::collect::Fenced;
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::Etcd;

/// The longest error that is written (characters); the collector's log has the whole.
const LONGEST_ERROR: usize = 1000;

/// The last sweep, in short. All times are RFC 3339, by the collector's wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastSweep {
    /// Who swept.
    pub by: String,
    /// When it ended.
    pub ended: String,
    /// How it ended, as in the collector's report: `complete`, `void` and so on.
    pub result: String,
    /// Why it is void, or what interrupted it; for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many owner records the cluster had.
    pub records: u64,
    /// How many of them were released; in a dry run: would have been.
    pub released: u64,
    /// When the next one is due; absent where none is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Records how a sweep ended. Works while the store is frozen, because it is then that people
    /// look.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be recorded or not.
    pub async fn record_sweep(
        &self,
        fence: &Fence,
        cluster: &str,
        sweep: &LastSweep,
        deadline: Deadline,
    ) -> Result<Fenced<()>, EtcdError> {
        let shortened = LastSweep {
            error: sweep
                .error
                .as_deref()
                .map(|error| error.chars().take(LONGEST_ERROR).collect()),
            ..sweep.clone()
        };
        let value = serde_json::to_vec(&shortened).unwrap_or_default();
        let key = self.keys.last_sweep(cluster);
        self.put_as_leader(fence, key, value, deadline).await
    }
}
