//! One node, reduced to what the rules of evidence ask for.

use jiff::Timestamp;

/// A node as the API lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `metadata.name`.
    pub name: String,
    /// `status.nodeInfo.machineID`.
    pub machine_id: String,
    /// `status.nodeInfo.bootID`: the last that the node reported.
    pub boot_id: String,
    /// When the node last reported, by its own clock (`lastHeartbeatTime` of the `Ready`
    /// condition), where it says.
    pub reported: Option<Timestamp>,
    /// Its `Ready` condition.
    pub readiness: Readiness,
    /// When the taint `node.kubernetes.io/out-of-service` was set (`timeAdded`), where the node has
    /// it; the inner `None` where the taint does not say.
    pub out_of_service: Option<Option<Timestamp>>,
}

/// A node's `Ready` condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Whether its status is `True`; `False`, `Unknown` and a missing condition are all not.
    pub ready: bool,
    /// When the status last changed (`lastTransitionTime`).
    pub since: Option<Timestamp>,
}
