//! Living pods that use an address which the store gives to another holder.

use store::address::Address;
use store::inspect::Owner;
use store::names::Space;
use store::record::HeldAddress;

use super::adoption::{Place, Ranges};
use crate::pods::{Living, LivingPod};

/// Pods that name an address in their network-status annotation, are not being deleted, and mean
/// it in this space: no range of another space has it.
pub fn claimants<'a>(
    space: &Space,
    address: Address,
    living: &'a Living,
    ranges: &Ranges,
) -> impl Iterator<Item = LivingPod<'a>> + use<'a> {
    let here = matches!(ranges.place(address), Place::In(of, _) if of == space);
    let naming = living.naming(address).filter(move |_| here);
    let claims = naming.filter(|naming| naming.attachment.is_some() && !naming.pod.terminating);
    claims.map(|naming| naming.pod)
}

/// A pod that claims an address of a record and is not the record's own.
pub fn rival<'a>(
    owner: &Owner,
    held: &HeldAddress,
    living: &'a Living,
    ranges: &Ranges,
) -> Option<LivingPod<'a>> {
    let record = &owner.record.pod;
    let own = living.pod_of_uid(&record.uid);
    claimants(&held.space, held.address, living, ranges).find(|pod| {
        own.map_or(
            (pod.namespace, pod.name) != (&record.namespace, &record.name),
            |own| *pod != own,
        )
    })
}
