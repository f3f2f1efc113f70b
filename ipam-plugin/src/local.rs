//! What a node keeps in files.
//!
//! In the state directory, on tmpfs, so that it ends with the boot as the containers do: the
//! journal (where each ADD wrote), locks, the memory of how far the store was seen. In the spool
//! directory, on disk: releases that could not be delivered.

pub mod disk;
pub mod files;
pub mod identity;
pub mod journal;
pub mod machine;
pub mod marker;
pub mod memory;
pub mod reachability;
pub mod spool;

use serde::{Deserialize, Serialize};
use store::names::Attachment;

use crate::config::EtcdAccess;

/// An attachment as the runtime names it: all that a DEL is sure to be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalName {
    /// The CNI network's name.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_IFNAME`.
    pub interface: String,
}

impl LocalName {
    /// The name of a file for it.
    pub(crate) fn file_name(&self) -> String {
        files::name_of(&[&self.network, &self.container, &self.interface])
    }
}

/// Where an ADD writes: all that must be known to find its records again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The store.
    pub etcd: EtcdAccess,
    /// The cluster in the owner key.
    pub cluster: String,
    /// The node in the owner key.
    pub node: String,
}

impl Place {
    /// The attachment as it is called at this place.
    pub fn attachment(&self, name: &LocalName) -> Attachment {
        Attachment {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            network: name.network.clone(),
            container: name.container.clone(),
            interface: name.interface.clone(),
        }
    }
}
