//! A list of objects, of which each is reduced to what is needed before the next is read.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, from_value};

use crate::pods::listed::{
    Identified, ListedDefinition, ListedLease, ListedNode, ListedPod, ListedRequest,
};
use crate::pods::{LeaseState, Living, NetworkDefinition, NetworkRequest};

/// What a list holds that is of interest.
#[derive(Default)]
pub(super) struct Items {
    pub(super) living: Living,
    pub(super) unreadable_annotations: usize,
    /// The uid of the namespace `kube-system`.
    pub(super) cluster_uid: Option<String>,
    /// The leases in the namespace `kube-node-lease`, by the node.
    pub(super) leases: HashMap<String, LeaseState>,
    /// The networks that pods ask for, by namespace and name of the pod, where they ask for any.
    pub(super) networks: HashMap<(String, String), String>,
    /// The definitions of networks, by namespace and name.
    pub(super) definitions: HashMap<(String, String), NetworkDefinition>,
    /// When any kubelet last reported or renewed its lease.
    pub(super) sign_of_life: Option<Timestamp>,
}

/// Reads one list, after which nothing may follow.
pub(super) fn read(json: impl Read) -> Result<Items, serde_json::Error> {
    let mut items = Items::default();
    let mut json = serde_json::Deserializer::from_reader(json);
    List(&mut items).deserialize(&mut json)?;
    json.end()?;
    Ok(items)
}

/// The list itself.
struct List<'a>(&'a mut Items);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ListField {
    Kind,
    Metadata,
    Items,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ListMetadata {
    #[serde(rename = "continue")]
    more: Option<String>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pods and nodes")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut kind: Option<String> = None;
        let mut read = false;
        while let Some(field) = map.next_key()? {
            match field {
                ListField::Kind => kind = Some(list_kind(map.next_value()?)?),
                ListField::Metadata => whole(map.next_value()?)?,
                ListField::Items => {
                    read = true;
                    map.next_value_seed(Objects {
                        items: self.0,
                        kind: kind.as_deref(),
                    })?;
                }
                ListField::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match kind {
            None => Err(M::Error::missing_field("kind")),
            Some(_) if !read => Err(M::Error::missing_field("items")),
            Some(_) => Ok(()),
        }
    }
}

fn list_kind<E: Error>(kind: String) -> Result<String, E> {
    match kind.as_str() {
        "List" | "PodList" | "NodeList" => Ok(kind),
        _ => Err(E::custom(format!(
            "a {kind:?} is no list of pods and nodes"
        ))),
    }
}

/// A page of a longer list would say of most pods that they are gone.
fn whole<E: Error>(metadata: Option<ListMetadata>) -> Result<(), E> {
    let more = metadata.and_then(|metadata| metadata.more);
    if more.is_some_and(|token| !token.is_empty()) {
        return Err(E::custom(
            "only the first page of a list (metadata.continue is set)",
        ));
    }
    Ok(())
}

/// The objects of a list.
struct Objects<'a> {
    items: &'a mut Items,
    /// The list's kind, where that came before its objects.
    kind: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut objects: S) -> Result<(), S::Error> {
        // Whole, and not field by field: its kind may stand behind everything else.
        while let Some(object) = objects.next_element::<Value>()? {
            let added = self.items.add(self.kind, object);
            added.map_err(S::Error::custom)?;
        }
        Ok(())
    }
}

impl Items {
    /// Adds an object of a list of this kind.
    fn add(&mut self, list: Option<&str>, object: Value) -> Result<(), serde_json::Error> {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        let kind = match (text("kind"), list) {
            (Some(kind), _) => kind,
            (None, Some("PodList")) => "Pod",
            (None, Some("NodeList")) => "Node",
            (None, _) => return Err(serde_json::Error::missing_field("kind")),
        };
        // Other groups have kinds of these names too, such as the Pod of metrics.k8s.io.
        let group = text("apiVersion").and_then(|version| version.split_once('/'));
        match (kind, group) {
            ("Pod", None) => {
                let request = ListedRequest::deserialize(&object)?.into();
                self.add_pod(from_value(object)?, request);
            }
            ("Node", None) => self.add_node(from_value(object)?),
            ("Namespace", None) => self.add_namespace(from_value(object)?),
            ("Lease", None | Some(("coordination.k8s.io", _))) => {
                self.add_lease(from_value(object)?);
            }
            ("NetworkAttachmentDefinition", Some(("k8s.cni.cncf.io", _))) => {
                self.add_definition(from_value(object)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn add_pod(&mut self, listed: ListedPod, request: NetworkRequest) {
        if let Some(networks) = request.networks {
            let key = (listed.pod.namespace.clone(), listed.pod.name.clone());
            self.networks.insert(key, networks);
        }
        self.unreadable_annotations += usize::from(listed.unreadable);
        self.living.add_pod(listed.pod);
    }

    fn add_node(&mut self, listed: ListedNode) {
        self.sign_of_life = self.sign_of_life.max(listed.node.reported);
        self.living.add_node(listed.node);
    }

    fn add_definition(&mut self, listed: ListedDefinition) {
        let key = (
            listed.metadata.namespace.clone(),
            listed.metadata.name.clone(),
        );
        self.definitions.insert(key, listed.into());
    }

    fn add_namespace(&mut self, namespace: Identified) {
        if namespace.metadata.name == "kube-system" {
            self.cluster_uid = Some(namespace.metadata.uid);
        }
    }

    fn add_lease(&mut self, lease: ListedLease) {
        if lease.namespace() != "kube-node-lease" {
            return;
        }
        let (node, state) = lease.into_state();
        if let LeaseState::Renewed(at) = &state {
            self.sign_of_life = self.sign_of_life.max(at.parse().ok());
        }
        self.leases.insert(node, state);
    }
}
