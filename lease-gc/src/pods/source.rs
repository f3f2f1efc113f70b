//! Where the pods and nodes of a cluster are known from.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::{
    File, Kubernetes, NetworkDefinition, NetworkRequest, Observer, Reading, SourceError, watch,
};

/// A way to the pods and nodes of a cluster.
///
/// A trait, because a simulated cluster is looked at by the very same collector.
pub trait View: Sync {
    /// What it opens.
    type Source: Source;

    /// Opens it anew, as is done for every sweep. Requests are told to the observer.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(
        &self,
        observer: Observer,
    ) -> impl Future<Output = Result<Self::Source, SourceError>> + Send;

    /// Sends the uid of each pod that is seen to be deleted, until the receiver is dropped. It is a
    /// hint: some, or all, may be missing.
    fn deletions(
        &self,
        observer: Observer,
        deleted: mpsc::Sender<String>,
    ) -> impl Future<Output = ()> + Send;
}

/// What is asked of a cluster.
pub trait Source: Sync {
    /// Reads all nodes, then all pods.
    ///
    /// # Errors
    /// Any; there is no partial reading.
    fn read(&self) -> impl Future<Output = Result<Reading, SourceError>> + Send;

    /// Whether a pod of this namespace and name exists now (of a file: existed then) that has this
    /// uid or mirrors the static pod of this hash; any, where the uid is empty.
    ///
    /// # Errors
    /// Any; then nothing is known of the pod.
    fn pod_exists(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> impl Future<Output = Result<bool, SourceError>> + Send;

    /// When the kubelet of this node last renewed its lease.
    ///
    /// # Errors
    /// Any; then nothing is known of the lease.
    fn kubelet_lease(
        &self,
        node: &str,
    ) -> impl Future<Output = Result<LeaseState, SourceError>> + Send;

    /// What identifies the cluster: the uid of its namespace `kube-system`. `None` where a file
    /// does not have that namespace.
    ///
    /// # Errors
    /// Any; then the cluster's identity is not known.
    fn cluster_uid(&self) -> impl Future<Output = Result<Option<String>, SourceError>> + Send;
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

/// Where an operator says that pods and nodes are known from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The Kubernetes API. Tokens and certificates are read each time that it is opened.
    Kubernetes {
        /// How to reach it; `None` in a pod of the cluster.
        kubeconfig: Option<PathBuf>,
        /// Whether deletions of pods are watched.
        watched: bool,
    },
    /// A file that was written earlier.
    File(PathBuf),
}

impl View for Origin {
    type Source = Opened;

    async fn open(&self, observer: Observer) -> Result<Opened, SourceError> {
        match self {
            Self::Kubernetes { kubeconfig, .. } => {
                let api = Kubernetes::connect(kubeconfig.as_deref(), observer).await?;
                Ok(Opened::Kubernetes(api))
            }
            Self::File(path) => Ok(Opened::File(File::open(path).await?)),
        }
    }

    async fn deletions(&self, observer: Observer, deleted: mpsc::Sender<String>) {
        match self {
            Self::Kubernetes {
                kubeconfig,
                watched: true,
            } => watch::deletions(kubeconfig.as_deref(), observer, deleted).await,
            Self::Kubernetes { watched: false, .. } | Self::File(_) => deleted.closed().await,
        }
    }
}

/// An [`Origin`], opened.
#[derive(Debug)]
pub enum Opened {
    /// The Kubernetes API.
    Kubernetes(Kubernetes),
    /// A file that was written earlier.
    File(File),
}

impl Source for Opened {
    async fn read(&self) -> Result<Reading, SourceError> {
        match self {
            Self::Kubernetes(api) => api.read().await,
            Self::File(file) => Ok(file.reading()),
        }
    }

    async fn pod_exists(
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

    async fn kubelet_lease(&self, node: &str) -> Result<LeaseState, SourceError> {
        match self {
            Self::Kubernetes(api) => api.kubelet_lease(node).await,
            Self::File(file) => Ok(file.kubelet_lease(node)),
        }
    }

    async fn cluster_uid(&self) -> Result<Option<String>, SourceError> {
        match self {
            Self::Kubernetes(api) => api.cluster_uid().await,
            Self::File(file) => Ok(file.cluster_uid()),
        }
    }
}

impl Opened {
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
}
