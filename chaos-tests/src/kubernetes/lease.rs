//! The leases by which kubelets show that they live.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A kubelet's lease, to be put into the cluster.
#[derive(Clone, Debug)]
pub struct Lease(Value);

/// The lease of this node's kubelet, renewed just now.
pub fn lease(node: &str) -> Lease {
    Lease(json!({
        "metadata": {
            "name": node,
            "namespace": "kube-node-lease",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node}],
        },
        "spec": {"holderIdentity": node, "leaseDurationSeconds": 40},
    }))
    .renewed(Timestamp::now())
}

impl Lease {
    /// Last renewed at this time.
    #[must_use]
    pub fn renewed(mut self, time: Timestamp) -> Self {
        // A `metav1.MicroTime`.
        self.0["spec"]["renewTime"] = format!("{time:.6}").into();
        self
    }
}

impl From<Lease> for Value {
    fn from(lease: Lease) -> Self {
        lease.0
    }
}
