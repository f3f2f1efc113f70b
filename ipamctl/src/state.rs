//! How the store is, and what it stands on: what `status` shows and `doctor` judges.

mod cluster;
mod etcd;
mod store;
mod version;

use ::store::clock::Clock;
use ::store::etcd::{EtcdError, Members};
use ::store::txn::Etcd;
use serde::Serialize;

pub use self::cluster::ClusterState;
pub use self::etcd::{EtcdState, HealthState, MemberState, Role};
pub use self::store::{FreezeState, StoreState};
pub use self::version::Support;

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
        self.store = Some(store.overview(context.deadline()).await?.into());
        let mut clusters = store.clusters(context.deadline()).await?;
        clusters.entry(context.cluster.clone()).or_default();
        self.clusters = clusters.into_iter().map(ClusterState::from).collect();
        Ok(())
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
