//! What stands at address keys, and what became of changing it.

use anyhow::Context as _;
use serde::Serialize;
use store::address::Address;
use store::amend::{Amended, Amendment, BATCH};
use store::clock::Clock;
use store::inspect::Damaged;
use store::names::Space;
use store::range::Span;
use store::record::Holder;
use store::scan::Scan;
use store::txn::{Entry, Etcd};

use super::Context;
use crate::output::{Align, Table};
use crate::text::{state, whose};

/// An address that is not free.
pub(super) struct Standing {
    pub(super) address: Address,
    /// Its key as it was read.
    pub(super) entry: Entry,
    pub(super) holder: Result<Holder, Damaged>,
}

/// Everything that stands in a span of addresses, in their order. Keys there that are no address's
/// are left out: they keep nobody from an address.
pub(super) async fn standing<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    space: &Space,
    span: Span,
) -> anyhow::Result<Vec<Standing>> {
    let store = &context.store;
    let mut pages = Scan::new(store.keys().addresses(space, span));
    let mut found = Vec::new();
    while let Some(page) = store.next_page(&mut pages, context.deadline()).await? {
        for entry in page {
            if let Ok((_, address, holder)) = store.parse_address(&entry) {
                found.push(Standing {
                    address,
                    entry,
                    holder,
                });
            }
        }
    }
    Ok(found)
}

/// An address that stays as it is. The fields' names are those of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Left {
    pub(super) address: Address,
    /// In one word what it is.
    pub(super) state: &'static str,
    /// Who holds it, or why nobody may.
    pub(super) holder: String,
}

impl Left {
    pub(super) fn new(address: Address, holder: &Result<Holder, Damaged>) -> Self {
        Self {
            address,
            state: state(holder.as_ref().ok()),
            holder: match holder {
                Ok(holder) => whose(holder),
                Err(damaged) => damaged.reason.clone(),
            },
        }
    }

    /// What was to be changed and was changed by somebody else first.
    fn after(address: Address, now: Option<&Entry>) -> Self {
        let Some(entry) = now else {
            return Self {
                address,
                state: "free",
                holder: String::new(),
            };
        };
        let holder = Holder::parse(&entry.value).map_err(|error| Damaged {
            key: entry.key.clone(),
            reason: error.to_string(),
        });
        Self::new(address, &holder)
    }
}

/// What became of many changes.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Changed.
    pub(super) done: Vec<Address>,
    /// Not changed, because somebody was faster; as it is now.
    pub(super) lost: Vec<Left>,
}

/// Makes changes, many in one transaction and each for itself.
///
/// # Errors
/// Where etcd fails on the way, with how many were made before.
pub(super) async fn amend<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    changes: Vec<(Address, Amendment)>,
) -> anyhow::Result<Made> {
    let (addresses, amendments): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    let mut made = Made::default();
    for (addresses, batch) in addresses.chunks(BATCH).zip(amendments.chunks(BATCH)) {
        let outcomes = context.store.amend(batch, context.deadline()).await;
        let outcomes = outcomes.with_context(|| {
            format!(
                "{} of {} addresses were changed before etcd failed, and up to {} more may be; \
                 the same command again does the rest",
                made.done.len(),
                amendments.len(),
                batch.len()
            )
        })?;
        for (address, outcome) in addresses.iter().zip(outcomes) {
            match outcome {
                Amended::Done => made.done.push(*address),
                Amended::Changed(now) => made.lost.push(Left::after(*address, now.as_ref())),
            }
        }
    }
    Ok(made)
}

/// A table of addresses that stay as they are.
pub(super) fn left_table(left: &[Left]) -> String {
    let mut table = Table::new(["ADDRESS", "STATE", "HOLDER"].map(|name| (name, Align::Left)));
    for one in left {
        table.row([
            one.address.to_string(),
            one.state.to_owned(),
            one.holder.clone(),
        ]);
    }
    table.render()
}
