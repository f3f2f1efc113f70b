//! Pods as a scheduler and a kubelet leave them behind.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::seconds;

/// A pod to be put into the cluster. It runs, unless it is told otherwise.
#[derive(Clone, Debug)]
pub struct Pod(Value);

/// A running pod without any address. The empty `uid` lets the server choose one; the empty `node`
/// leaves it unbound.
pub fn pod(namespace: &str, name: &str, uid: &str, node: &str) -> Pod {
    let created = seconds(Timestamp::now());
    let mut pod = json!({
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name, "pod-template-hash": "6d4cf56db6"},
            "annotations": {},
            "creationTimestamp": created,
        },
        "spec": spec(),
        "status": {
            "startTime": created,
            "hostIP": "10.0.0.1",
            "hostIPs": [{"ip": "10.0.0.1"}],
            "qosClass": "BestEffort",
            "containerStatuses": [{
                "name": "app",
                "image": "registry.example/app:1.0",
                "imageID": "registry.example/app@sha256:\
                    7173b809ca12ec5dee4506cd86be934c4596dd234ee82c0662eac04a8c2c71dc",
                "containerID": "containerd://\
                    e1f4d2a3b05c69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
                "lastState": {},
                "ready": true,
                "restartCount": 0,
                "started": true,
                "state": {"running": {"startedAt": created}},
            }],
        },
    });
    if !uid.is_empty() {
        pod["metadata"]["uid"] = uid.into();
    }
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
    }
    Pod(pod).phase("Running")
}

fn spec() -> Value {
    json!({
        "containers": [{
            "name": "app",
            "image": "registry.example/app:1.0",
            "imagePullPolicy": "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [{
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "name": "kube-api-access-x7k2p",
                "readOnly": true,
            }],
        }],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420}}],
    })
}

impl Pod {
    /// In this phase: `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[must_use]
    pub fn phase(mut self, phase: &str) -> Self {
        let created = self.0["metadata"]["creationTimestamp"].clone();
        let ready = if phase == "Running" { "True" } else { "False" };
        let conditions = [
            ("PodReadyToStartContainers", "True"),
            ("Initialized", "True"),
            ("Ready", ready),
            ("ContainersReady", ready),
            ("PodScheduled", "True"),
        ];
        self.0["status"]["phase"] = phase.into();
        self.0["status"]["conditions"] = conditions
            .into_iter()
            .map(|(kind, status)| {
                json!({
                    "type": kind,
                    "status": status,
                    "lastProbeTime": null,
                    "lastTransitionTime": created,
                })
            })
            .collect();
        self
    }

    /// With one more address in `status.podIPs`.
    #[must_use]
    pub fn ip(mut self, ip: &str) -> Self {
        let status = &mut self.0["status"];
        if status["podIP"].is_null() {
            status["podIP"] = ip.into();
            status["podIPs"] = json!([]);
        }
        if let Some(ips) = status["podIPs"].as_array_mut() {
            ips.push(json!({"ip": ip}));
        }
        self
    }

    /// With these entries, each from [`network`], as its network status.
    #[must_use]
    pub fn network_status(self, entries: impl IntoIterator<Item = Value>) -> Self {
        let entries: Value = entries.into_iter().collect();
        self.annotation("k8s.v1.cni.cncf.io/network-status", &format!("{entries:#}"))
    }

    /// The mirror of a static pod with this config hash.
    #[must_use]
    pub fn static_pod(mut self, hash: &str) -> Self {
        let node = &self.0["spec"]["nodeName"];
        self.0["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1",
            "kind": "Node",
            "name": node,
            "uid": node,
            "controller": true,
        }]);
        self.annotation("kubernetes.io/config.hash", hash)
            .annotation("kubernetes.io/config.mirror", hash)
            .annotation("kubernetes.io/config.source", "file")
    }

    /// Its deletion was asked for, and it is not gone yet.
    #[must_use]
    pub fn terminating(mut self) -> Self {
        self.0["metadata"]["deletionTimestamp"] = seconds(Timestamp::now()).into();
        self.0["metadata"]["deletionGracePeriodSeconds"] = 30.into();
        self
    }

    /// With any annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.0["metadata"]["annotations"][name] = value.into();
        self
    }
}

/// An entry of a pod's network status, as Multus writes it: the network's name, the interface and
/// its addresses.
pub fn network(name: &str, interface: &str, ips: &[&str]) -> Value {
    json!({"name": name, "interface": interface, "ips": ips, "mac": "0a:58:0a:01:02:03", "dns": {}})
}

impl From<Pod> for Value {
    fn from(pod: Pod) -> Self {
        pod.0
    }
}
