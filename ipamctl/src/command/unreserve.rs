//! `ipamctl unreserve`: ends reservations and quarantines.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use store::amend::Amendment;
use store::clock::Clock;
use store::gate::Refusal;
use store::names::Space;
use store::range::Span;
use store::record::Holder;
use store::txn::Etcd;

use super::reading::refusal;
use super::standing::{Left, Standing, amend, left_table, standing};
use super::{Context, Verdict};
use crate::arguments;
use crate::output::Output;
use crate::text::stretches;

/// What `--help` says.
pub const ABOUT: &str = "\
End reservations and quarantines, so that the addresses are given out again.

What would end is shown first, and asked about. Nothing else is touched: what a pod holds is freed by \
`ipamctl release`, and so is what rests. Each address is freed only if it still is as it was shown.

The exit status is 0 if all that is reserved or quarantined there was ended, and 3 if there was \
nothing of the kind, or if something was changed meanwhile.

With -o json: an object with space, count (how many were ended), ended (an array of an address or \
\"first-last\"), left (what else is taken there) and lost (what was changed meanwhile; both arrays of \
objects with address, state and holder).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl unreserve 192.168.20.50
  ipamctl unreserve 192.168.20.48/29 192.168.20.77 --yes";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Which: 192.168.20.50, 192.168.20.48/29 or 192.168.20.50-192.168.20.59
    #[arg(
        value_name = "ADDRESS|CIDR|FIRST-LAST",
        required = true,
        value_parser = arguments::span
    )]
    pub addresses: Vec<Span>,

    /// The address space
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = arguments::space)]
    pub space: Space,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What was done. The fields' names are those of the JSON.
#[derive(Debug, Serialize)]
struct Outcome {
    space: String,
    count: usize,
    ended: Vec<String>,
    left: Vec<Left>,
    lost: Vec<Left>,
}

/// Ends them.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    match refusal(context).await? {
        None => {}
        Some(Refusal::Frozen(reason)) => output.warn(&format!("the store is frozen: {reason}")),
        Some(refusal) => bail!("nothing was ended: {refusal}"),
    }
    let space = &options.space;
    let mut found = BTreeMap::new();
    for span in &options.addresses {
        let standing = standing(context, space, *span).await?;
        found.extend(standing.into_iter().map(|one| (one.address, one)));
    }
    let (kept, left): (Vec<_>, Vec<_>) = found.into_values().partition(|one| {
        matches!(
            one.holder,
            Ok(Holder::Reservation(_) | Holder::Quarantine(_))
        )
    });
    let left = left.iter().map(|one| Left::new(one.address, &one.holder));
    let left: Vec<_> = left.collect();
    if !kept.is_empty() {
        show(output, &kept);
        output.confirm(&question(kept.len(), space), options.yes)?;
    }
    let wanted = kept.len();
    let changes = kept
        .iter()
        .map(|one| (one.address, Amendment::delete(&one.entry)));
    let made = amend(context, changes.collect()).await?;
    let outcome = Outcome {
        space: space.to_string(),
        count: made.done.len(),
        ended: stretches(&made.done),
        left,
        lost: made.lost,
    };
    output.result(&outcome, text)?;
    Ok(if wanted == 0 || !outcome.lost.is_empty() {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

/// The most that are shown before they are asked about.
const SHOWN: usize = 20;

fn show(output: &mut Output<'_>, kept: &[Standing]) {
    for one in kept.iter().take(SHOWN) {
        let left = Left::new(one.address, &one.holder);
        output.note(&format!("{} {}: {}", left.address, left.state, left.holder));
    }
    if kept.len() > SHOWN {
        output.note(&format!("... and {} more", kept.len() - SHOWN));
    }
}

fn question(count: usize, space: &Space) -> String {
    match count {
        1 => format!("Give out this address of space {space} again?"),
        _ => format!("Give out these {count} addresses of space {space} again?"),
    }
}

fn text(outcome: &Outcome) -> String {
    let headline = match outcome.count {
        0 => format!(
            "Nothing was reserved or quarantined there in space {}.\n",
            outcome.space
        ),
        1 => format!(
            "1 address can be given out again: {}\n",
            outcome.ended.join(", ")
        ),
        count => format!(
            "{count} addresses can be given out again: {}\n",
            outcome.ended.join(", ")
        ),
    };
    let mut parts = vec![headline];
    for (what, left) in [
        ("Left as they are", &outcome.left),
        ("Changed by others just now, and left", &outcome.lost),
    ] {
        if !left.is_empty() {
            parts.push(format!("{what}: {}\n{}", left.len(), left_table(left)));
        }
    }
    parts.concat()
}
