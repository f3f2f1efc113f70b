//! GC: takes back what no listed attachment of this node and network holds.

use std::time::Duration;

use store::inspect::Owner;

use super::{Call, EtcdStore, budget, etcd_error, replay};
use crate::cni::error::{CniError, Code};
use crate::config::ValidAttachment;
use crate::local::machine::Machine;
use crate::local::{LocalName, Place};

/// An empty list is believed only if the node holds at most this many attachments of the network:
/// a runtime that lost its cache must not free a node.
const BELIEVED_EMPTY: usize = 3;

/// Releases what the runtime's list lacks (CNI specification, section 4, "GC"). Without a list, or
/// where the configuration says `disableGC`, nothing is done.
///
/// # Errors
/// [`CniError`] after everything was tried, if anything failed.
pub async fn run(call: &Call<impl Machine>) -> Result<(), CniError> {
    call.config.readable()?;
    let Some(valid) = call.config.valid_attachments()? else {
        return Ok(());
    };
    if call.config.gc_is_disabled()? {
        return Ok(());
    }
    let mut problem = None;
    for place in places(call) {
        if let Err(error) = collect(call, &place, &valid).await {
            tracing::error!(%error, "garbage collection failed");
            problem.get_or_insert(error);
        }
    }
    replay::run(call, budget::REPLAY).await;
    problem.map_or(Ok(()), Err)
}

fn places(call: &Call<impl Machine>) -> Vec<Place> {
    if call.config.network_etcd().has_endpoints() {
        return call.configured_place().into_iter().collect();
    }
    let journalled = call.journal().places(call.config.name());
    if journalled.is_empty() {
        call.configured_place().into_iter().collect()
    } else {
        journalled
    }
}

async fn collect(
    call: &Call<impl Machine>,
    place: &Place,
    valid: &[ValidAttachment],
) -> Result<(), CniError> {
    let store = call.store(place, None)?;
    let deadline = call.deadline(call.budget(budget::GC));
    let network = call.config.name();
    let listed = store
        .owners_on_node(&place.cluster, &place.node, network, deadline)
        .await;
    let (owners, damaged) = listed.map_err(|error| etcd_error(&error))?;
    for damaged in damaged {
        tracing::warn!(
            key = damaged.key,
            reason = damaged.reason,
            "a damaged record is left"
        );
    }
    if valid.is_empty() && owners.len() > BELIEVED_EMPTY {
        let why = format!(
            "cni.dev/valid-attachments is empty, but node {} holds {} attachments of network \
             {network}: a list that lost them all is not believed; delete the pods instead",
            place.node,
            owners.len()
        );
        return Err(CniError::new(Code::InvalidConfig, why));
    }
    let mut problem = None;
    let youngest = call.config.section().gc_min_age()?;
    let stale = owners
        .iter()
        .filter(|owner| !is_listed(valid, owner) && !is_young(call, owner, youngest));
    for owner in stale {
        if let Err(error) = release(call, &store, owner).await {
            problem.get_or_insert(error);
        }
    }
    problem.map_or(Ok(()), Err)
}

fn is_listed(valid: &[ValidAttachment], owner: &Owner) -> bool {
    let Owner { attachment, .. } = owner;
    valid.iter().any(|valid| {
        valid.container == attachment.container && valid.interface == attachment.interface
    })
}

/// Whether the record is of this boot and younger than `gc_min_age`.
fn is_young(call: &Call<impl Machine>, owner: &Owner, youngest: Duration) -> bool {
    let boot = &owner.record.boot;
    let age = call
        .machine
        .since_boot()
        .saturating_sub(Duration::from_millis(boot.started_ms));
    boot.id == call.boot.id && age < youngest
}

async fn release<M: Machine>(
    call: &Call<M>,
    store: &EtcdStore<M>,
    owner: &Owner,
) -> Result<(), CniError> {
    let attachment = &owner.attachment;
    let name = LocalName {
        network: attachment.network.clone(),
        container: attachment.container.clone(),
        interface: attachment.interface.clone(),
    };
    // An ADD of it that runs now makes it valid, whatever the list says.
    let lock = call.try_lock(&name);
    let Ok(Some(_lock)) = lock else { return Ok(()) };
    let deadline = call.deadline(call.budget(budget::GC));
    let released = store.release_listed(owner, deadline).await;
    if released.map_err(|error| etcd_error(&error))? {
        tracing::info!(%attachment, "released: not in the runtime's list of valid attachments");
        call.forget_if(&name, &owner.record.id);
    }
    Ok(())
}
