//! DEL: spool, forget, release, take out of the spool. It succeeds whenever the release is sure to
//! happen, now or later.

use store::release::{ReleaseError, Released};

use super::{Call, budget, release_error, replay};
use crate::cni::command::Target;
use crate::cni::error::{CniError, Code};
use crate::local::machine::Machine;
use crate::local::spool::{Entry, Spooled};
use crate::local::{LocalName, Place, journal};

/// Takes back what an interface holds.
///
/// # Errors
/// [`CniError`] only where the release could be neither delivered nor spooled.
pub async fn run(call: &Call<impl Machine>, target: &Target) -> Result<(), CniError> {
    let name = call.name(target);
    let journalled = call.journal().read(&name);
    let places = call.places(journalled.as_ref());
    if places.is_empty() {
        return spool_for_later(call, &name);
    }
    let mut releases = Vec::new();
    for place in places {
        // An intent that cannot be spooled is carried out all the same, but then it must succeed.
        let entry = entry(&name, Some(place.clone()), journalled.as_ref());
        releases.push((place, call.spool().add(entry, call.now())));
    }
    // Without a spool entry the journal is all that a repeated DEL could go by.
    let all_spooled = releases.iter().all(|(_, spooled)| spooled.is_ok());
    if all_spooled {
        call.forget(&name);
    }
    let mut all_released = true;
    for (place, spooled) in releases {
        all_released &= release(call, &name, &place, spooled).await?;
    }
    if !all_spooled {
        call.forget(&name);
    }
    // What etcd does not take from this DEL it takes from no other.
    if all_released {
        replay::run(call, budget::REPLAY).await;
    }
    Ok(())
}

fn entry(name: &LocalName, place: Option<Place>, journalled: Option<&journal::Entry>) -> Entry {
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
        store_id: named.or_else(|| journalled.map(|entry| entry.store_id.clone())),
        place,
        owner_key,
    }
}

fn spool_for_later(call: &Call<impl Machine>, name: &LocalName) -> Result<(), CniError> {
    let entry = entry(name, None, None);
    call.spool().add(entry, call.now()).map_err(|error| {
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
    call: &Call<impl Machine>,
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
    let error = match outcome {
        Ok(Released::Gone(record)) => {
            tracing::info!(%attachment, addresses = ?record.addresses, "released");
            None
        }
        Ok(Released::Nothing) => {
            tracing::debug!(%attachment, "there was nothing to release");
            None
        }
        // Trying again cannot help, and the pod must not be stuck.
        Err(error @ ReleaseError::Damaged { .. }) => {
            tracing::error!(%attachment, %error, "left for an operator");
            None
        }
        Err(error) => Some(error),
    };
    match (error, spooled) {
        (None, Ok(spooled)) => {
            call.delivered(&spooled);
            Ok(true)
        }
        (None, Err(_)) => Ok(true),
        (Some(error), Ok(_)) => {
            tracing::warn!(%attachment, %error, "not released yet; the release is spooled");
            Ok(false)
        }
        (Some(error), Err(spool)) => {
            tracing::error!(%attachment, %error, %spool, "neither released nor spooled");
            let details = format!("the release cannot be spooled either: {spool}");
            Err(release_error(&error, &attachment).with_details(details))
        }
    }
}
