//! What one look at a record can find.

use store::address::Address;

use super::label::labels;
use crate::pods::Naming;

/// What one look at a record found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its pod lives.
    Alive,
    /// Its pod does not live, but another one names one of its addresses: kept and reported.
    Conflict(Conflict),
    /// Something says that the holder is dead. It must stand for as long as its kind asks.
    Suspect(Evidence),
    /// Nothing that counts says that the holder is dead.
    Kept(KeepReason),
}

/// A pod that names an address which the record of another one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The namespace of the pod that names the address.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The address.
    pub address: Address,
}

impl From<Naming<'_>> for Conflict {
    fn from(naming: Naming<'_>) -> Self {
        Self {
            namespace: naming.pod.namespace.to_owned(),
            name: naming.pod.name.to_owned(),
            uid: naming.pod.uid.to_owned(),
            address: naming.address,
        }
    }
}

labels! {
    /// What says that a holder is dead.
    pub enum Evidence {
        /// Its node is Ready and has booted since: no container survives that.
        Rebooted = "rebooted",
        /// Its pod's uid is not in the API, and its node is Ready.
        PodGone = "pod_gone",
        /// An ADD of the same pod and interface started later in the same boot.
        Superseded = "superseded",
        /// Its Node object was there and went, and its pod's uid is not in the API.
        NodeGone = "node_gone",
        /// Its node is not Ready, and an operator says by the taint
        /// `node.kubernetes.io/out-of-service` that it is off.
        OutOfService = "out_of_service",
        /// It has no pod uid, no pod of its namespace and name exists, and its node is Ready.
        NameGone = "name_gone",
    }
}

labels! {
    /// Why a record is kept although its pod is not known to live.
    pub enum KeepReason {
        /// Its node is not Ready: whatever ran there may run still.
        NodeNotReady = "node_not_ready",
        /// No Node object of that name was ever seen in this leadership.
        NodeUnknown = "node_unknown",
        /// Its Node object went, but without a pod uid nothing says that the pod went too.
        NodeGoneWithoutUid = "node_gone_without_uid",
        /// The record does not name its pod: neither the API nor a runtime can be asked for it.
        NoPodName = "no_pod_name",
        /// Nothing names its pod, and another machine has its node's name: that the other one
        /// booted says nothing.
        MachineReplaced = "machine_replaced",
        /// The out-of-service taint or the node's condition does not say since when it stands.
        TaintUndated = "taint_undated",
        /// The out-of-service taint was set before the node's readiness last changed: it was
        /// forgotten there after an earlier outage.
        TaintOutdated = "taint_outdated",
        /// The node is out of service, but the record or the node does not tell its boot.
        BootUnknown = "boot_unknown",
        /// The node is out of service, but the record is of another boot than the last reported.
        OtherBoot = "other_boot",
        /// A newer version made the record in a way that this one does not know.
        KindUnknown = "kind_unknown",
        /// The node does not say since when it is Ready, so nobody can say that it always was.
        ReadySinceUnknown = "ready_since_unknown",
        /// The lease of the gone node's kubelet could not be read.
        LeaseUnknown = "lease_unknown",
        /// It was made after, or shortly before, the file that the pods were read from.
        YoungerThanSource = "younger_than_source",
    }
}

impl Evidence {
    /// What it says, as a sentence for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Rebooted => "its node has booted since",
            Self::PodGone => "its pod is gone, and its node was Ready all the time",
            Self::Superseded => "its pod has a newer attachment of the same interface",
            Self::NodeGone => "its node was deleted, its kubelet is silent, and its pod is gone",
            Self::OutOfService => "its node is out of service",
            Self::NameGone => "no pod of its name exists, and its node was Ready all the time",
        }
    }
}
