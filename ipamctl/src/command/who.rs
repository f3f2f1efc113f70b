//! `ipamctl who`: all about one address.

mod place;
mod within;

use clap::Args;
use store::address::Address;
use store::clock::Clock;
use store::names::Space;
use store::record::{Holder, RangeRecord};
use store::txn::Etcd;

use self::place::{Place, Record};
use self::within::within;
use super::reading::{Reading, refusal};
use super::{Context, Verdict};
use crate::arguments;
use crate::inventory::Inventory;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Say who has an address, or why nobody may: in every address space in which it is taken or that has \
a range with it, or in the one of --space.

STATE is one of those of `ipamctl ls`, or `free`. RANGES are the configured ranges that the address \
lies in; one that does not give it out says why not. Only the keys of this address are read, and \
those of its holder. So an address that is `free` may be named by a record without its key; \
`ipamctl ls` shows it as `lost`.

The exit status is 3 if nobody has the address and nothing keeps it.

With -o json: an array with an object for each space. It has the fields of `ipamctl ls` (of a free \
address only address, space and state), ranges (an array of objects with range, network and gives, \
and, where gives is false, why_not), revision (that wrote the address key) and of an address with \
an owner record also (what else the attachment holds), record_revision, machine_id, boot_id and \
rest_seconds (how long the address will rest after its release).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl who 192.168.20.11
  ipamctl who 2001:db8::1/64 --space blue
  ipamctl who 192.168.20.11 -o json | jq -r '.[] | \"\\(.namespace)/\\(.pod)\"'";

/// Which address.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The address; a prefix length behind it is left out
    #[arg(value_parser = address)]
    pub address: Address,

    /// Only in this address space
    #[arg(long, value_name = "NAME")]
    pub space: Option<String>,
}

fn address(text: &str) -> Result<Address, String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok()),
        None => (text, Some(0)),
    };
    let address = arguments::address(address)?;
    if length.is_none_or(|length| length > address.family().bits()) {
        return Err(format!("write {address}, or its prefix length behind it"));
    }
    Ok(address)
}

/// Asks and tells.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let Options { address, space } = options;
    let Context { store, .. } = context;
    let refusal = refusal(context).await?;
    let revision = store.revision(context.deadline()).await?;
    let ranges = store.range_records(revision, context.deadline()).await?;
    let mut spaces = store.spaces(revision, context.deadline()).await?;
    spaces.extend(ranges.iter().map(|(space, _)| space.clone()));
    spaces.sort_unstable();
    spaces.dedup();
    spaces.retain(|found| may_hold(found, *address));
    if let Some(wanted) = space {
        spaces.retain(|found| found.to_string() == *wanted);
    }
    let places = places(context, *address, &spaces, &ranges, revision).await?;
    let taken = places.iter().any(Place::is_taken);
    let damaged: Vec<_> = places.iter().flat_map(Place::damaged).collect();
    let reading = Reading {
        what: "ranges and taken addresses",
        is_empty: places.is_empty() && ranges.is_empty(),
        damaged: &damaged,
        consequence: "so the address counts as taken",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    if places.is_empty() {
        let space = space.as_ref();
        output.note(&match space {
            None => format!("{address} is free, and lies in no configured range"),
            Some(space) => {
                format!("{address} is free in the space {space}, and lies in none of its ranges")
            }
        });
    }
    let now = store.clock().wall();
    let shown: Vec<_> = places.iter().map(|place| place.shown(now)).collect();
    output.result(&shown, |shown| {
        let blocks: Vec<_> = shown.iter().map(place::text).collect();
        blocks.join("\n")
    })?;
    Ok(if taken {
        Verdict::Done
    } else {
        Verdict::Negative
    })
}

/// A space of one network has no address of another.
fn may_hold(space: &Space, address: Address) -> bool {
    match space {
        Space::Shared(_) => true,
        Space::Private(_, network) => network.contains(address),
    }
}

/// How the address stands in each of the spaces in which it is taken, and then in those that have a
/// range with it.
async fn places<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    address: Address,
    spaces: &[Space],
    ranges: &[(Space, RangeRecord)],
    revision: i64,
) -> anyhow::Result<Vec<Place>> {
    let Context { store, .. } = context;
    let keys: Vec<_> = spaces.iter().map(|space| (space, address)).collect();
    let standing = store.look_up(&keys, revision, context.deadline()).await?;
    let mut places = Vec::new();
    for (space, standing) in spaces.iter().zip(standing) {
        let mut place = Place {
            address,
            space: space.clone(),
            inventory: Inventory::default(),
            record: None,
            revision: None,
            within: within(space, address, ranges),
        };
        if let Some(standing) = standing {
            if let Ok(Holder::Attachment(attachment)) = &standing.holder {
                let owner = store.owner_as_of(attachment, revision, context.deadline());
                match owner.await? {
                    Some(Ok(owner)) => {
                        place.record = Some(Record::of(&owner, space, address));
                        place.inventory.add_owner(owner);
                    }
                    Some(Err(damaged)) => {
                        place.inventory.add_damaged_owner(store.keys(), damaged);
                    }
                    None => {}
                }
            }
            place.revision = Some(standing.mod_revision);
            place.inventory.settle();
            place.inventory.add_address(space, address, standing.holder);
            place.inventory.complete();
        } else if place.within.is_empty() {
            continue;
        }
        places.push(place);
    }
    places.sort_by_key(|place| !place.is_taken());
    Ok(places)
}

#[cfg(test)]
mod tests;
