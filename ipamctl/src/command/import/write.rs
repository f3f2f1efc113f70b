//! Writes what is to be imported, many at a time.

use std::cell::Cell;

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, stream};
use store::clock::Clock;
use store::import::{Delivery, Terms};
use store::txn::Etcd;

use super::compare::taken_by;
use super::input::Thing;
use crate::command::Context;
use crate::output::Output;

/// How many transactions are under way at the same time.
const AT_ONCE: usize = 16;

/// Writes all; returns what turned out to be taken since it was compared, and by whom.
///
/// # Errors
/// What kept the rest from being written. What was written stays: it is what a next run finds.
pub(super) async fn write<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    things: Vec<Thing>,
    terms: &Terms,
) -> anyhow::Result<Vec<(Thing, String)>> {
    let total = things.len();
    let progress = output.progress("imported", u64::try_from(total).ok());
    // What is under way is waited for, so that it is known how far it got.
    let failed = Cell::new(false);
    let things = things.into_iter().take_while(|_| !failed.get());
    let deliveries = things.map(async |thing| {
        let store = &context.store;
        let delivery = store.import(&thing.parcel, terms, context.deadline()).await;
        (thing, delivery)
    });
    let mut deliveries = stream::iter(deliveries).buffer_unordered(AT_ONCE);
    let (mut written, mut taken, mut error) = (0_usize, Vec::new(), None);
    while let Some((thing, delivery)) = deliveries.next().await {
        match delivery {
            Ok(Delivery::Written) => {
                written += 1;
                progress.advance(1);
            }
            Ok(Delivery::Taken { key, value }) => {
                let because = format!("{key} was written meanwhile and {}", taken_by(&value));
                taken.push((thing, because));
            }
            Err(reason) => {
                failed.set(true);
                let reason = anyhow!(reason).context(format!("while {} was written", thing.what));
                error = error.or(Some(reason));
            }
        }
    }
    drop(deliveries);
    drop(progress);
    match error {
        None => Ok(taken),
        Some(error) => Err(error).with_context(|| {
            format!(
                "{written} of {total} are imported; run the same command again, and it goes on \
                 where it stopped"
            )
        }),
    }
}
