//! A file of pods and nodes, such as `kubectl get pods,nodes -A -o json` writes.

mod items;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{LeaseState, Living, NetworkDefinition, NetworkRequest, Reading, SourceError};

/// The pods and nodes of a cluster, as they stood in a file when it was opened.
///
/// The file holds one list in JSON: of any kinds with each object saying its kind (`List`, as
/// kubectl writes it), or only of pods or only of nodes (`PodList`, `NodeList`, as the API does). It
/// may also hold the namespace `kube-system`, which identifies the cluster, and the leases of
/// `kube-node-lease`, which show whose kubelet is silent, and definitions of networks
/// (`network-attachment-definitions`). Everything else is skipped.
#[derive(Debug)]
pub struct File {
    living: Arc<Living>,
    as_of: SystemTime,
    unreadable_annotations: usize,
    cluster_uid: Option<String>,
    leases: HashMap<String, LeaseState>,
    networks: HashMap<(String, String), String>,
    definitions: HashMap<(String, String), NetworkDefinition>,
}

impl File {
    /// Reads a file, one object at a time: it may be much larger than the memory.
    ///
    /// # Errors
    /// [`SourceError::File`], with the line and column of what cannot be used.
    pub async fn open(path: &Path) -> Result<Self, SourceError> {
        let path = PathBuf::from(path);
        let failed = |path, reason| SourceError::File { path, reason };
        let file = path.clone();
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        read.map_err(|reason| failed(path, reason))
    }

    /// The latest time at which the file is known to have been complete: when it was last modified
    /// or, if that is earlier, the last time that any kubelet in it showed a sign of life. For
    /// kubectl writes only when all is read, and a copy is younger than what it is a copy of.
    pub const fn as_of(&self) -> SystemTime {
        self.as_of
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            living: Arc::clone(&self.living),
            as_of: Some(self.as_of),
            unreadable_annotations: self.unreadable_annotations,
        }
    }

    pub(super) fn pod_exists(&self, namespace: &str, name: &str, uid: &str) -> bool {
        let named = self.living.pod_named(namespace, name);
        named.is_some_and(|named| uid.is_empty() || self.living.pod_of_uid(uid) == Some(named))
    }

    pub(super) fn kubelet_lease(&self, node: &str) -> LeaseState {
        match self.leases.get(node) {
            Some(state) => state.clone(),
            // None of any node: they were not asked for when the file was written.
            None if self.leases.is_empty() => LeaseState::Unknown,
            None => LeaseState::Absent,
        }
    }

    pub(super) fn network_request(&self, namespace: &str, name: &str) -> Option<NetworkRequest> {
        let pod = self.living.pod_named(namespace, name)?;
        let key = (namespace.to_owned(), name.to_owned());
        Some(NetworkRequest {
            uid: pod.uid.to_owned(),
            node: pod.node.to_owned(),
            networks: self.networks.get(&key).cloned(),
        })
    }

    pub(super) fn network_definition(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<NetworkDefinition> {
        let key = (namespace.to_owned(), name.to_owned());
        self.definitions.get(&key).cloned()
    }

    pub(super) fn cluster_uid(&self) -> Option<String> {
        self.cluster_uid.clone()
    }
}

fn read(path: &Path) -> Result<File, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let modified = || {
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        modified.map_err(|error| error.to_string())
    };
    let at = modified()?;
    let mut items = items::read(BufReader::new(&file)).map_err(|error| error.to_string())?;
    if modified()? != at {
        return Err("it was changed while it was read".to_owned());
    }
    items.living.complete();
    let sign_of_life = items.sign_of_life.map(SystemTime::from);
    Ok(File {
        living: Arc::new(items.living),
        as_of: sign_of_life.map_or(at, |alive| alive.min(at)),
        unreadable_annotations: items.unreadable_annotations,
        cluster_uid: items.cluster_uid,
        leases: items.leases,
        networks: items.networks,
        definitions: items.definitions,
    })
}
