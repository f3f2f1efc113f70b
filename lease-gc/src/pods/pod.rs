//! One pod, reduced to what the rules of evidence ask for.

use store::address::Address;

/// A pod as the API lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The values of the annotations `kubernetes.io/config.mirror` and `kubernetes.io/config.hash`:
    /// runtimes pass a static pod's config hash as its uid.
    pub mirrors: Vec<String>,
    /// `spec.nodeName`; empty while the pod is not bound.
    pub node: String,
    /// Whether `status.phase` is `Succeeded` or `Failed`.
    pub finished: bool,
    /// Whether `metadata.deletionTimestamp` is set.
    pub terminating: bool,
    /// The addresses in `status.podIPs` and in the network-status annotation.
    pub addresses: Vec<NamedAddress>,
}

impl Pod {
    /// Whether this uid is the pod's, or that of the static pod which it mirrors.
    pub fn is(&self, uid: &str) -> bool {
        self.uid == uid || self.mirrors.iter().any(|hash| hash == uid)
    }
}

/// An address that a pod names as its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAddress {
    /// The address.
    pub address: Address,
    /// Where in the network-status annotation it stands: the entry's `name` and `interface`.
    /// `None` where only `status.podIPs` has it.
    pub attachment: Option<(String, String)>,
}
