//! STATUS: could an ADD be served now?

use store::clock::Clock as _;
use store::retry::Deadline;

use super::{Call, EtcdStore, allocate_error, budget, refusal, replay};
use crate::cni::args::Args;
use crate::cni::error::{CniError, Code};
use crate::local::machine::Machine;
use crate::local::reachability::Reachability;

/// Asks the store (CNI specification, section 4, "STATUS"). A runtime asks every few seconds and
/// takes a node out of service when this fails, so etcd out of reach for a moment does not count.
///
/// # Errors
/// [`CniError`] with code 50 where an ADD would fail.
pub async fn run(call: &Call<impl Machine>) -> Result<(), CniError> {
    let config = &call.config;
    config.readable()?;
    config.etcd().settings()?;
    let Some(place) = call.configured_place() else {
        return Ok(());
    };
    let memory = call.memory(&place);
    let store = call.store(&place, memory.read())?;
    let reachability =
        Reachability::new(call.files(), &config.section().state_dir(), config.name());
    let deadline = call.deadline(call.budget(budget::STATUS));
    match store.readiness(deadline).await {
        Ok(readiness) => {
            reachability.reached();
            readiness.map_err(|why| not_available(&refusal(&why)))?;
        }
        Err(error) if error.is_transient() => {
            tracing::warn!(%error, "etcd was missed");
            if reachability.missed(call.machine.since_boot()) {
                return Err(CniError::new(Code::NotAvailable, error.to_string()));
            }
            return Ok(());
        }
        Err(error) => return Err(CniError::new(Code::NotAvailable, error.to_string())),
    }
    if config.section().status_fails_when_exhausted() {
        has_room(call, &store, deadline).await?;
    }
    replay::run(call, budget::REPLAY).await;
    Ok(())
}

async fn has_room<M: Machine>(
    call: &Call<M>,
    store: &EtcdStore<M>,
    deadline: Deadline,
) -> Result<(), CniError> {
    for claim in call.config.claims(&Args::default())? {
        let room = store
            .has_room(&claim, &mut call.clock().rng(), deadline)
            .await;
        room.map_err(|error| not_available(&allocate_error(&error)))?;
    }
    Ok(())
}

fn not_available(error: &CniError) -> CniError {
    CniError::new(Code::NotAvailable, error.msg()).with_details(error.details())
}
