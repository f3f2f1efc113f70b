//! DEL: spool, forget, release, take out of the spool. It succeeds whenever the release is sure to
//! happen, now or later.

use store::release::{ReleaseError, Released};

use super::{Call, budget, now, release_error, replay};
use crate::cni::command::Target;
use crate::cni::error::{CniError, Code};
use crate::local::spool::{Entry, Spooled};
use crate::local::{LocalName, Place};

/// Takes back what an interface holds.
///
/// # Errors
/// [`CniError`] only where the release could be neither delivered nor spooled.
pub async fn run(call: &Call, target: &Target) -> Result<(), CniError> {
    let name = call.name(target);
    let places = call.places(&name);
    if places.is_empty() {
        return spool_for_later(call, &name);
    }
    let mut releases = Vec::new();
    for place in places {
        // An intent that cannot be spooled is carried out all the same, but then it must succeed.
        let entry = entry(call, &name, Some(place.clone()));
        releases.push((place, call.spool().add(entry, now())));
    }
    // Without a spool entry the journal is all that a repeated DEL could go by.
    let all_spooled = releases.iter().all(|(_, spooled)| spooled.is_ok());
    if all_spooled {
        forget(call, &name);
    }
    let mut all_released = true;
    for (place, spooled) in releases {
        all_released &= release(call, &name, &place, spooled).await?;
    }
    if !all_spooled {
        forget(call, &name);
    }
    // What etcd does not take from this DEL it takes from no other.
    if all_released {
        replay::run(call, budget::REPLAY).await;
    }
    Ok(())
}

/// Takes an attachment out of the journal.
fn forget(call: &Call, name: &LocalName) {
    if let Err(error) = call.journal().remove(name) {
        tracing::warn!(%error, "the journal entry cannot be removed");
    }
}

fn entry(call: &Call, name: &LocalName, place: Option<Place>) -> Entry {
    let journalled = call.journal().read(name);
    let journalled = journalled.filter(|entry| place.as_ref() == Some(&entry.place));
    let named = place
        .as_ref()
        .and_then(|place| place.etcd.store_id().map(str::to_owned));
    let owner_key = place
        .as_ref()
        .map(|place| store::key::Keyspace::new(place.etcd.prefix()).owner(&place.attachment(name)));
    Entry {
        v: store::record::SCHEMA,
        name: name.clone(),
        store_id: named.or_else(|| journalled.map(|entry| entry.store_id)),
        place,
        owner_key,
    }
}

fn spool_for_later(call: &Call, name: &LocalName) -> Result<(), CniError> {
    let entry = entry(call, name, None);
    call.spool().add(entry, now()).map_err(|error| {
        CniError::new(
            Code::Io,
            format!("no etcd settings, and the release cannot be spooled either: {error}"),
        )
    })?;
    tracing::warn!(
        network = name.network,
        container = name.container,
        interface = name.interface,
        "no etcd settings anywhere; the release is spooled until the node has some"
    );
    Ok(())
}

/// Releases at one place. `false`: not yet, but it is spooled.
async fn release(
    call: &Call,
    name: &LocalName,
    place: &Place,
    spooled: std::io::Result<Spooled>,
) -> Result<bool, CniError> {
    let attachment = place.attachment(name);
    let store_id = match &spooled {
        Ok(spooled) => spooled.entry.store_id.clone(),
        Err(_) => place.etcd.store_id().map(str::to_owned),
    };
    let outcome = match call.store(place, None) {
        Ok(store) => {
            let deadline = call.deadline(call.budget(budget::DEL));
            store
                .release(&attachment, store_id.as_deref(), deadline)
                .await
        }
        Err(error) => Err(ReleaseError::Etcd(store::etcd::EtcdError::Settings(
            error.to_string(),
        ))),
    };
    match (outcome, spooled) {
        (Ok(Released::Gone(record)), spooled) => {
            tracing::info!(%attachment, addresses = ?record.addresses, "released");
            deliver(call, spooled.ok().as_ref());
            Ok(true)
        }
        (Ok(Released::Nothing), spooled) => {
            tracing::debug!(%attachment, "there was nothing to release");
            deliver(call, spooled.ok().as_ref());
            Ok(true)
        }
        // Trying again cannot help, and the pod must not be stuck.
        (Err(error @ ReleaseError::Damaged { .. }), spooled) => {
            tracing::error!(%attachment, %error, "left for an operator");
            deliver(call, spooled.ok().as_ref());
            Ok(true)
        }
        (Err(error), Ok(_)) => {
            tracing::warn!(%attachment, %error, "not released yet; the release is spooled");
            Ok(false)
        }
        (Err(error), Err(spool)) => {
            tracing::error!(%attachment, %error, %spool, "neither released nor spooled");
            let details = format!("the release cannot be spooled either: {spool}");
            Err(release_error(&error, &attachment).with_details(details))
        }
    }
}

/// Takes a release that has been delivered out of the spool.
fn deliver(call: &Call, spooled: Option<&Spooled>) {
    let Some(spooled) = spooled else { return };
    if let Err(error) = call.spool().remove(spooled) {
        tracing::warn!(%error, "a delivered release stays in the spool and will be repeated");
    }
}
