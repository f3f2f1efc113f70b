//! The clusters of the store and their collectors.

use serde::Serialize;
use store::election::LeaderRecord;
use store::overview::ClusterOverview;
use store::sweep::LastSweep;

/// A cluster. The fields' names are those of the JSON.
#[derive(Debug, Default, Serialize)]
pub struct ClusterState {
    /// Its name.
    pub name: String,
    /// How many attachments of it have a record.
    pub owners: u64,
    /// Who leads its collectors; `None`: nobody.
    pub leader: Option<LeaderState>,
    /// How the last sweep ended; `None` where that is not known.
    pub last_sweep: Option<LastSweep>,
}

/// Who leads. Empty where that cannot be read.
#[derive(Debug, Default, Serialize)]
pub struct LeaderState {
    /// The collector.
    pub identity: String,
    /// Since when (RFC 3339).
    pub since: String,
}

impl From<LeaderRecord> for LeaderState {
    fn from(record: LeaderRecord) -> Self {
        let LeaderRecord {
            identity, since, ..
        } = record;
        Self { identity, since }
    }
}

impl From<(String, ClusterOverview)> for ClusterState {
    fn from((name, overview): (String, ClusterOverview)) -> Self {
        Self {
            name,
            owners: overview.owners,
            leader: overview.leader.map(LeaderState::from),
            last_sweep: overview.last.and_then(Result::ok),
        }
    }
}
