//! The documented layout of the keys, spelled a second time.
//!
//! Only for names that need no encoding: letters, digits, `-`, `.` and `_`.

use std::net::IpAddr;

/// The prefix unless another is configured.
pub const DEFAULT_PREFIX: &str = "/etcd-ipam";

/// The keys below one prefix.
#[derive(Clone, Debug)]
pub struct Layout {
    root: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self::new(DEFAULT_PREFIX)
    }
}

impl Layout {
    /// The keys below `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self {
            root: format!("{prefix}/v1/"),
        }
    }

    /// What all keys begin with.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The store's birth certificate.
    pub fn store(&self) -> String {
        format!("{}meta/store", self.root)
    }

    /// While it exists, no ADD succeeds.
    pub fn freeze(&self) -> String {
        format!("{}meta/freeze", self.root)
    }

    /// What all address keys begin with.
    pub fn addresses(&self) -> String {
        format!("{}addr/", self.root)
    }

    /// An address of a space, written so that the order of keys is the order of addresses.
    pub fn address(&self, space: &str, ip: impl Into<IpAddr>) -> String {
        let ip = match ip.into() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{a:03}.{b:03}.{c:03}.{d:03}")
            }
            IpAddr::V6(ip) => ip.segments().map(|part| format!("{part:04x}")).join(":"),
        };
        format!("{}addr/{space}/{ip}", self.root)
    }

    /// What all owner records begin with.
    pub fn owners(&self) -> String {
        format!("{}owner/", self.root)
    }

    /// The record of a holder.
    pub fn owner(&self, holder: &str) -> String {
        format!("{}owner/{holder}", self.root)
    }

    /// The election of a cluster's collectors: the key of the one that leads.
    pub fn leader(&self, cluster: &str) -> String {
        self.collector(cluster, "leader")
    }

    /// An operator's wish for a sweep.
    pub fn sweep_request(&self, cluster: &str) -> String {
        self.collector(cluster, "request")
    }

    /// Up to which revision the history of a cluster has been written out.
    pub fn history(&self, cluster: &str) -> String {
        self.collector(cluster, "history")
    }

    /// Which Kubernetes cluster a name stands for.
    pub fn identity(&self, cluster: &str) -> String {
        self.collector(cluster, "identity")
    }

    fn collector(&self, cluster: &str, key: &str) -> String {
        format!("{}gc/{cluster}/{key}", self.root)
    }
}

/// The name of interface `eth0` of a container as a holder, in the cluster `default`.
pub fn holder(node: &str, network: &str, container: &str) -> String {
    format!("default/{node}/{network}/{container}/eth0")
}
