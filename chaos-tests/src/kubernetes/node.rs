//! Nodes as their kubelet and the node controller leave them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::seconds;
use crate::random::uuid_of;

/// A node's `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// `True`.
    True,
    /// `False`: its kubelet says so.
    False,
    /// `Unknown`: its kubelet is not heard of.
    Unknown,
}

/// A node to be put into the cluster.
#[derive(Clone, Debug)]
pub struct Node(Value);

/// A ready node. The ids of its machine and its boot depend on nothing but its name.
pub fn node(name: &str) -> Node {
    let node = json!({
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": {"cpu": "8", "memory": "32780916Ki", "pods": "110"},
            "allocatable": {"cpu": "8", "memory": "32678516Ki", "pods": "110"},
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "containerRuntimeVersion": "containerd://1.7.24",
                "kernelVersion": "6.1.0-41-amd64",
                "kubeletVersion": "v1.33.4",
                "kubeProxyVersion": "v1.33.4",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
            },
        },
    });
    let machine = uuid_of(hash((name, "machine")));
    Node(node)
        .ready(Ready::True)
        .machine_id(&machine.replace('-', ""))
        .boot_id(&uuid_of(hash((name, "boot"))))
}

fn hash(text: (&str, &str)) -> u128 {
    let half = |number: u8| {
        let mut hasher = DefaultHasher::new();
        (text, number).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

impl Node {
    /// With this readiness; since when, the server says that it is put into.
    #[must_use]
    pub fn ready(mut self, ready: Ready) -> Self {
        let now = seconds(Timestamp::now());
        let pressure = if ready == Ready::Unknown {
            "Unknown"
        } else {
            "False"
        };
        let (status, reason) = match ready {
            Ready::True => ("True", "KubeletReady"),
            Ready::False => ("False", "KubeletNotReady"),
            Ready::Unknown => ("Unknown", "NodeStatusUnknown"),
        };
        let quiet = ["MemoryPressure", "DiskPressure", "PIDPressure"].map(|kind| {
            json!({
                "type": kind,
                "status": pressure,
                "reason": "KubeletHasNoPressure",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            })
        });
        let ready = json!({
            "type": "Ready",
            "status": status,
            "reason": reason,
            "lastHeartbeatTime": now,
        });
        self.0["status"]["conditions"] = quiet.into_iter().chain([ready]).collect();
        self
    }

    /// With a readiness that last changed at this time (to the second).
    #[must_use]
    pub fn ready_since(self, ready: Ready, since: Timestamp) -> Self {
        let mut node = self.ready(ready);
        if let Some(condition) = ready_condition(&mut node.0) {
            condition["lastTransitionTime"] = seconds(since).into();
        }
        node
    }

    /// In this boot (`status.nodeInfo.bootID`).
    #[must_use]
    pub fn boot_id(mut self, id: &str) -> Self {
        self.0["status"]["nodeInfo"]["bootID"] = id.into();
        self
    }

    /// On this machine (`status.nodeInfo.machineID`).
    #[must_use]
    pub fn machine_id(mut self, id: &str) -> Self {
        self.0["status"]["nodeInfo"]["machineID"] = id.into();
        self.0["status"]["nodeInfo"]["systemUUID"] = id.into();
        self
    }

    /// With an operator's word that the machine is off, given at this time; without one, the taint
    /// does not say when.
    #[must_use]
    pub fn taint_out_of_service(mut self, added: Option<Timestamp>) -> Self {
        let mut taint = json!({
            "key": "node.kubernetes.io/out-of-service",
            "value": "nodeshutdown",
            "effect": "NoExecute",
        });
        if let Some(added) = added {
            taint["timeAdded"] = seconds(added).into();
        }
        self.0["spec"]["taints"] = json!([taint]);
        self
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        node.0
    }
}

/// Dates the `Ready` condition of a node that does not do so itself: a status that the node had
/// `before` has changed when it had, another one has changed now.
pub(super) fn date_transition(node: &mut Value, before: Option<&Value>) {
    let Some(condition) = ready_condition(node) else {
        return;
    };
    if !condition["lastTransitionTime"].is_null() {
        return;
    }
    let mut before = before.cloned().unwrap_or_default();
    let same = ready_condition(&mut before).filter(|old| old["status"] == condition["status"]);
    condition["lastTransitionTime"] = same.map_or_else(
        || seconds(Timestamp::now()).into(),
        |old| old["lastTransitionTime"].clone(),
    );
}

fn ready_condition(node: &mut Value) -> Option<&mut Value> {
    let conditions = node["status"]["conditions"].as_array_mut()?;
    conditions
        .iter_mut()
        .find(|condition| condition["type"] == "Ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(ready: Ready, before: Option<&Value>) -> Value {
        let mut value = Value::from(node("n1").ready(ready));
        date_transition(&mut value, before);
        value
    }

    fn since(value: &Value) -> &Value {
        &value["status"]["conditions"][3]["lastTransitionTime"]
    }

    #[test]
    fn a_readiness_has_changed_when_its_status_did() {
        let long_ago = "2026-01-05T08:00:00Z".parse().unwrap();
        let old = Value::from(node("n1").ready_since(Ready::True, long_ago));
        assert_eq!(since(&old), "2026-01-05T08:00:00Z");
        assert_eq!(since(&dated(Ready::True, Some(&old))), since(&old));
        let changed = dated(Ready::Unknown, Some(&old));
        let time: Timestamp = since(&changed).as_str().unwrap().parse().unwrap();
        assert!(time > long_ago);
        assert!(since(&dated(Ready::True, None)).is_string());
    }

    #[test]
    fn a_node_of_the_same_name_is_the_same_machine_in_the_same_boot() {
        let info = |name| Value::from(node(name))["status"]["nodeInfo"].clone();
        assert_eq!(info("n1"), info("n1"));
        assert_ne!(info("n1")["bootID"], info("n2")["bootID"]);
        assert_ne!(info("n1")["machineID"], info("n2")["machineID"]);
    }
}
