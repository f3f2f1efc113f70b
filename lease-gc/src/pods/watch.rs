//! Pods as they are deleted, so that what they held can be looked at before the next sweep.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::mpsc;

use super::{Kubernetes, Observer, SourceError};

#[cfg(test)]
mod tests;

/// Between two watches it is waited up to this long, and each time up to twice as long …
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// … but not longer than this. A watch that lasted longer begins anew with the shortest.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Sends the uid of each pod that is deleted, until the receiver is dropped.
///
/// It is a hint, and no more: what is deleted while there is no connection, or while the channel is
/// full, is not sent. Nothing is held of the pods that live. Each watch is a new connection, with
/// the credentials that are valid then.
pub async fn deletions(
    kubeconfig: Option<&Path>,
    observer: Observer,
    deleted: mpsc::Sender<String>,
) {
    let follow = follow(kubeconfig, &observer, &deleted, SHORTEST_PAUSE);
    tokio::select! {
        () = deleted.closed() => {}
        () = follow => {}
    }
}

/// Watches again and again.
async fn follow(
    kubeconfig: Option<&Path>,
    observer: &Observer,
    deleted: &mpsc::Sender<String>,
    shortest_pause: Duration,
) {
    let mut version = None;
    let mut pause = shortest_pause;
    loop {
        let begun = Instant::now();
        match watch(kubeconfig, observer.clone(), deleted, &mut version).await {
            Ok(()) => tracing::debug!("the watch of pods has ended, as it does every few minutes"),
            Err(error) => {
                tracing::warn!(%error, "the watch of pods has failed");
                // Where it stood may be what was wrong with it (410: the API has forgotten it).
                version = version.filter(|_| error.is_of_the_connection());
            }
        }
        if begun.elapsed() > LONGEST_PAUSE {
            pause = shortest_pause;
        }
        let random = rand::rng().random_range(Duration::ZERO..=pause);
        tokio::time::sleep(random).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One watch.
async fn watch(
    kubeconfig: Option<&Path>,
    observer: Observer,
    deleted: &mpsc::Sender<String>,
    version: &mut Option<String>,
) -> Result<(), SourceError> {
    let api = Kubernetes::connect(kubeconfig, observer).await?;
    let send = |uid| {
        if deleted.try_send(uid).is_err() {
            tracing::debug!("a deleted pod is left to the next sweep");
        }
    };
    api.deletions(version, send).await
}
