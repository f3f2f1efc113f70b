//! How the store is, and what it stands on: what `status` shows and `doctor` judges.

mod cluster;
mod etcd;
mod store;
mod version;

use ::store::clock::Clock;
use ::store::etcd::{EtcdError, Members};
use ::store::txn::Etcd;
use serde::Serialize;

pub use self::cluster::{ClusterState, LeaderState};
pub use self::etcd::{AlarmState, EtcdState, HealthState, MemberState, Role};
pub use self::store::{FreezeState, StoreState};
pub use self::version::Support;
pub(crate) use self::version::parse as parse_version;

use crate::command::Context;

/// Everything at one moment. The fields' names are those of the JSON.
#[derive(Debug, Default, Serialize)]
pub struct State {
    /// What all keys of the store begin with.
    pub prefix: String,
    /// The store; `None` where it could not be read.
    pub store: Option<StoreState>,
    /// Why the store could not be read.
    pub error: Option<String>,
    /// Why a part of this is missing: the user may not see it.
    pub denied: Option<String>,
    /// The clusters that the store knows, and the one that is meant.
    pub clusters: Vec<ClusterState>,
    /// The etcd that the store lies in.
    pub etcd: EtcdState,
}

impl State {
    /// Looks at the store. `members` is what the members of its etcd said just now.
    pub async fn look<E: Etcd, C: Clock>(context: &Context<E, C>, members: Members) -> Self {
        let mut state = Self {
            prefix: context.prefix.clone(),
            ..Self::default()
        };
        let silence = silence(&members);
        state.etcd = members.into();
        let read = match silence {
            Some(error) => Err(error),
            None => state.read(context).await,
        };
        state.error = read.err().map(|error| error.to_string());
        state
    }

    async fn read<E: Etcd, C: Clock>(&mut self, context: &Context<E, C>) -> Result<(), EtcdError> {
        let store = &context.store;
        let overview = store.overview(context.deadline()).await?;
        let mut found = StoreState::from(overview);
        let keys = store.keys();
        for (number, stretch) in [
            (&mut found.addresses, keys.all_addresses()),
            (&mut found.owners, keys.all_owners()),
            (&mut found.ranges, keys.all_ranges()),
        ] {
            let count = store.count(stretch, context.deadline());
            *number = self.allowed(count.await)?;
        }
        self.store = Some(found);
        let clusters = store.clusters(context.deadline()).await;
        if let Some(mut clusters) = self.allowed(clusters)? {
            clusters.entry(context.cluster.clone()).or_default();
            self.clusters = clusters.into_iter().map(ClusterState::from).collect();
        }
        Ok(())
    }

    /// What the user may see; `None` for what it may not.
    fn allowed<T>(&mut self, read: Result<T, EtcdError>) -> Result<Option<T>, EtcdError> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error @ EtcdError::Denied { .. }) => {
                self.denied = Some(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Why no member can answer anything, where that is so. Waiting for the store would tell nothing
/// more then.
fn silence(members: &Members) -> Option<EtcdError> {
    let mut why = Vec::new();
    for member in &members.members {
        match &member.health {
            Err(error) if error.is_transient() => {
                why.push(format!("{}: {}", member.url, etcd::reason(error)));
            }
            _ => return None,
        }
    }
    Some(EtcdError::Unreachable(why.join("; ")))
}
