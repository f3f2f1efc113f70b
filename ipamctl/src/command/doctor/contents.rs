//! Reads all of the store, and judges how full its ranges are and what cannot be read.

use std::collections::BTreeMap;
use std::time::SystemTime;

use store::address::Address;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::inspect::{Damaged, Owner, RangeUsage};
use store::key::KeyRange;
use store::names::Space;
use store::record::{Holder, RangeRecord};
use store::scan::Scan;
use store::txn::{Entry, Etcd};

use super::collectors::clock;
use super::finding::Findings;
use crate::command::Context;
use crate::text::share;

/// How many damaged keys are named.
const NAMED: usize = 5;
/// A range that is fuller than this is about to be exhausted (hundredths).
const FULL: u128 = 90;

/// What was read.
#[derive(Default)]
pub(super) struct Contents {
    ranges: BTreeMap<Space, Vec<RangeUsage>>,
    damaged: Vec<Damaged>,
    /// How many keys cannot be read; the first few of them stand in `damaged`.
    damaged_count: u64,
    /// Where the user may not look.
    denied: Vec<&'static str>,
    /// The latest time in a record, and whose it is.
    latest: Option<(String, String)>,
}

impl Contents {
    /// Reads, page by page.
    pub(super) async fn read<E: Etcd, C: Clock>(
        context: &Context<E, C>,
    ) -> Result<Self, EtcdError> {
        let mut contents = Self::default();
        let keys = context.store.keys();
        let store = &context.store;
        for (name, stretch) in [
            // The ranges must be known before what lies in them is counted.
            ("range/", keys.all_ranges()),
            ("addr/", keys.all_addresses()),
            ("owner/", keys.all_owners()),
        ] {
            let read = each(context, stretch, |entry| match name {
                "range/" => contents.range(store.parse_range(&entry)),
                "addr/" => contents.address(store.parse_address(&entry)),
                _ => contents.owner(store.parse_owner(entry)),
            });
            match read.await {
                Err(EtcdError::Denied { .. }) => contents.denied.push(name),
                outcome => outcome?,
            }
        }
        Ok(contents)
    }

    fn range(&mut self, range: Result<(Space, RangeRecord), Damaged>) {
        match range {
            Ok((space, record)) => {
                let usage = RangeUsage::new(space.clone(), record);
                self.ranges.entry(space).or_default().push(usage);
            }
            Err(damaged) => self.damaged(damaged),
        }
    }

    fn address(&mut self, address: Result<(Space, Address, Result<Holder, Damaged>), Damaged>) {
        let (space, address, holder) = match address {
            Ok(address) => address,
            Err(damaged) => return self.damaged(damaged),
        };
        let ranges = self.ranges.get_mut(&space);
        for usage in ranges.into_iter().flatten() {
            usage.count(address, holder.as_ref().ok());
        }
        if let Err(damaged) = holder {
            self.damaged(damaged);
        }
    }

    fn owner(&mut self, owner: Result<Owner, Damaged>) {
        match owner {
            Ok(owner) => self.latest(owner.record.created, owner.attachment.node),
            Err(damaged) => self.damaged(damaged),
        }
    }

    fn damaged(&mut self, damaged: Damaged) {
        self.damaged_count += 1;
        if self.damaged.len() < NAMED {
            self.damaged.push(damaged);
        }
    }

    /// Times of one form are in the order of their texts.
    fn latest(&mut self, created: String, node: String) {
        if self
            .latest
            .as_ref()
            .is_none_or(|(latest, _)| *latest < created)
        {
            self.latest = Some((created, node));
        }
    }

    /// Judges. A node's user need not see all of the store.
    pub(super) fn judge(&self, is_node: bool, now: SystemTime, findings: &mut Findings) {
        let ranges = || self.ranges.values().flatten();
        ranges().for_each(|usage| range(usage, findings));
        if ranges().next().is_some() && !findings.has("ranges") {
            findings.ok("ranges", format!("{} ranges have room", ranges().count()));
        }
        if !self.denied.is_empty() && !is_node {
            findings.warn(
                "values",
                format!("the user may not look below {}", self.denied.join(" and ")),
                "run this as a user that may read all of the store",
            );
        }
        if self.damaged_count == 0 {
            findings.ok("values", "every key that was read is as it should be");
        } else {
            let named = self.damaged.iter();
            let named: Vec<_> = named
                .map(|Damaged { key, reason }| format!("{key} ({reason})"))
                .collect();
            let cut = self.damaged_count > u64::try_from(NAMED).unwrap_or(u64::MAX);
            findings.warn(
                "values",
                format!(
                    "{} keys cannot be read and count as taken: {}{}",
                    self.damaged_count,
                    named.join("; "),
                    if cut { " and others" } else { "" }
                ),
                "docs/operations.md, \"Damaged values\"",
            );
        }
        if let Some((created, node)) = &self.latest {
            clock(created, &format!("node {node}"), now, findings);
        }
    }
}

fn range(usage: &RangeUsage, findings: &mut Findings) {
    let (first, last) = (usage.record.bounds.first(), usage.record.bounds.last());
    let name = format!("the range {first}-{last} of space {}", usage.space);
    let taken = usage.total.saturating_sub(usage.free());
    let Some(full) = share(taken, usage.total) else {
        return;
    };
    let what = format!("{name} is {full} full, {} addresses are free", usage.free());
    let advice = "docs/operations.md, \"A range is full\"; `ipamctl ranges` says by whom";
    if usage.free() == 0 {
        findings.problem("ranges", what, advice);
    } else if taken > usage.total / 100 * FULL + usage.total % 100 * FULL / 100 {
        findings.warn("ranges", what, advice);
    }
}

/// Does something with every entry of a stretch.
async fn each<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    stretch: KeyRange,
    mut with: impl FnMut(Entry),
) -> Result<(), EtcdError> {
    let mut scan = Scan::new(stretch);
    loop {
        let page = context.store.next_page(&mut scan, context.deadline());
        let Some(page) = page.await? else {
            return Ok(());
        };
        page.into_iter().for_each(&mut with);
    }
}

#[cfg(test)]
mod tests;
