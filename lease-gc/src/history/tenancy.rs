//! One line of the history.

use serde::{Deserialize, Serialize};
use store::address::Address;
use store::names::Attachment;
use store::record::{OwnerRecord, Pod};

/// An address, who held it, from when until when, and why no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tenancy {
    /// The address.
    pub(super) address: Address,
    /// The space in which it was theirs alone.
    pub(super) space: String,
    /// The attachment's cluster.
    pub(super) cluster: String,
    /// Its node.
    pub(super) node: String,
    /// Its network.
    pub(super) network: String,
    /// Its container.
    pub(super) container: String,
    /// Its interface.
    pub(super) interface: String,
    /// The pod behind it, as far as the runtime said.
    pub(super) pod: Pod,
    /// When it began, by the node's wall clock (RFC 3339).
    pub(super) from: String,
    /// When the collector saw it end, by its own wall clock (RFC 3339).
    pub(super) until: String,
    /// `released` (by a DEL, a GC verb or an operator), `restarted` (the machine rebooted and the
    /// attachment got it anew), or the evidence by which the collector released it.
    pub(super) why: String,
    /// The store's revision that ended it. With the address it names the line: one that was written
    /// twice is known by it.
    pub(super) revision: i64,
}

impl Tenancy {
    /// One for every address of a record.
    pub(super) fn all(
        attachment: &Attachment,
        record: &OwnerRecord,
        until: &str,
        why: &str,
        revision: i64,
    ) -> Vec<Self> {
        let tenancy = |held: &store::record::HeldAddress| Self {
            address: held.address,
            space: held.space.to_string(),
            cluster: attachment.cluster.clone(),
            node: attachment.node.clone(),
            network: attachment.network.clone(),
            container: attachment.container.clone(),
            interface: attachment.interface.clone(),
            pod: record.pod.clone(),
            from: record.created.clone(),
            until: until.to_owned(),
            why: why.to_owned(),
            revision,
        };
        record.addresses.iter().map(tenancy).collect()
    }

    /// What names the line.
    pub(super) fn key(&self) -> (i64, String, Address) {
        (self.revision, self.space.clone(), self.address)
    }
}
