//! How full the addresses of a claim are, and who holds them.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use humantime::parse_rfc3339;
use serde::Serialize;
use store::address::Address;
use store::claim::Claim;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::inspect::Damaged;
use store::names::{Attachment, Space};
use store::range::{Range, Span};
use store::record::{Holder, OwnerRecord, Reservation};
use store::txn::Etcd;

use super::report::seconds;
use crate::command::Context;
use crate::output::Count;

/// How many lines each list of holders has.
const LINES: usize = 5;
/// How many records are asked for within one deadline.
const RECORDS: usize = 2000;

/// How full a claim's addresses are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) allocated: u128,
    pub(super) resting: u128,
    pub(super) reserved: u128,
    pub(super) total: u128,
}

impl Tally {
    /// How many are free.
    pub(super) const fn free(&self) -> u128 {
        self.total
            .saturating_sub(self.allocated + self.resting + self.reserved)
    }

    fn count(&mut self, holder: Option<&Holder>) {
        match holder {
            Some(Holder::Attachment(_)) => self.allocated += 1,
            Some(Holder::Cooldown(_)) => self.resting += 1,
            Some(Holder::Reservation(_) | Holder::Quarantine(_)) | None => self.reserved += 1,
        }
    }
}

/// Who holds the addresses of claims: the most and the oldest.
#[derive(Debug, Serialize)]
pub(super) struct Holders {
    /// Of which namespaces their pods are, the most addresses first.
    pub(super) namespaces: Vec<Share>,
    /// On which nodes.
    pub(super) nodes: Vec<Share>,
    /// The oldest allocations.
    pub(super) oldest: Vec<Holding>,
    /// Addresses that nobody has and nobody may have.
    pub(super) kept: Vec<Holding>,
}

/// How many addresses go by one name.
#[derive(Debug, Serialize)]
pub(super) struct Share {
    /// The name; empty where it is not known.
    pub(super) name: String,
    /// How many.
    pub(super) addresses: Count,
}

/// A taken address.
#[derive(Debug, Serialize)]
pub(super) struct Holding {
    pub(super) address: Address,
    pub(super) space: String,
    pub(super) state: &'static str,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) node: String,
    /// As it was written; empty where that is not known.
    pub(super) since: String,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub(super) age: Option<Duration>,
    pub(super) reason: String,
}

/// Counts what stands at a claim's addresses.
pub(super) async fn tally<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    claim: &Claim,
) -> Result<Tally, EtcdError> {
    let mut tally = Tally::default();
    for stretch in stretches(claim) {
        tally.total = tally.total.saturating_add(stretch.size());
        let count = |_, holder: Result<Holder, Damaged>| tally.count(holder.ok().as_ref());
        each(context, stretch, count).await?;
    }
    Ok(tally)
}

/// Finds out who holds the addresses of some claims.
pub(super) async fn holders<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    claims: impl IntoIterator<Item = &Claim>,
) -> Result<Holders, EtcdError> {
    let now = context.store.clock().wall();
    let (mut held, mut kept) = (Vec::new(), Vec::new());
    for stretch in claims.into_iter().flat_map(stretches) {
        let sort = |address, holder| match holder {
            Ok(Holder::Attachment(attachment)) => {
                held.push((address, stretch.space, attachment));
            }
            holder => kept.push(kept_by(address, stretch.space, holder, now)),
        };
        each(context, stretch, sort).await?;
    }
    let mut holdings = Vec::with_capacity(held.len());
    for some in held.chunks(RECORDS) {
        let attachments: Vec<_> = some.iter().map(|(_, _, one)| one.clone()).collect();
        let deadline = context.deadline();
        let records = context.store.owner_records(&attachments, deadline).await?;
        let pairs = some.iter().zip(records);
        holdings.extend(pairs.map(|((address, space, attachment), record)| {
            allocated(*address, space, attachment, record, now)
        }));
    }
    let namespaces = shares(holdings.iter().map(|one| one.namespace.as_str()));
    let nodes = shares(holdings.iter().map(|one| one.node.as_str()));
    // Who does not say how old it is comes last.
    holdings.sort_by_key(|one| std::cmp::Reverse(one.age));
    holdings.truncate(LINES);
    kept.truncate(LINES);
    Ok(Holders {
        namespaces,
        nodes,
        oldest: holdings,
        kept,
    })
}

/// Some addresses of a claim.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    space: &'a Space,
    span: Span,
    /// What of the span can be had; `None`: all.
    range: Option<&'a Range>,
}

impl Stretch<'_> {
    fn size(&self) -> u128 {
        self.range.map_or_else(|| self.span.size(), Range::size)
    }
}

fn stretches(claim: &Claim) -> Vec<Stretch<'_>> {
    match claim {
        Claim::Exact(held) => vec![Stretch {
            space: &held.space,
            span: held.address.into(),
            range: None,
        }],
        Claim::Any(ranges) => {
            let stretch = |pool: &'_ store::claim::PoolRange| pool.range.bounds();
            let stretches = ranges.iter().map(|pool| Stretch {
                space: &pool.space,
                span: stretch(pool),
                range: Some(&pool.range),
            });
            stretches.collect()
        }
    }
}

async fn each<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    stretch: Stretch<'_>,
    mut each: impl FnMut(Address, Result<Holder, Damaged>),
) -> Result<(), EtcdError> {
    let deadline = context.deadline();
    let within = |address, holder| {
        if stretch.range.is_none_or(|range| range.contains(address)) {
            each(address, holder);
        }
    };
    let store = &context.store;
    store
        .each_holder(stretch.space, stretch.span, deadline, within)
        .await
}

fn allocated(
    address: Address,
    space: &Space,
    attachment: &Attachment,
    record: Option<OwnerRecord>,
    now: SystemTime,
) -> Holding {
    let reason = match &record {
        Some(_) => String::new(),
        None => "its owner record is missing or cannot be read".to_owned(),
    };
    let (pod, since) = record
        .map(|record| (record.pod, record.created))
        .unwrap_or_default();
    Holding {
        address,
        space: space.to_string(),
        state: "allocated",
        namespace: pod.namespace,
        pod: pod.name,
        node: attachment.node.clone(),
        age: age(&since, now),
        since,
        reason,
    }
}

fn kept_by(
    address: Address,
    space: &Space,
    holder: Result<Holder, Damaged>,
    now: SystemTime,
) -> Holding {
    let reservation = |state, why: Reservation| (state, why.created, why.reason);
    let (state, since, reason) = match holder {
        Ok(Holder::Attachment(_)) => ("allocated", String::new(), String::new()),
        Ok(Holder::Cooldown(rest)) => {
            let reason = format!("rests for {} s", rest.cooldown_s);
            ("resting", rest.released, reason)
        }
        Ok(Holder::Reservation(why)) => reservation("reserved", why),
        Ok(Holder::Quarantine(why)) => reservation("quarantined", why),
        Err(damaged) => ("unreadable", String::new(), damaged.reason),
    };
    Holding {
        address,
        space: space.to_string(),
        state,
        namespace: String::new(),
        pod: String::new(),
        node: String::new(),
        age: age(&since, now),
        since,
        reason,
    }
}

/// A clock that is ahead made it just now.
fn age(since: &str, now: SystemTime) -> Option<Duration> {
    let since = parse_rfc3339(since).ok()?;
    Some(now.duration_since(since).unwrap_or_default())
}

/// The names that stand most often, the most frequent first.
fn shares<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Share> {
    let mut counts: HashMap<&str, u128> = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(name, count), (other, more)| more.cmp(count).then_with(|| name.cmp(other)));
    counts.truncate(LINES);
    let share = |(name, count): (&str, u128)| Share {
        name: name.to_owned(),
        addresses: Count(count),
    };
    counts.into_iter().map(share).collect()
}
