//! A pod as the API has it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::node::seconds;

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The config hash of the static pod that it mirrors, which runtimes pass as its uid.
    pub mirrors: Option<String>,
    /// The node that it is bound to; empty where it is not.
    pub node: String,
    /// Its phase.
    pub phase: Phase,
    /// When its deletion was asked for.
    pub deletion: Option<Timestamp>,
    /// `status.podIPs`.
    pub ips: Vec<String>,
    /// The network-status annotation, once there is one.
    pub networks: Option<Vec<Network>>,
}

/// A pod's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is not bound, or its containers do not run yet.
    Pending,
    /// They run.
    Running,
    /// They have ended well.
    Succeeded,
    /// They have ended.
    Failed,
}

/// An entry of the network-status annotation.
#[derive(Clone, Debug)]
pub struct Network {
    /// The network, as Multus names it.
    pub name: String,
    /// The interface.
    pub interface: String,
    /// Its addresses.
    pub ips: Vec<String>,
}

/// A pod that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name, which no pod of the namespace has.
    pub name: String,
    /// The node that it is bound to; empty where it is not.
    pub node: String,
    /// The config hash of the static pod that it mirrors.
    pub mirrors: Option<String>,
}

impl Pod {
    /// The object as the API writes it.
    pub(super) fn json(&self) -> Value {
        let mut annotations = serde_json::Map::new();
        if let Some(hash) = &self.mirrors {
            annotations.insert("kubernetes.io/config.mirror".into(), hash.as_str().into());
            annotations.insert("kubernetes.io/config.hash".into(), hash.as_str().into());
        }
        if let Some(networks) = &self.networks {
            let entry = |network: &Network| {
                json!({
                    "name": network.name,
                    "interface": network.interface,
                    "ips": network.ips,
                    "dns": {},
                })
            };
            let entries: Value = networks.iter().map(entry).collect();
            let text = entries.to_string();
            annotations.insert("k8s.v1.cni.cncf.io/network-status".into(), text.into());
        }
        let phase = match self.phase {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Succeeded => "Succeeded",
            Phase::Failed => "Failed",
        };
        let ips: Value = self.ips.iter().map(|ip| json!({"ip": ip})).collect();
        json!({
            "metadata": {
                "namespace": self.namespace,
                "name": self.name,
                "uid": self.uid,
                "annotations": annotations,
                "deletionTimestamp": self.deletion.map(seconds),
            },
            "spec": {"nodeName": self.node},
            "status": {
                "phase": phase,
                "podIP": self.ips.first(),
                "podIPs": ips,
            },
        })
    }
}
