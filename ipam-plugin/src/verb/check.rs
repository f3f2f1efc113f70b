//! CHECK: is what an interface was given still its own?

use store::address::Address;
use store::claim::Claim;
use store::record::OwnerRecord;

use super::{Call, budget, etcd_error};
use crate::cni::args::Args;
use crate::cni::command::Target;
use crate::cni::error::{CniError, Code};
use crate::local::machine::Machine;

/// Compares the store with `prevResult` (CNI specification, section 4, "CHECK"). Addresses outside
/// our ranges, routes and interfaces are other plugins' affair.
///
/// # Errors
/// [`CniError`] with code 106 where the interface holds nothing, 101 where an address that it uses
/// is not its own.
pub async fn run(call: &Call<impl Machine>, target: &Target, args: &str) -> Result<(), CniError> {
    call.config.readable()?;
    let name = call.name(target);
    let places = call.places(call.journal().read(&name).as_ref());
    // Says what is missing, where something is.
    let Some(place) = places.first() else {
        return call.config.etcd().settings().map(drop);
    };
    let attachment = place.attachment(&name);
    let store = call.store(place, None)?;
    let deadline = call.deadline(call.budget(budget::CHECK));
    let owner = store
        .owner(&attachment, deadline)
        .await
        .map_err(|error| etcd_error(&error))?;
    let record = match owner {
        Some(Ok(record)) => record,
        Some(Err(error)) => {
            let why = format!("the owner record of {attachment} is damaged: {error}");
            return Err(CniError::new(Code::Io, why));
        }
        None => {
            let why = format!("the store knows no address of {attachment}");
            return Err(CniError::new(Code::AllocationMissing, why));
        }
    };
    if let Some(address) = foreign(call, args, &record) {
        let why = format!("{address} of prevResult is not held by {attachment}");
        return Err(CniError::new(Code::Taken, why));
    }
    let lost = store
        .not_held_by(&attachment, &record.addresses, deadline)
        .await;
    let lost = lost.map_err(|error| etcd_error(&error))?;
    match lost.first() {
        Some(held) => {
            let why = format!("{} is not held by {attachment} any more", held.address);
            Err(CniError::new(Code::Taken, why))
        }
        None => Ok(()),
    }
}

/// An address of `prevResult` that lies in our ranges and is not in the record.
fn foreign(call: &Call<impl Machine>, args: &str, record: &OwnerRecord) -> Option<Address> {
    let claims = call
        .config
        .claims(&Args::parse_leniently(args))
        .unwrap_or_default();
    let ours = |address: &Address| {
        claims.iter().any(|claim| match claim {
            Claim::Any(ranges) => ranges.iter().any(|range| range.range.contains(*address)),
            Claim::Exact(held) => held.address == *address,
        })
    };
    let held = |address: &Address| record.addresses.iter().any(|held| held.address == *address);
    let previous = call.config.previous_addresses();
    previous
        .iter()
        .copied()
        .find(|address| ours(address) && !held(address))
}
