//! etcd, with every request measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::coordination::{Coordination, LeaseId};
use store::etcd::EtcdError;
use store::key::KeyRange;
use store::txn::{Etcd, Txn, TxnReply};

use crate::metrics::Metrics;

/// The kinds of requests, as metrics name them.
pub const OPERATIONS: [&str; 5] = [
    "txn",
    "lease_grant",
    "lease_keep_alive",
    "lease_revoke",
    "watch",
];

/// An etcd whose requests show in the metrics.
pub struct Measured<E> {
    etcd: E,
    metrics: Arc<Metrics>,
}

impl<E> Measured<E> {
    /// Measures what is asked of `etcd`.
    pub const fn new(etcd: E, metrics: Arc<Metrics>) -> Self {
        Self { etcd, metrics }
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, EtcdError>>,
    ) -> Result<T, EtcdError> {
        let sent = Instant::now();
        let answer = request.await;
        self.metrics
            .etcd_request(operation, sent.elapsed(), answer.is_ok());
        answer
    }
}

impl<E: Etcd> Etcd for Measured<E> {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        self.measure("txn", self.etcd.txn(txn)).await
    }
}

impl<E: Coordination> Coordination for Measured<E> {
    type Watch = E::Watch;

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, EtcdError> {
        self.measure("lease_grant", self.etcd.grant(ttl)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<bool, EtcdError> {
        self.measure("lease_keep_alive", self.etcd.keep_alive(lease))
            .await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), EtcdError> {
        self.measure("lease_revoke", self.etcd.revoke(lease)).await
    }

    async fn watch(&self, stretch: &KeyRange, from: i64) -> Result<E::Watch, EtcdError> {
        self.measure("watch", self.etcd.watch(stretch, from)).await
    }
}
