//! The store itself.

use serde::Serialize;
use store::init::ARMED_TERM;
use store::overview::Overview;
use store::record::FreezeRecord;

/// The store. The fields' names are those of the JSON.
#[derive(Debug, Default, Serialize)]
pub struct StoreState {
    /// Its id; this and the next four are `None` where it has no birth certificate that can be
    /// read.
    pub id: Option<String>,
    /// The version of its keyspace.
    pub schema: Option<u32>,
    /// The Raft term that a restored snapshot would fall below.
    pub sealed_term: Option<u64>,
    /// Whether the seal is high enough for that.
    pub armed: Option<bool>,
    /// How often it was recovered, and when last.
    pub epoch: Option<u64>,
    /// etcd's Raft term.
    pub raft_term: u64,
    /// etcd's revision.
    pub revision: i64,
    /// Why no address could be given out even without a freeze.
    pub refusal: Option<String>,
    /// Why it is frozen, where it is.
    pub frozen: Option<FreezeState>,
    /// How many addresses are taken, by whomever; this and the next two are `None` where the user
    /// may not see them.
    pub addresses: Option<u64>,
    /// How many attachments have a record.
    pub owners: Option<u64>,
    /// How many ranges are configured.
    pub ranges: Option<u64>,
}

/// A freeze. Empty where nobody said.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FreezeState {
    /// Why.
    pub reason: String,
    /// Who froze it.
    pub by: String,
    /// Since when (RFC 3339).
    pub since: String,
}

impl From<FreezeRecord> for FreezeState {
    fn from(record: FreezeRecord) -> Self {
        let FreezeRecord {
            reason, by, since, ..
        } = record;
        Self { reason, by, since }
    }
}

impl StoreState {
    /// Whether it gives out addresses.
    pub const fn is_open(&self) -> bool {
        self.refusal.is_none() && self.frozen.is_none()
    }
}

impl From<Overview> for StoreState {
    fn from(overview: Overview) -> Self {
        let Overview {
            header,
            store,
            freeze,
            refusal,
        } = overview;
        let store = store.and_then(Result::ok);
        Self {
            schema: store.as_ref().map(|store| store.schema),
            sealed_term: store.as_ref().map(|store| store.sealed_term),
            armed: store.as_ref().map(|store| store.sealed_term >= ARMED_TERM),
            epoch: store.as_ref().map(|store| store.epoch),
            id: store.map(|store| store.id),
            raft_term: header.raft_term,
            revision: header.revision,
            refusal: refusal.map(|refusal| refusal.to_string()),
            frozen: freeze.map(FreezeState::from),
            ..Self::default()
        }
    }
}
