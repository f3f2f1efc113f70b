//! Where the pods and nodes of a cluster are known from.

use super::{File, Kubernetes, NetworkDefinition, NetworkRequest, Reading, SourceError};

/// Where the pods and nodes of a cluster are known from. Opened anew for every sweep.
#[derive(Debug)]
pub enum Source {
    /// The Kubernetes API.
    Kubernetes(Kubernetes),
    /// A file that was written earlier.
    File(File),
}

/// What is known of the lease that a kubelet renews while its machine runs
/// (<https://kubernetes.io/docs/concepts/architecture/leases/#node-heartbeats>).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// `spec.renewTime` as the API writes it: a lease with the same text was not renewed.
    Renewed(String),
    /// There is no lease.
    Absent,
    /// Whether there is one, or when it was renewed, cannot be told.
    Unknown,
}

impl Source {
    /// Reads all nodes, then all pods.
    ///
    /// # Errors
    /// Any; there is no partial reading.
    pub async fn read(&self) -> Result<Reading, SourceError> {
        match self {
            Self::Kubernetes(api) => api.read().await,
            Self::File(file) => Ok(file.reading()),
        }
    }

    /// Whether a pod of this namespace and name exists now (of a file: existed then) that has this
    /// uid or mirrors the static pod of this hash; any, where the uid is empty.
    ///
    /// # Errors
    /// Any; then nothing is known of the pod.
    pub async fn pod_exists(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<bool, SourceError> {
        match self {
            Self::Kubernetes(api) => api.pod_exists(namespace, name, uid).await,
            Self::File(file) => Ok(file.pod_exists(namespace, name, uid)),
        }
    }

    /// When the kubelet of this node last renewed its lease.
    ///
    /// # Errors
    /// Any; then nothing is known of the lease.
    pub async fn kubelet_lease(&self, node: &str) -> Result<LeaseState, SourceError> {
        match self {
            Self::Kubernetes(api) => api.kubelet_lease(node).await,
            Self::File(file) => Ok(file.kubelet_lease(node)),
        }
    }

    /// Which networks a pod asks for; `None` where there is no such pod.
    ///
    /// # Errors
    /// Any; then nothing is known of the pod.
    pub async fn network_request(
        &self,
        namespace: &str,
        pod: &str,
    ) -> Result<Option<NetworkRequest>, SourceError> {
        match self {
            Self::Kubernetes(api) => api.network_request(namespace, pod).await,
            Self::File(file) => Ok(file.network_request(namespace, pod)),
        }
    }

    /// How a network is defined; `None` where there is no such definition.
    ///
    /// # Errors
    /// Any; then nothing is known of the network.
    pub async fn network_definition(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<NetworkDefinition>, SourceError> {
        match self {
            Self::Kubernetes(api) => api.network_definition(namespace, name).await,
            Self::File(file) => Ok(file.network_definition(namespace, name)),
        }
    }

    /// What identifies the cluster: the uid of its namespace `kube-system`. `None` where a file
    /// does not have that namespace.
    ///
    /// # Errors
    /// Any; then the cluster's identity is not known.
    pub async fn cluster_uid(&self) -> Result<Option<String>, SourceError> {
        match self {
            Self::Kubernetes(api) => api.cluster_uid().await,
            Self::File(file) => Ok(file.cluster_uid()),
        }
    }
}
