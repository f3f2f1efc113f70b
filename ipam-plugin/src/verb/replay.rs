//! Delivers spooled releases, oldest first, beside any other verb. It never fails that verb.

use std::time::Duration;

use store::release::{ReleaseError, Released};
use store::retry::Deadline;

use super::Call;
use crate::local::machine::Machine;
use crate::local::marker::{self, Marker};
use crate::local::spool::Spooled;
use crate::local::{LocalName, Place};

/// Delivers what can be delivered within `budget`.
pub async fn run(call: &Call<impl Machine>, budget: Duration) {
    let entries = call.spool().entries();
    if entries.is_empty() {
        return;
    }
    let deadline = Deadline::after(call.clock(), budget);
    let here = call.configured_place();
    let mut out_of_reach: Vec<Place> = Vec::new();
    for spooled in entries {
        if deadline.remaining(call.clock()).is_zero() {
            return;
        }
        let place = match &spooled.entry.place {
            Some(place) => Some(place.clone()),
            // A DEL that knew no store: the node's own, else the one of whoever calls.
            None => call.place_of_node_file().or_else(|| here.clone()),
        };
        let Some(place) = place.filter(|place| !out_of_reach.contains(place)) else {
            continue;
        };
        // An etcd that is gone for good must not cost every call of the node a timeout. The one
        // that this call is about is always tried.
        let elsewhere =
            Marker::out_of_reach(call.files(), &call.config.section().state_dir(), &place);
        let elsewhere = Some(elsewhere).filter(|_| here.as_ref() != Some(&place));
        if elsewhere
            .as_ref()
            .is_some_and(|it| it.is_younger_than(marker::OUT_OF_REACH, call.now()))
        {
            out_of_reach.push(place);
            continue;
        }
        if let Err(error) = deliver(call, &spooled, &place).await {
            let attachment = place.attachment(&spooled.entry.name);
            tracing::warn!(%attachment, %error, "a spooled release waits on");
            if matches!(error, ReleaseError::Etcd(_)) {
                if let Some(Err(error)) = elsewhere.map(|marker| marker.set()) {
                    tracing::warn!(%error, "that an etcd is out of reach cannot be remembered");
                }
                out_of_reach.push(place);
            }
        }
    }
}

async fn deliver(
    call: &Call<impl Machine>,
    spooled: &Spooled,
    place: &Place,
) -> Result<(), ReleaseError> {
    let name = &spooled.entry.name;
    let lock = call.try_lock(name);
    // An ADD of the same attachment has begun a new life, or another call delivers this one.
    let Ok(Some(_lock)) = lock else { return Ok(()) };
    if !call.spool().holds(spooled) {
        return Ok(());
    }
    let attachment = place.attachment(name);
    let Ok(store) = call.store(place, None) else {
        return Ok(());
    };
    let store_id = spooled.entry.store_id.as_deref();
    // One try: what is out of reach must not hold up the call that this one stands beside.
    let deadline = Deadline::after(call.clock(), Duration::ZERO);
    match store.release(&attachment, store_id, deadline).await {
        // Where nobody knew the store, this one need not be the one that holds the addresses.
        Ok(Released::Nothing)
            if spooled.entry.place.is_none() && !is_known_of(call, name, place) =>
        {
            return Ok(());
        }
        Ok(released) => tracing::info!(%attachment, ?released, "a spooled release was delivered"),
        // Trying again cannot help.
        Err(error @ ReleaseError::Damaged { .. }) => {
            tracing::error!(%attachment, %error, "left for an operator");
        }
        Err(error) => return Err(error),
    }
    call.delivered(spooled);
    Ok(())
}

/// Whether the node's file or the network's own configuration says that this is the place.
fn is_known_of(call: &Call<impl Machine>, name: &LocalName, place: &Place) -> bool {
    let is_its_network = name.network == call.config.name();
    call.place_of_node_file().as_ref() == Some(place)
        || (is_its_network && call.configured_place().as_ref() == Some(place))
}
