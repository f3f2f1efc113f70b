//! Delivers spooled releases, oldest first, beside any other verb. It never fails that verb.

use std::time::Duration;

use store::release::ReleaseError;
use store::retry::Deadline;

use super::Call;
use crate::local::Place;
use crate::local::lock::Lock;
use crate::local::spool::Spooled;

/// Delivers what can be delivered within `budget`.
pub async fn run(call: &Call, budget: Duration) {
    let entries = call.spool().entries();
    if entries.is_empty() {
        return;
    }
    let deadline = Deadline::after(&call.clock, budget);
    let mut out_of_reach: Vec<Place> = Vec::new();
    for spooled in entries {
        if deadline.remaining(&call.clock).is_zero() {
            return;
        }
        let place = spooled
            .entry
            .place
            .clone()
            .or_else(|| call.configured_place());
        let Some(place) = place.filter(|place| !out_of_reach.contains(place)) else {
            continue;
        };
        if let Err(error) = deliver(call, &spooled, &place).await {
            let attachment = place.attachment(&spooled.entry.name);
            tracing::warn!(%attachment, %error, "a spooled release waits on");
            if matches!(error, ReleaseError::Etcd(_)) {
                out_of_reach.push(place);
            }
        }
    }
}

async fn deliver(call: &Call, spooled: &Spooled, place: &Place) -> Result<(), ReleaseError> {
    let name = &spooled.entry.name;
    let lock = Lock::try_acquire(&call.config.section().state_dir(), name);
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
    let deadline = Deadline::after(&call.clock, Duration::ZERO);
    match store.release(&attachment, store_id, deadline).await {
        Ok(released) => tracing::info!(%attachment, ?released, "a spooled release was delivered"),
        // Trying again cannot help.
        Err(error @ ReleaseError::Damaged { .. }) => {
            tracing::error!(%attachment, %error, "left for an operator");
        }
        Err(error) => return Err(error),
    }
    if let Err(error) = call.spool().remove(spooled) {
        tracing::warn!(%error, "a delivered release stays in the spool and will be repeated");
    }
    Ok(())
}
