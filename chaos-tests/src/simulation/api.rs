//! What kubelets tell the simulated Kubernetes API.

use std::net::IpAddr;

use super::kubernetes::{Cluster, Network as Status, NewPod, Phase};
use super::node::Node;
use super::runtime::{Api, Network, Pod};

/// The API of a cluster with these networks.
pub struct Server {
    cluster: Cluster,
    networks: Vec<Network>,
}

impl Server {
    /// The API of this cluster.
    pub const fn new(cluster: Cluster, networks: Vec<Network>) -> Self {
        Self { cluster, networks }
    }
}

impl Api for Server {
    fn create(&self, namespace: &str, name: &str, hash: Option<&str>, node: &str) -> String {
        self.cluster.create_pod(NewPod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            mirrors: hash.map(str::to_owned),
            node: node.to_owned(),
        })
    }

    /// As Multus writes it down: the addresses of each network.
    fn running(&self, pod: &Pod, addresses: &[IpAddr]) {
        let mut addresses = addresses.iter();
        let networks = pod
            .networks
            .iter()
            .filter_map(|number| self.networks.get(*number));
        let status = networks.map(|network| {
            let families = network.ipam["ipRanges"].as_array().map_or(1, Vec::len);
            let ips = addresses.by_ref().take(families);
            Status {
                name: format!("default/{}", network.name),
                interface: network.interface.clone(),
                ips: ips.map(ToString::to_string).collect(),
            }
        });
        let uid = &pod.identity.uid;
        if pod.is_annotated {
            self.cluster.set_networks(uid, status.collect());
        }
        self.cluster.set_phase(uid, Phase::Running);
    }

    fn failed(&self, pod: &Pod) {
        self.cluster.set_phase(&pod.identity.uid, Phase::Failed);
    }

    fn terminating(&self, pod: &Pod) {
        self.cluster.terminate_pod(&pod.identity.uid);
    }

    fn deleted(&self, pod: &Pod) {
        self.cluster.delete_pod(&pod.identity.uid);
    }

    fn down(&self, node: &Node) {
        self.cluster.reboot(node.name(), &node.boot_id());
    }

    fn booted(&self, node: &Node) {
        self.cluster.start_kubelet(node.name());
    }
}
