//! Which address, of whom: what listings are searched by.

use serde::Serialize;
use store::address::Address;
use store::names::Attachment;
use store::record::Pod;

/// The names of an attachment, or where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Names<T> {
    /// The Kubernetes cluster's name.
    pub cluster: T,
    /// The node's name.
    pub node: T,
    /// The network's name.
    pub network: T,
    /// The container's ID.
    pub container: T,
    /// The interface's name.
    pub interface: T,
}

impl<T> Names<T> {
    /// The same of each name.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> Names<U> {
        Names {
            cluster: of(self.cluster),
            node: of(self.node),
            network: of(self.network),
            container: of(self.container),
            interface: of(self.interface),
        }
    }
}

impl<'a> From<&'a Attachment> for Names<&'a str> {
    fn from(attachment: &'a Attachment) -> Self {
        Self {
            cluster: &attachment.cluster,
            node: &attachment.node,
            network: &attachment.network,
            container: &attachment.container,
            interface: &attachment.interface,
        }
    }
}

/// What a pod is called, or where that stands. Empty where the runtime did not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PodNames<T> {
    /// Its namespace.
    pub namespace: T,
    /// Its name.
    pub pod: T,
    /// Its uid.
    pub uid: T,
}

impl<T> PodNames<T> {
    /// The same of each name.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> PodNames<U> {
        PodNames {
            namespace: of(self.namespace),
            pod: of(self.pod),
            uid: of(self.uid),
        }
    }
}

impl<'a> From<&'a Pod> for PodNames<&'a str> {
    fn from(pod: &'a Pod) -> Self {
        Self {
            namespace: &pod.namespace,
            pod: &pod.name,
            uid: &pod.uid,
        }
    }
}

impl PodNames<&str> {
    /// As people call a pod. Not every runtime says whose container it is.
    pub fn full_name(self) -> String {
        let Self { namespace, pod, .. } = self;
        if namespace.is_empty() || pod.is_empty() {
            format!("{namespace}{pod}")
        } else {
            format!("{namespace}/{pod}")
        }
    }
}

/// An address and whose it is, as far as that is known. The fields' names are those of the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Subject<'a> {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Where it is unique.
    pub space: &'a str,
    /// The pod behind it.
    #[serde(flatten)]
    pub pod: Option<PodNames<&'a str>>,
    /// The attachment that holds it; that held it, if it rests or was released.
    #[serde(flatten)]
    pub names: Option<Names<&'a str>>,
}
