//! The one small trait through which the store reaches etcd, and the transactions it speaks.
//!
//! Everything is a transaction: one without compares and without writes is a linearizable read
//! (etcd documentation, "KV API guarantees"). A model of etcd in virtual time implements the same
//! trait, so the very same allocation and release also run against it.

use std::future::Future;

use crate::coordination::LeaseId;
use crate::etcd::EtcdError;
use crate::key::KeyRange;

/// etcd, as the store sees it.
pub trait Etcd: Sync {
    /// Carries out one transaction, in one try.
    ///
    /// # Errors
    /// [`EtcdError`], whose kind says whether the transaction may have been applied all the same.
    fn txn(&self, txn: &Txn) -> impl Future<Output = Result<TxnReply, EtcdError>> + Send;
}

/// *If* all of `compares` hold *then* do `then`, else do `otherwise`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold; all are evaluated against the state before the transaction.
    pub compares: Vec<Compare>,
    /// What is done if they do.
    pub then: Vec<Op>,
    /// What is done if not.
    pub otherwise: Vec<Op>,
}

impl Txn {
    /// Reads only.
    pub fn read(gets: impl IntoIterator<Item = Get>) -> Self {
        Self {
            then: gets.into_iter().map(Op::Get).collect(),
            ..Self::default()
        }
    }
}

/// One condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent(String),
    /// The key was last written at this revision.
    ModRevision(String, i64),
    /// The key was created at this revision and has existed ever since.
    CreateRevision(String, i64),
    /// The key exists and has this value.
    Value(String, Vec<u8>),
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads.
    Get(Get),
    /// Writes a key.
    Put(String, Vec<u8>),
    /// Writes a key that etcd deletes when the lease ends.
    PutLeased(String, Vec<u8>, LeaseId),
    /// Deletes a key, if it is there.
    Delete(String),
    /// A transaction within.
    Txn(Txn),
}

/// One read of a key or of a stretch of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// The key, or the first of the stretch.
    pub key: String,
    /// The first key past the stretch; `None` reads one key.
    pub end: Option<String>,
    /// How many keys are returned at most; 0 means all.
    pub limit: i64,
    /// What is returned of each key, and in which order.
    pub view: View,
    /// As of which revision; 0 means now.
    pub revision: i64,
}

/// What a read returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Keys and values in the order of the keys.
    Entries,
    /// Keys only, in their order.
    Keys,
    /// Only how many keys there are.
    Count,
    /// Keys and values, the greatest value first.
    GreatestValues,
}

impl Get {
    /// One key with its value.
    pub fn key(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            end: None,
            limit: 0,
            view: View::Entries,
            revision: 0,
        }
    }

    /// At most `limit` keys of a stretch.
    pub fn range(range: KeyRange, view: View, limit: i64) -> Self {
        Self {
            key: range.start,
            end: Some(range.end),
            limit,
            view,
            revision: 0,
        }
    }

    /// The same as of an earlier revision, which etcd must not have compacted.
    #[must_use]
    pub fn as_of(self, revision: i64) -> Self {
        Self { revision, ..self }
    }
}

/// What etcd says of itself with every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The store's revision when it answered.
    pub revision: i64,
    /// The Raft term in which it answered.
    pub raft_term: u64,
}

/// The answer to a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnReply {
    /// Of the whole transaction.
    pub header: Header,
    /// Which branch was taken.
    pub succeeded: bool,
    /// One answer for each step of that branch.
    pub results: Vec<OpReply>,
}

/// The answer to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpReply {
    /// To a read.
    Get(GetReply),
    /// To a write.
    Put,
    /// To a delete.
    Delete,
    /// To a transaction within.
    Txn(TxnReply),
}

/// The answer to a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetReply {
    /// What was found, at most `limit`.
    pub entries: Vec<Entry>,
    /// Whether the limit cut something off.
    pub more: bool,
    /// How many keys the stretch has, whatever the limit.
    pub count: i64,
}

/// One key as etcd holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name; bytes that are not UTF-8 are replaced, which no key of ours has.
    pub key: String,
    /// Its value; empty where only keys were asked for.
    pub value: Vec<u8>,
    /// The revision that last wrote it.
    pub mod_revision: i64,
}

impl TxnReply {
    /// The reads of the branch that was taken, in order. An answer of another shape than the
    /// question reads as nothing found.
    pub(crate) fn gets(self) -> impl Iterator<Item = GetReply> {
        self.results.into_iter().filter_map(|result| match result {
            OpReply::Get(get) => Some(get),
            OpReply::Put | OpReply::Delete | OpReply::Txn(_) => None,
        })
    }
}

impl GetReply {
    /// The one entry of a read of one key.
    pub(crate) fn into_entry(self) -> Option<Entry> {
        self.entries.into_iter().next()
    }
}
