//! The kinds of objects that are served.

use serde_json::{Value, json};

/// A kind of objects, as paths name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// `v1` pods.
    Pods,
    /// `v1` nodes.
    Nodes,
    /// `v1` namespaces.
    Namespaces,
    /// `v1` config maps.
    ConfigMaps,
    /// `coordination.k8s.io/v1` leases.
    Leases,
    /// `events.k8s.io/v1` events.
    Events,
    /// `k8s.cni.cncf.io/v1` definitions of networks.
    Networks,
}

impl Resource {
    const ALL: [Self; 7] = [
        Self::Pods,
        Self::Nodes,
        Self::Namespaces,
        Self::ConfigMaps,
        Self::Leases,
        Self::Events,
        Self::Networks,
    ];

    /// The resource of this group (empty for the core) and plural.
    pub(super) fn find(group: &str, plural: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|resource| resource.group() == group && resource.plural() == plural)
    }

    fn group(self) -> &'static str {
        match self {
            Self::Pods | Self::Nodes | Self::Namespaces | Self::ConfigMaps => "",
            Self::Leases => "coordination.k8s.io",
            Self::Events => "events.k8s.io",
            Self::Networks => "k8s.cni.cncf.io",
        }
    }

    /// As it stands in paths.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::ConfigMaps => "configmaps",
            Self::Leases => "leases",
            Self::Events => "events",
            Self::Networks => "network-attachment-definitions",
        }
    }

    /// An object's `kind`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Pods => "Pod",
            Self::Nodes => "Node",
            Self::Namespaces => "Namespace",
            Self::ConfigMaps => "ConfigMap",
            Self::Leases => "Lease",
            Self::Events => "Event",
            Self::Networks => "NetworkAttachmentDefinition",
        }
    }

    /// An object's `apiVersion`.
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Pods | Self::Nodes | Self::Namespaces | Self::ConfigMaps => "v1",
            Self::Leases => "coordination.k8s.io/v1",
            Self::Events => "events.k8s.io/v1",
            Self::Networks => "k8s.cni.cncf.io/v1",
        }
    }

    /// Whether its objects live in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        !matches!(self, Self::Nodes | Self::Namespaces)
    }
}

/// A namespace.
pub(super) fn namespace(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    })
}
