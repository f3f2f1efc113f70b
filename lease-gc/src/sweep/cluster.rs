//! Which Kubernetes cluster this is. Two clusters that share an etcd and, by mistake, a name must
//! not judge each other's pods.

use store::clock::Clock;
use store::collect::Survey;
use store::coordination::Coordination;

use super::act::committed;
use super::{Mode, VoidReason};
use crate::collector::{Collector, FatalError};
use crate::pods::{Source, View};

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Makes sure that the pods that can be seen from here are those of the cluster that goes by
    /// this name in the store.
    ///
    /// # Errors
    /// [`VoidReason::Fatal`] if they are another's; any other if it is not known.
    pub async fn verify_cluster(&self) -> Result<(), VoidReason> {
        let source = self.open_source().await?;
        self.known_as(&source).await?;
        Ok(())
    }

    /// The same in a sweep, which also records what the first collector of a cluster finds.
    pub(super) async fn check_cluster(
        &self,
        source: &V::Source,
        mode: Mode<'_>,
        survey: &Survey,
    ) -> Result<(), VoidReason> {
        let unknown = self.known_as(source).await?;
        let (Some(uid), Mode::Leading(fence), None) = (unknown, mode, &survey.frozen) else {
            return Ok(());
        };
        let cluster = &self.candidate.cluster;
        let recorded = self
            .store
            .record_identity(fence, cluster, &uid, self.deadline())
            .await?;
        if committed(recorded)?.is_some() {
            tracing::info!(cluster, uid, "the cluster is recorded under its name");
            return Ok(());
        }
        self.known_as(source).await.map(drop)
    }

    /// The uid that is to be recorded; `None` where it is, or where the pods come from a file that
    /// does not tell.
    async fn known_as(&self, source: &V::Source) -> Result<Option<String>, VoidReason> {
        let Some(uid) = source.cluster_uid().await? else {
            return Ok(None);
        };
        let cluster = &self.candidate.cluster;
        match self.store.identity(cluster, self.deadline()).await? {
            None => Ok(Some(uid)),
            Some(known) if known == uid => Ok(None),
            Some(known) => Err(FatalError::OtherCluster {
                cluster: cluster.clone(),
                known,
                found: uid,
            }
            .into()),
        }
    }
}
