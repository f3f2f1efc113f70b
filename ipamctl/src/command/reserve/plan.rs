//! What a reservation of some addresses changes. No input or output.

use std::time::SystemTime;

use store::address::Address;
use store::range::Span;
use store::record::{Holder, Reservation};
use store::txn::Entry;

use crate::command::standing::{Left, Standing};

/// What is to be done with each address of a span.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// To be written, over this where something stands there that may go.
    pub(super) write: Vec<(Address, Option<Entry>)>,
    /// How many of them rest.
    pub(super) resting: usize,
    /// Kept in the same way already.
    pub(super) unchanged: Vec<Address>,
    /// Somebody else's.
    pub(super) taken: Vec<Left>,
}

/// Plans to keep the addresses of a span as `wish` says. `standing` is what stands there, in order.
pub(super) fn plan(span: Span, standing: Vec<Standing>, wish: &Holder, now: SystemTime) -> Plan {
    let mut plan = Plan::default();
    let mut standing = standing.into_iter().peekable();
    for address in span.addresses() {
        let Some(found) = standing.next_if(|found| found.address == address) else {
            plan.write.push((address, None));
            continue;
        };
        match &found.holder {
            Ok(holder) if is_same(holder, wish) && !holder.is_long_over(now) => {
                plan.unchanged.push(address);
            }
            // Nobody holds it, and nobody is to have it for now.
            Ok(Holder::Cooldown(_)) => {
                plan.resting += 1;
                plan.write.push((address, Some(found.entry)));
            }
            Ok(holder) if holder.is_long_over(now) => {
                plan.write.push((address, Some(found.entry)));
            }
            holder => plan.taken.push(Left::new(address, holder)),
        }
    }
    plan
}

/// Whether both keep an address in the same way for the same. Not until when: a second call with
/// `--expires 48h` means the same.
fn is_same(one: &Holder, other: &Holder) -> bool {
    let same = |one: &Reservation, other: &Reservation| {
        (&one.reason, &one.owner) == (&other.reason, &other.owner)
    };
    match (one, other) {
        (Holder::Reservation(one), Holder::Reservation(other))
        | (Holder::Quarantine(one), Holder::Quarantine(other)) => same(one, other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::inspect::Damaged;

    fn wish() -> Holder {
        Holder::Reservation(Reservation {
            reason: "printers".into(),
            owner: "ann".into(),
            ..Reservation::default()
        })
    }

    fn now() -> SystemTime {
        humantime::parse_rfc3339("2026-11-20T12:00:00Z").unwrap()
    }

    fn planned(value: &str) -> Plan {
        let span = crate::arguments::span("10.0.0.1-10.0.0.3").unwrap();
        let holder = Holder::parse(value.as_bytes()).map_err(|error| Damaged {
            key: String::new(),
            reason: error.to_string(),
        });
        let entry = Entry {
            value: value.into(),
            ..Entry::default()
        };
        let address = "10.0.0.2".parse().unwrap();
        let standing = Standing {
            address,
            entry,
            holder,
        };
        plan(span, vec![standing], &wish(), now())
    }

    /// How many are written over nothing, over something, unchanged and taken.
    fn counts(value: &str) -> [usize; 4] {
        let plan = planned(value);
        let over = plan.write.iter().filter(|(_, over)| over.is_some()).count();
        [
            plan.write.len() - over,
            over,
            plan.unchanged.len(),
            plan.taken.len(),
        ]
    }

    #[test]
    fn what_nobody_needs_gives_way_and_everything_else_stays() {
        for (value, expected) in [
            (
                r#"{"kind":"reservation","reason":"printers","owner":"ann"}"#,
                [2, 0, 1, 0],
            ),
            (
                r#"{"kind":"reservation","reason":"printers","owner":"ann","expires":"2026-11-20T13:00:00Z"}"#,
                [2, 0, 1, 0],
            ),
            (
                r#"{"kind":"reservation","reason":"printers","owner":"ann","expires":"2026-11-20T11:00:00Z"}"#,
                [2, 1, 0, 0],
            ),
            (
                r#"{"kind":"reservation","reason":"other","owner":"bob","expires":"2026-11-20T11:00:00Z"}"#,
                [2, 1, 0, 0],
            ),
            (
                r#"{"kind":"reservation","reason":"printers","owner":"bob"}"#,
                [2, 0, 0, 1],
            ),
            (
                r#"{"kind":"reservation","reason":"scanners","owner":"ann"}"#,
                [2, 0, 0, 1],
            ),
            (
                r#"{"kind":"quarantine","reason":"printers","owner":"ann"}"#,
                [2, 0, 0, 1],
            ),
            (
                r#"{"kind":"cooldown","released":"2026-11-20T11:59:59Z","cooldown_s":60,"was":"x"}"#,
                [2, 1, 0, 0],
            ),
            ("default/n1/net/c1/eth0", [2, 0, 0, 1]),
            ("not ours", [2, 0, 0, 1]),
        ] {
            assert_eq!(counts(value), expected, "{value}");
        }
        assert_eq!(planned("not ours").taken[0].state, "unreadable");
    }
}
