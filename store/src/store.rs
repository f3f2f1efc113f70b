//! One store: an etcd, a clock, the keys below a prefix, and what is expected of it.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::{Admitted, Gate, Refusal};
use crate::key::Keyspace;
use crate::retry::{Deadline, persist};
use crate::txn::{Entry, Etcd, Get, GetReply, Header, Txn, TxnReply};

/// A store and how it is reached. Its operations are in [`crate::allocate`], [`crate::release`],
/// [`crate::inspect`] and [`crate::init`].
pub struct Store<E, C> {
    pub(crate) etcd: E,
    pub(crate) clock: C,
    pub(crate) keys: Keyspace,
    pub(crate) gate: Gate,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// The store below `keys` in `etcd`. Nothing is asked of it yet.
    pub const fn new(etcd: E, clock: C, keys: Keyspace, gate: Gate) -> Self {
        Self {
            etcd,
            clock,
            keys,
            gate,
        }
    }

    /// The etcd that the store lies in.
    pub const fn etcd(&self) -> &E {
        &self.etcd
    }

    /// The clock that its deadlines are told by.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The keys of the store.
    pub const fn keys(&self) -> &Keyspace {
        &self.keys
    }

    /// Carries out a transaction, again and again until the deadline.
    pub(crate) async fn persist(
        &self,
        txn: &Txn,
        deadline: Deadline,
    ) -> Result<TxnReply, EtcdError> {
        persist(&self.clock, deadline, async || self.etcd.txn(txn).await).await
    }

    /// Reads; the answers stand in the order of the questions.
    pub(crate) async fn read(
        &self,
        gets: impl IntoIterator<Item = Get>,
        deadline: Deadline,
    ) -> Result<(Header, Vec<GetReply>), EtcdError> {
        let reply = self.persist(&Txn::read(gets), deadline).await?;
        Ok((reply.header, reply.gets().collect()))
    }

    /// Reads one key; `None` where it does not exist.
    pub(crate) async fn read_key(
        &self,
        key: impl Into<String>,
        deadline: Deadline,
    ) -> Result<(Header, Option<Entry>), EtcdError> {
        let (header, replies) = self.read([Get::key(key)], deadline).await?;
        let entry = replies.into_iter().next().and_then(GetReply::into_entry);
        Ok((header, entry))
    }

    /// Checks an answer that holds `meta/store` and `meta/freeze`.
    pub(crate) fn admit(
        &self,
        header: Header,
        store: Option<&GetReply>,
        freeze: Option<&GetReply>,
    ) -> Result<Admitted, Refusal> {
        fn value(get: Option<&GetReply>) -> Option<&[u8]> {
            get.and_then(|get| get.entries.first())
                .map(|entry| entry.value.as_slice())
        }
        self.gate
            .admit(header, &self.keys.store(), value(store), value(freeze))
    }
}
