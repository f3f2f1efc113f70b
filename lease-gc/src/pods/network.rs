//! The networks that a pod asks for beside the cluster's own, and how they are defined: the
//! de-facto standard of the Network Plumbing Working Group, which Multus follows.

/// What a pod says of its networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRequest {
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.nodeName`; empty while the pod is not bound.
    pub node: String,
    /// The annotation `k8s.v1.cni.cncf.io/networks` as it was written.
    pub networks: Option<String>,
}

/// How a network is defined (`NetworkAttachmentDefinition`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkDefinition {
    /// `spec.config`, in JSON; `None` where the configuration lies in a file on the nodes.
    pub config: Option<String>,
}
