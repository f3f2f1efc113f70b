//! The names that an allocation is filed under.

use std::fmt;

use crate::address::Network;

/// An address space: the set in which an address has at most one holder.
///
/// Two ranges that overlap in one space can never give out the same address, because the key of an
/// allocation is the address and not the range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// All ranges of this name share their addresses (the config's `network_name`, else `default`).
    Shared(String),
    /// The addresses of one network only (`enable_overlapping_ranges: false`), under such a name.
    Private(String, Network),
}

impl Space {
    /// The space's name without the network that narrows it.
    pub fn name(&self) -> &str {
        match self {
            Self::Shared(name) | Self::Private(name, _) => name,
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(name) => f.write_str(name),
            Self::Private(name, network) => write!(f, "{name}@{network}"),
        }
    }
}

/// What holds addresses: one interface of one container in one network, on a node of a cluster.
///
/// CNI specification, section 4: the network's name, the container's ID and the interface's name
/// identify an attachment on its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attachment {
    /// The Kubernetes cluster's name.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// The CNI network's name.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_IFNAME`.
    pub interface: String,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            node,
            network,
            container,
            interface,
        } = self;
        write!(
            f,
            "interface {interface} of container {container} in network {network} on node {node} \
             of cluster {cluster}"
        )
    }
}
