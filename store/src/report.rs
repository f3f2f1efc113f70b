//! What nodes say that they hold: for the day when the store has forgotten it.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::record::{ReportRecord, ReportTooLarge};
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Etcd, Op, Txn};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// etcd could not be asked, or refused.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// It does not fit.
    #[error(transparent)]
    TooLarge(#[from] ReportTooLarge),
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Writes what a node says that it holds, in the place of what it said before. Works whatever
    /// speaks against the store: it is for a store that was frozen or restored.
    ///
    /// # Errors
    /// [`ReportError`]; after [`ReportError::Etcd`] it may be written or not.
    pub async fn report(
        &self,
        cluster: &str,
        node: &str,
        report: &ReportRecord,
        deadline: Deadline,
    ) -> Result<(), ReportError> {
        let value = report.to_json()?.into_bytes();
        let txn = Txn {
            then: vec![Op::Put(self.keys.report(cluster, node), value)],
            ..Txn::default()
        };
        self.persist(&txn, deadline).await?;
        Ok(())
    }
}
