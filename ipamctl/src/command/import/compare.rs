//! What was read beside what the store holds.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::clock::Clock;
use store::key::holder_name;
use store::record::{HeldAddress, Holder, OwnerRecord};
use store::txn::Etcd;

use super::input::{Conflict, Input, LeftOut, Thing, What};
use crate::command::Context;
use crate::output::Output;

/// How many things are looked for at once, and how many such questions are asked at the same time.
const LOOKS: usize = 50;
const QUESTIONS: usize = 8;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) new: Vec<Thing>,
    /// What stands in the store as it is in the input.
    pub(super) present: Vec<Thing>,
    pub(super) conflicts: Vec<Conflict>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Compares. What is compared may have changed before it is written; the write compares again.
pub(super) async fn compare<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &Output<'_>,
    input: Input,
) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        conflicts: input.conflicts,
        left_out: input.left_out,
        ..Plan::default()
    };
    let total = u64::try_from(input.things.len()).ok();
    let progress = output.progress("compared", total);
    let questions = input.things.chunks(LOOKS).map(async |things| {
        let keys = things.iter().flat_map(|thing| thing.parcel.keys());
        let found = context.store.values_of(keys, context.deadline()).await;
        progress.advance(things.len());
        found
    });
    let found: Vec<_> = stream::iter(questions)
        .buffered(QUESTIONS)
        .try_collect()
        .await?;
    let mut found = found.into_iter().flatten();
    for thing in input.things {
        let standing: Vec<_> = found.by_ref().take(thing.parcel.entries().len()).collect();
        if standing.iter().all(Option::is_none) {
            plan.new.push(thing);
            continue;
        }
        match in_the_way(&thing, &standing) {
            None => plan.present.push(thing),
            Some(because) => plan.conflicts.push(Conflict {
                what: thing.what.to_string(),
                origin: thing.origin,
                because,
            }),
        }
    }
    Ok(plan)
}

/// What is in the thing's way, where something stands under its keys; `None` where that is it.
fn in_the_way(thing: &Thing, standing: &[Option<Vec<u8>>]) -> Option<String> {
    match &thing.what {
        What::Attachment {
            attachment,
            addresses,
            ..
        } => {
            let holder = holder_name(attachment);
            let (owner, held) = standing.split_first()?;
            match owner {
                Some(record) => owner_in_the_way(record, &holder, addresses, held),
                None => addresses
                    .iter()
                    .zip(held)
                    .find_map(|(address, value)| Some(taken(address, value.as_ref()?))),
            }
        }
        What::Kept { .. } => {
            let value = standing.first()?.as_ref()?;
            (!same_json(value, thing)).then(|| taken_by(value))
        }
        // The store's own is the newer one.
        What::Range { .. } => None,
        What::Cluster { .. } => {
            let uid = standing.first()?.as_ref()?;
            let same = thing
                .parcel
                .entries()
                .first()
                .is_some_and(|(_, value)| value == uid);
            (!same).then(|| {
                format!(
                    "here the name stands for the cluster with the uid {}",
                    String::from_utf8_lossy(uid)
                )
            })
        }
    }
}

/// The record may have been written anew since; what counts is which addresses it names.
fn owner_in_the_way(
    record: &[u8],
    holder: &str,
    addresses: &[HeldAddress],
    held: &[Option<Vec<u8>>],
) -> Option<String> {
    let record = match OwnerRecord::parse(record) {
        Ok(record) => record,
        Err(error) => return Some(format!("its record in the store cannot be read: {error}")),
    };
    let place = |held: &HeldAddress| (held.space.clone(), held.address);
    let mut here: Vec<_> = record.addresses.iter().map(place).collect();
    let mut there: Vec<_> = addresses.iter().map(place).collect();
    here.sort_unstable();
    there.sort_unstable();
    if here != there {
        let here: Vec<_> = here
            .iter()
            .map(|(_, address)| address.to_string())
            .collect();
        return Some(format!("the store has it with {}", here.join(", ")));
    }
    let foreign = addresses
        .iter()
        .zip(held)
        .find(|(_, value)| value.as_deref() != Some(holder.as_bytes()));
    foreign.map(|(address, value)| match value {
        Some(value) => taken(address, value),
        None => format!(
            "the store has its record, but {} is free; see `ipamctl check`",
            address.address
        ),
    })
}

fn same_json(value: &[u8], thing: &Thing) -> bool {
    let parse = |value: &[u8]| serde_json::from_slice::<serde_json::Value>(value).ok();
    let own = thing.parcel.entries().first();
    own.is_some_and(|(_, own)| parse(own).is_some() && parse(own) == parse(value))
}

fn taken(held: &HeldAddress, value: &[u8]) -> String {
    format!("{} {}", held.address, taken_by(value))
}

/// Who has an address, by the value of its key.
pub(super) fn taken_by(value: &[u8]) -> String {
    match Holder::parse(value) {
        Ok(Holder::Attachment(attachment)) => format!("is held by {attachment}"),
        Ok(Holder::Cooldown(cooldown)) => format!("rests since {}", cooldown.released),
        Ok(Holder::Reservation(why)) => format!("is reserved: {}", why.reason),
        Ok(Holder::Quarantine(why)) => format!("is in quarantine: {}", why.reason),
        Err(error) => format!("is taken by a value that cannot be read: {error}"),
    }
}
