//! The API's watch of pods
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>).

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use kube::core::params::WatchParams;
use kube::core::{Request, WatchEvent};
use serde::Deserialize;

use super::{Kubernetes, PODS, WATCH_PODS};
use crate::pods::SourceError;

/// After this time the API server ends a watch by itself, as it does also when it is not asked to.
const LENGTH: Duration = Duration::from_secs(290);

/// Without a word for so long, not even that it has ended, the connection is dead.
const SILENCE: Duration = Duration::from_mins(5);

/// What is needed of an object that changed.
#[derive(Clone, Deserialize)]
struct Changed {
    metadata: Metadata,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
}

impl Kubernetes {
    /// Follows the pods and hands over the uid of each that is deleted, until the server ends the
    /// watch.
    ///
    /// `version` is where it goes on (`None`: with what happens from now on), and is moved along.
    pub(in crate::pods) async fn deletions(
        &self,
        version: &mut Option<String>,
        mut deleted: impl FnMut(String),
    ) -> Result<(), SourceError> {
        let since = match version {
            Some(version) => version,
            None => version.insert(self.newest(&PODS).await?),
        };
        let mut changes = Box::pin(self.changes(since).await?);
        let failed = |error| SourceError::of_request(WATCH_PODS, &error);
        loop {
            let change = tokio::time::timeout(SILENCE, changes.next()).await;
            let change = change.map_err(|_| SourceError::Timeout {
                operation: WATCH_PODS,
                limit: SILENCE,
            })?;
            let change = change.transpose().map_err(failed)?;
            *version = Some(match change {
                None => return Ok(()),
                Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod)) => {
                    pod.metadata.resource_version
                }
                Some(WatchEvent::Deleted(pod)) => {
                    deleted(pod.metadata.uid);
                    pod.metadata.resource_version
                }
                Some(WatchEvent::Bookmark(bookmark)) => bookmark.metadata.resource_version,
                Some(WatchEvent::Error(status)) => {
                    return Err(SourceError::of_status(WATCH_PODS, &status));
                }
            });
        }
    }

    /// Begins a watch that shows only the metadata of pods.
    async fn changes(
        &self,
        since: &str,
    ) -> Result<impl Stream<Item = Result<WatchEvent<Changed>, kube::Error>> + use<>, SourceError>
    {
        let params = WatchParams::default().timeout(u32::try_from(LENGTH.as_secs()).unwrap_or(0));
        self.observed(WATCH_PODS, async {
            let failed = |error| SourceError::of_request(WATCH_PODS, &error);
            let request = Request::new(PODS.path).watch_metadata(&params, since);
            let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
            let changes = self.client.request_events(request).await.map_err(failed)?;
            Ok(changes)
        })
        .await
    }
}
