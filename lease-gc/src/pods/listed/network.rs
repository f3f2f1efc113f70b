//! The networks that a pod asks for by annotation, and the objects that define them.

use serde::Deserialize;

use crate::pods::{NetworkDefinition, NetworkRequest};

/// What of a Pod object says which networks it asks for.
#[derive(Deserialize)]
pub(in crate::pods) struct ListedRequest {
    metadata: PodMetadata,
    spec: Option<PodSpec>,
}

#[derive(Deserialize)]
struct PodMetadata {
    uid: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "k8s.v1.cni.cncf.io/networks")]
    networks: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
}

impl From<ListedRequest> for NetworkRequest {
    fn from(pod: ListedRequest) -> Self {
        Self {
            uid: pod.metadata.uid.unwrap_or_default(),
            node: pod.spec.unwrap_or_default().node_name.unwrap_or_default(),
            networks: pod.metadata.annotations.unwrap_or_default().networks,
        }
    }
}

/// A `NetworkAttachmentDefinition`.
#[derive(Deserialize)]
pub(in crate::pods) struct ListedDefinition {
    /// Which one.
    pub metadata: DefinitionMetadata,
    spec: Option<DefinitionSpec>,
}

/// What definitions are told apart by.
#[derive(Deserialize)]
pub(in crate::pods) struct DefinitionMetadata {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in its namespace.
    pub name: String,
}

#[derive(Default, Deserialize)]
struct DefinitionSpec {
    config: Option<String>,
}

impl From<ListedDefinition> for NetworkDefinition {
    fn from(definition: ListedDefinition) -> Self {
        let spec = definition.spec.unwrap_or_default();
        Self {
            config: spec.config.filter(|config| !config.trim().is_empty()),
        }
    }
}
