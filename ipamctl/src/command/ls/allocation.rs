//! One line of the listing: an address and who holds it.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use store::address::Address;
use store::inspect::Owner;

/// An address that an attachment holds. The fields' names are those of the JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Allocation {
    pub(super) address: Address,
    pub(super) prefix: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<Address>,
    pub(super) space: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) cluster: String,
    pub(super) node: String,
    pub(super) network: String,
    pub(super) container: String,
    pub(super) interface: String,
    pub(super) created: String,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub(super) age: Option<Duration>,
    pub(super) plugin: String,
}

/// What the owners hold at `now`, sorted by space and address.
pub(super) fn allocations(owners: Vec<Owner>, now: SystemTime) -> Vec<Allocation> {
    let mut allocations: Vec<_> = owners
        .into_iter()
        .flat_map(|owner| held_by(owner, now))
        .collect();
    allocations.sort_by(|one, other| {
        (&one.space, one.address)
            .cmp(&(&other.space, other.address))
            .then_with(|| one.container.cmp(&other.container))
    });
    allocations
}

fn held_by(owner: Owner, now: SystemTime) -> impl Iterator<Item = Allocation> {
    let Owner {
        attachment, record, ..
    } = owner;
    // A node whose clock is ahead made it just now.
    let age = record
        .created_at()
        .map(|created| now.duration_since(created).unwrap_or_default());
    record.addresses.into_iter().map(move |held| Allocation {
        address: held.address,
        prefix: held.prefix,
        gateway: held.gateway,
        space: held.space.to_string(),
        namespace: record.pod.namespace.clone(),
        pod: record.pod.name.clone(),
        uid: record.pod.uid.clone(),
        cluster: attachment.cluster.clone(),
        node: attachment.node.clone(),
        network: attachment.network.clone(),
        container: attachment.container.clone(),
        interface: attachment.interface.clone(),
        created: record.created.clone(),
        age,
        plugin: record.plugin.clone(),
    })
}

#[expect(clippy::ref_option, reason = "serde asks for this signature")]
fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}
