//! The real leg: real etcd members, real plugin processes and real collectors on a network of
//! namespaces, broken in every way that this kernel allows.
//!
//! All of it lives in an [`isolation`]. There is one [`Network`] and one [`Cluster`] in it, and the
//! harness itself is on the network too.

mod background;
pub mod calls;
pub mod catalogue;
pub mod cluster;
pub mod containers;
pub mod control_plane;
mod disk;
pub mod driver;
pub mod faults;
pub mod isolation;
pub mod lossy;
pub mod member;
pub mod network;
pub mod nodes;
pub mod observer;
pub mod plan;
pub mod planted;
pub mod prober;
pub mod recorder;
pub mod replicas;
mod settling;
pub mod stage;
mod striking;
pub mod workload;

use anyhow::Result;

use crate::real::cluster::{Cluster, Settings};
use crate::real::network::Network;

/// What faults are done to.
#[derive(Debug)]
pub struct Lab {
    /// The wires between everybody.
    pub network: Network,
    /// The etcd members.
    pub cluster: Cluster,
}

impl Lab {
    /// Lays the network and starts the members, in an isolation that has neither.
    pub fn start(settings: Settings) -> Result<Self> {
        let network = Network::lay()?;
        let cluster = Cluster::start(&network, settings)?;
        Ok(Self { network, cluster })
    }
}
