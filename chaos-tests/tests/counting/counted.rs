//! An etcd that counts.

use std::sync::atomic::{AtomicU32, Ordering};

use store::etcd::{Client, EtcdError};
use store::txn::{Etcd, Txn, TxnReply};

/// A client that counts its round trips.
pub(crate) struct Counted {
    client: Client,
    trips: AtomicU32,
    failures: AtomicU32,
}

impl Counted {
    /// Counts what this client is asked.
    pub(crate) const fn new(client: Client) -> Self {
        Self {
            client,
            trips: AtomicU32::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// How many transactions were sent.
    pub(crate) fn trips(&self) -> u32 {
        self.trips.load(Ordering::Relaxed)
    }

    /// How many of them got no answer in time. One that etcd refused is a trip like any other.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl Etcd for Counted {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        self.trips.fetch_add(1, Ordering::Relaxed);
        let reply = self.client.txn(txn).await;
        if reply.as_ref().is_err_and(EtcdError::is_transient) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        reply
    }
}
