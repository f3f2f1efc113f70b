//! `ipamctl ranges`: every configured range and how full it is.

mod usage;

use store::clock::Clock;
use store::names::Space;
use store::record::RangeRecord;
use store::scan::Scan;
use store::txn::Etcd;

use self::usage::Usage;
use super::Context;
use super::reading::{Reading, refusal};
use crate::output::{Align, Output, Table};
use crate::text::share;

/// What `--help` says.
pub const ABOUT: &str = "\
List every configured range and how full it is.

USED addresses are held by pods, RESTING ones were released and wait for their cool-down, RESERVED \
ones are kept by an operator or by a value that cannot be read. FULL is the share of TOTAL that is \
not FREE. A range is known once a node has allocated from it; ranges that overlap in one address \
space share their addresses.

With -o json: an array of objects with space, network (null where it cannot be made out), first, \
last, gateway (where there is one), excludes, allocated, resting, reserved, free, total and seen \
(RFC 3339: when a node last used it). A number above 2^53 is written as a string of decimal digits.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl ranges
  ipamctl ranges -o json | jq -r '.[] | select(.free == 0) | .network'";

/// Lists.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let refusal = refusal(context).await?;
    let (ranges, damaged) = context.store.ranges(context.deadline()).await?;
    let ranges = usage::sorted(ranges);
    let reading = Reading {
        what: "ranges",
        is_empty: ranges.is_empty(),
        damaged: &damaged,
        consequence: "so its range is missing here",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    for odd in ranges.iter().filter(|usage| usage.network.is_none()) {
        output.warn(&format!(
            "the range {} of space {} has a prefix length that its family has not; no address of \
             it is given out",
            odd.range(),
            odd.space
        ));
    }
    Ok(output.result(&ranges, |ranges| table(ranges))?)
}

/// Every configured range that can be read, without its use.
pub(super) async fn known<E: Etcd, C: Clock>(
    context: &Context<E, C>,
) -> anyhow::Result<Vec<(Space, RangeRecord)>> {
    let store = &context.store;
    let mut scan = Scan::new(store.keys().all_ranges());
    let mut known = Vec::new();
    while let Some(page) = store.next_page(&mut scan, context.deadline()).await? {
        known.extend(
            page.iter()
                .filter_map(|entry| store.parse_range(entry).ok()),
        );
    }
    Ok(known)
}

fn table(ranges: &[Usage]) -> String {
    let mut table = Table::new([
        ("SPACE", Align::Left),
        ("RANGE", Align::Left),
        ("GATEWAY", Align::Left),
        ("USED", Align::Right),
        ("RESTING", Align::Right),
        ("RESERVED", Align::Right),
        ("FREE", Align::Right),
        ("TOTAL", Align::Right),
        ("FULL", Align::Right),
    ]);
    for one in ranges {
        let taken = one.total.0.saturating_sub(one.free.0);
        table.row([
            one.space.clone(),
            one.range(),
            one.gateway
                .map(|gateway| gateway.to_string())
                .unwrap_or_default(),
            one.allocated.0.to_string(),
            one.resting.0.to_string(),
            one.reserved.0.to_string(),
            one.free.0.to_string(),
            one.total.0.to_string(),
            share(taken, one.total.0).unwrap_or_default(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests;
