//! `ipamctl reserve` and `ipamctl quarantine`: addresses that an operator keeps from being given
//! out.

mod expiry;
mod plan;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use store::clock::Clock;
use store::gate::Refusal;
use store::names::Space;
use store::range::Span;
use store::record::{Holder, Reservation};
use store::txn::Etcd;

use self::expiry::Expiry;
use self::plan::{Plan, plan};
use super::ranges::known;
use super::reading::refusal;
use super::standing::{Left, amend, left_table, standing};
use super::{Context, Verdict};
use crate::arguments;
use crate::operator;
use crate::output::Output;
use crate::text::stretches;

/// What `reserve --help` says.
pub const ABOUT: &str = "\
Keep addresses from being given out, because something else has them.

Everything is looked at first. Where an address is held, or kept for another reason, nothing is \
written and all of them are listed; with --skip-taken the others are reserved. A resting address \
may be reserved: its rest ends. Each address is written only if it still is as it was read; what \
somebody else took in between is listed as lost. Doing it again changes nothing.

A reservation ends with `ipamctl unreserve` or, five minutes after the time that --expires names, \
by the collector (and by a pod whose range is full otherwise). Five minutes, because clocks differ.

The exit status is 0 if all addresses are reserved now (with --skip-taken: all that were free), and \
3 if some are not.

With -o json: an object with kind, space, reason, owner, expires (null if never), dry_run, count (how \
many were written), written, unchanged (arrays of an address or \"first-last\"), taken and lost (arrays \
of objects with address, state and holder).";

/// What `reserve --help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl reserve 192.168.20.50 --reason 'the old printer'
  ipamctl reserve 192.168.20.48/29 --reason 'load balancer' --owner net-team
  ipamctl reserve 192.168.20.50-192.168.20.59 --reason migration --expires 48h --dry-run";

/// What `quarantine --help` says.
pub const QUARANTINE_ABOUT: &str = "\
Keep addresses from being given out, because something is wrong with them.

As `ipamctl reserve` in everything, but listed as quarantined: for an address that answers although \
nobody holds it, that a firewall blocks, and so on. An address that a pod holds is not taken away \
from it: `ipamctl release ADDRESS --quarantine REASON` does both at once. It ends with `ipamctl \
unreserve`, or after --expires.

The exit status and -o json are as with `ipamctl reserve`.";

/// What `quarantine --help` shows at its end.
pub const QUARANTINE_EXAMPLES: &str = "\
Examples:
  ipamctl quarantine 192.168.20.77 --reason 'answers ARP, nobody knows who' --expires 7d
  ipamctl unreserve 192.168.20.77";

/// How an operator keeps addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For something else.
    Reservation,
    /// From everybody.
    Quarantine,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Reservation => "reservation",
            Self::Quarantine => "quarantine",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Reservation => "reserved",
            Self::Quarantine => "quarantined",
        }
    }

    fn holder(self, why: Reservation) -> Holder {
        match self {
            Self::Reservation => Holder::Reservation(why),
            Self::Quarantine => Holder::Quarantine(why),
        }
    }
}

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Which: 192.168.20.50, 192.168.20.48/29 or 192.168.20.50-192.168.20.59
    #[arg(value_name = "ADDRESS|CIDR|FIRST-LAST", value_parser = arguments::span)]
    pub addresses: Span,

    /// Why, for whoever finds it later
    #[arg(long, value_name = "TEXT", value_parser = arguments::reason)]
    pub reason: String,

    /// The address space
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = arguments::space)]
    pub space: Space,

    /// Whom to ask about it [default: the user and host that this runs as]
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,

    /// When it ends: after a while (48h, 7d) or at a time (2026-12-01T08:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = expiry::parse)]
    pub expires: Option<Expiry>,

    /// Where some are taken, keep the others
    #[arg(long)]
    pub skip_taken: bool,

    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// What was done. The fields' names are those of the JSON.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    kind: &'static str,
    space: String,
    reason: &'a str,
    owner: &'a str,
    expires: Option<&'a str>,
    dry_run: bool,
    count: usize,
    written: Vec<String>,
    unchanged: Vec<String>,
    taken: Vec<Left>,
    lost: Vec<Left>,
}

/// Keeps addresses.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    kind: Kind,
    options: &Options,
) -> anyhow::Result<Verdict> {
    match refusal(context).await? {
        None => {}
        Some(Refusal::Frozen(reason)) => output.warn(&format!("the store is frozen: {reason}")),
        Some(refusal) => bail!("nothing was {}: {refusal}", kind.done()),
    }
    let (space, span) = (&options.space, options.addresses);
    let now = context.store.clock().wall();
    let why = reservation(options, now)?;
    warn_of_strange_place(context, output, space, span).await?;
    let wish = kind.holder(why.clone());
    let plan = plan(span, standing(context, space, span).await?, &wish, now);
    let refused = !plan.taken.is_empty() && !options.skip_taken;
    if plan.resting > 0 && !refused {
        output.note(&format!(
            "{} of these addresses rest after their release; for them that ends",
            plan.resting
        ));
    }
    let Plan {
        write,
        unchanged,
        taken,
        ..
    } = plan;
    let (written, lost) = if refused {
        (Vec::new(), Vec::new())
    } else if options.dry_run {
        (
            write.into_iter().map(|(address, _)| address).collect(),
            Vec::new(),
        )
    } else {
        let changes = write.into_iter().map(|(address, found)| {
            let give = context
                .store
                .give(space, address, found.as_ref(), wish.clone());
            (address, give)
        });
        let made = amend(context, changes.collect()).await?;
        (made.done, made.lost)
    };
    let all = lost.is_empty() && !refused;
    let outcome = Outcome {
        kind: kind.name(),
        space: space.to_string(),
        reason: &why.reason,
        owner: &why.owner,
        expires: why.expires.as_deref(),
        dry_run: options.dry_run,
        count: written.len(),
        written: stretches(&written),
        unchanged: stretches(&unchanged),
        taken,
        lost,
    };
    output.result(&outcome, |outcome| text(kind, outcome, unchanged.len()))?;
    if refused {
        output.warn(&refusal_text(kind, &outcome.taken));
    }
    Ok(if all {
        Verdict::Done
    } else {
        Verdict::Negative
    })
}

fn reservation(options: &Options, now: std::time::SystemTime) -> anyhow::Result<Reservation> {
    let format = |time| humantime::format_rfc3339_seconds(time).to_string();
    let expires = options.expires.map(|expiry| expiry.at(now)).transpose()?;
    Ok(Reservation {
        reason: options.reason.clone(),
        owner: options.owner.clone().unwrap_or_else(operator::name),
        created: format(now),
        expires: expires.map(format),
        ..Reservation::default()
    })
}

/// A typing error in an address or a space would keep nothing from being given out.
async fn warn_of_strange_place<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    space: &Space,
    span: Span,
) -> anyhow::Result<()> {
    let touches = |bounds: Span| bounds.first() <= span.last() && span.first() <= bounds.last();
    let mut spaces: Vec<_> = known(context).await?;
    spaces.retain(|(_, record)| touches(record.bounds));
    if spaces.iter().any(|(of, _)| of == space) {
        return Ok(());
    }
    let mut others: Vec<_> = spaces.iter().map(|(of, _)| of.to_string()).collect();
    others.sort();
    others.dedup();
    let others = if others.is_empty() {
        "no other space has one that does".to_owned()
    } else {
        format!("it lies in one of {} (--space)", others.join(", "))
    };
    output.warn(&format!(
        "{span} lies in no known range of the space {space}; {others}. A range is known once a \
         node has allocated from it"
    ));
    Ok(())
}

fn refusal_text(kind: Kind, taken: &[Left]) -> String {
    let held = taken.iter().filter(|left| left.state == "allocated");
    let hint = match (kind, held.count()) {
        (Kind::Quarantine, 1..) => {
            "; what a pod holds, `ipamctl release ADDRESS --quarantine REASON` takes away from it"
        }
        _ => "",
    };
    format!(
        "nothing was {}, because {} of the addresses {} taken; --skip-taken leaves those as they \
         are{hint}",
        kind.done(),
        taken.len(),
        if taken.len() == 1 { "is" } else { "are" },
    )
}

fn text(kind: Kind, outcome: &Outcome<'_>, unchanged: usize) -> String {
    let done = kind.done();
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let count = outcome.count;
    let addresses = |count| if count == 1 { "address" } else { "addresses" };
    match (count, outcome.dry_run) {
        (0, _) => {}
        (_, true) => line(format!(
            "A dry run: {count} {} of space {} would be {done}.",
            addresses(count),
            outcome.space
        )),
        (_, false) => line(format!(
            "{count} {} of space {} {} {done} now.",
            addresses(count),
            outcome.space,
            if count == 1 { "is" } else { "are" }
        )),
    }
    if count > 0 {
        line(format!("  addresses   {}", outcome.written.join(", ")));
        line(format!("  reason      {}", outcome.reason));
        line(format!("  owner       {}", outcome.owner));
        line(format!(
            "  expires     {}",
            outcome.expires.unwrap_or("never")
        ));
    }
    if unchanged > 0 {
        line(format!(
            "Already {done} for this: {unchanged} {} ({}).",
            addresses(unchanged),
            outcome.unchanged.join(", ")
        ));
    }
    for (what, left) in [
        ("Taken", &outcome.taken),
        ("Lost to others just now", &outcome.lost),
    ] {
        if !left.is_empty() {
            line(format!("{what}: {} {}.", left.len(), addresses(left.len())));
            line(left_table(left).trim_end().to_owned());
        }
    }
    text
}
