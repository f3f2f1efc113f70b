//! The Kubernetes API as the source of pods and nodes.

mod access;
mod page;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use kube::core::params::GetParams;
use kube::core::{Request, Status};
use serde::de::DeserializeOwned;

use self::page::List;
use super::listed::{
    Identified, ListedDefinition, ListedLease, ListedNode, ListedPod, ListedRequest,
};
use super::{LeaseState, Living, NetworkDefinition, NetworkRequest, Reading, SourceError};

/// How long one request may take: a page of 500 pods is a few megabytes.
const LIMIT: Duration = Duration::from_secs(30);

const LIST_NODES: &str = "list_nodes";
const LIST_PODS: &str = "list_pods";
const GET_POD: &str = "get_pod";
const GET_LEASE: &str = "get_lease";
const GET_NAMESPACE: &str = "get_namespace";
const GET_NETWORK: &str = "get_network";
pub(super) const WATCH_PODS: &str = "watch_pods";
pub(crate) const CREATE_EVENT: &str = "create_event";

const NODES: List = List {
    path: "/api/v1/nodes",
    kind: "NodeList",
    operation: LIST_NODES,
};
const PODS: List = List {
    path: "/api/v1/pods",
    kind: "PodList",
    operation: LIST_PODS,
};

/// The names under which a collector's requests are observed. It asks for no network.
pub const OPERATIONS: [&str; 7] = [
    LIST_NODES,
    LIST_PODS,
    GET_POD,
    GET_LEASE,
    GET_NAMESPACE,
    WATCH_PODS,
    CREATE_EVENT,
];

/// Told of every request: which of [`OPERATIONS`] it was, how long it took and whether it succeeded
/// (that an object does not exist is an answer, not a failure; of a watch only the beginning counts).
pub type Observer = Arc<dyn Fn(&'static str, Duration, bool) + Send + Sync>;

/// A connection to the Kubernetes API.
///
/// Requests are never repeated: what fails is left to the next sweep. Nothing remains open when it
/// is dropped.
pub struct Kubernetes {
    client: Client,
    limit: Duration,
    observer: Observer,
}

impl Kubernetes {
    /// A new connection: with the pod's service account, or as the kubeconfig says.
    ///
    /// Nothing is sent yet. Tokens and certificates are read, and a command for credentials is run,
    /// so that a connection made for each sweep uses what is valid now.
    ///
    /// # Errors
    /// [`SourceError::Access`], which never shows a secret.
    pub async fn connect(
        kubeconfig: Option<&Path>,
        observer: Observer,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            client: access::connect(kubeconfig).await?,
            limit: LIMIT,
            observer,
        })
    }

    /// The same connection, with another limit for each request.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// For requests of other kinds, which are to be made within [`Self::observed`].
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Reads all nodes, then all pods: the order that the rules of evidence demand.
    pub(super) async fn read(&self) -> Result<Reading, SourceError> {
        let mut living = Living::default();
        let mut unreadable_annotations = 0;
        let mut body = Vec::new();
        self.list(&NODES, &mut body, |page| {
            for ListedNode { node, .. } in page.items {
                living.add_node(node);
            }
        })
        .await?;
        self.list(&PODS, &mut body, |page| {
            living.reserve(page.items.len().saturating_add(page.metadata.remaining()));
            for ListedPod { pod, unreadable } in page.items {
                unreadable_annotations += usize::from(unreadable);
                living.add_pod(pod);
            }
        })
        .await?;
        drop(body);
        living.complete();
        Ok(Reading {
            living: Arc::new(living),
            as_of: None,
            unreadable_annotations,
        })
    }

    pub(super) async fn pod_exists(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<bool, SourceError> {
        let pods = format!("/api/v1/namespaces/{}/pods", checked(namespace)?);
        let listed = self.get::<ListedPod>(GET_POD, &pods, name).await?;
        Ok(listed.is_some_and(|listed| uid.is_empty() || listed.pod.is(uid)))
    }

    pub(super) async fn kubelet_lease(&self, node: &str) -> Result<LeaseState, SourceError> {
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
        let lease = self.get::<ListedLease>(GET_LEASE, leases, node).await?;
        Ok(lease.map_or(LeaseState::Absent, |lease| lease.into_state().1))
    }

    pub(super) async fn cluster_uid(&self) -> Result<Option<String>, SourceError> {
        let namespaces = "/api/v1/namespaces";
        let system = self.get::<Identified>(GET_NAMESPACE, namespaces, "kube-system");
        Ok(system.await?.map(|namespace| namespace.metadata.uid))
    }

    pub(super) async fn network_request(
        &self,
        namespace: &str,
        pod: &str,
    ) -> Result<Option<NetworkRequest>, SourceError> {
        let pods = format!("/api/v1/namespaces/{}/pods", checked(namespace)?);
        let listed = self.get::<ListedRequest>(GET_POD, &pods, pod).await?;
        Ok(listed.map(NetworkRequest::from))
    }

    pub(super) async fn network_definition(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<NetworkDefinition>, SourceError> {
        let definitions = format!(
            "/apis/k8s.cni.cncf.io/v1/namespaces/{}/network-attachment-definitions",
            checked(namespace)?
        );
        let listed = self.get::<ListedDefinition>(GET_NETWORK, &definitions, name);
        Ok(listed.await?.map(NetworkDefinition::from))
    }

    /// Reads one object as it is now; `None` where the API says that there is none.
    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        name: &str,
    ) -> Result<Option<T>, SourceError> {
        let name = checked(name)?;
        let request = Request::new(path).get(name, &GetParams::default());
        let request = request.map_err(kube::Error::BuildRequest);
        self.observed(operation, async {
            let answer = match request {
                Ok(request) => self.client.request_stream(request).await,
                Err(error) => Err(error),
            };
            let answer = match answer {
                Err(kube::Error::Api(status)) if says_absent(&status, name) => return Ok(None),
                answer => answer.map_err(|error| SourceError::of_request(operation, &error))?,
            };
            let mut body = Vec::new();
            page::read_to_end(operation, answer, &mut body).await?;
            page::parse(operation, &body).map(Some)
        })
        .await
    }

    /// Waits for a request, not longer than one may take, and tells the observer.
    ///
    /// # Errors
    /// The request's, or [`SourceError::Timeout`].
    pub async fn observed<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.limit, request).await;
        let outcome = outcome.unwrap_or(Err(SourceError::Timeout {
            operation,
            limit: self.limit,
        }));
        (self.observer)(operation, started.elapsed(), outcome.is_ok());
        outcome
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubernetes").finish_non_exhaustive()
    }
}

/// A name as it may stand in a path: at least a DNS subdomain, as the API demands of the names of
/// pods, nodes and namespaces.
pub(crate) fn checked(name: &str) -> Result<&str, SourceError> {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        label.bytes().all(inner) && !label.is_empty()
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(name)
    } else {
        Err(SourceError::Name(name.to_owned()))
    }
}

/// Whether this is the API's own word that there is no such object, and not that of a proxy on the
/// way, or of a server that does not know the resource.
fn says_absent(status: &Status, name: &str) -> bool {
    let details = status.details.as_ref();
    status.code == 404
        && status.reason == "NotFound"
        && details.is_some_and(|details| details.name == name)
}
