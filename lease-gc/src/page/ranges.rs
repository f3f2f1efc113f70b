//! How full the ranges are.

use std::cmp::Reverse;

use super::text::{basis_points, count, escaped, percent};
use crate::report::RangeReport;
use crate::status::{Leader, Snapshot};

/// How many ranges are shown: the fullest.
const SHOWN: usize = 100;

pub(super) fn section(status: &Snapshot) -> String {
    let mut ranges: Vec<_> = status.found.ranges.iter().collect();
    ranges.sort_by_key(|range| {
        (
            Reverse(basis_points(taken(range), range.capacity.0)),
            *range,
        )
    });
    let cards: String = ranges.iter().take(SHOWN).map(|range| card(range)).collect();
    let body = match (ranges.len(), &status.leader) {
        (0, Leader::Me { .. }) => "<p class=\"none\">No sweep has seen a range yet.</p>".to_owned(),
        (0, _) => "<p class=\"none\">The leader knows them: see its page.</p>".to_owned(),
        (all, _) => {
            let more = match all.saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!("<p class=\"none\">and {more} that are less full</p>"),
            };
            format!("<div class=\"cards\">{cards}</div>{more}")
        }
    };
    format!("<section>\n<h2>Ranges</h2>\n{body}\n</section>\n")
}

fn taken(range: &RangeReport) -> u128 {
    range.capacity.0.saturating_sub(range.free.0)
}

fn card(range: &RangeReport) -> String {
    let capacity = range.capacity.0;
    let states = [
        ("allocated", range.allocated),
        ("resting", range.resting),
        ("reserved", range.reserved),
    ];
    let bar: String = states
        .iter()
        .filter(|(_, number)| number.0 > 0)
        .map(|(state, number)| segment(state, basis_points(number.0, capacity)))
        .collect();
    let numbers: String = states
        .iter()
        .chain([&("free", range.free)])
        .map(|(state, number)| label(state, number.0))
        .collect();
    let full = percent(taken(range), capacity);
    format!(
        "<article><h3>{name} <span class=\"of\">{space}</span></h3>\
         <p class=\"full\"><b>{full}</b> of {total}</p>\
         <div class=\"bar\" role=\"img\" aria-label=\"{full} taken\">{bar}</div>\
         <p class=\"numbers\">{numbers}</p></article>\n",
        name = escaped(&range.range),
        space = escaped(&range.space),
        total = count(capacity),
    )
}

fn segment(state: &str, share: u128) -> String {
    let (whole, hundredths) = (share / 100, share % 100);
    format!("<i class=\"{state}\" style=\"width:{whole}.{hundredths:02}%\"></i>")
}

fn label(state: &str, number: u128) -> String {
    let number = count(number);
    format!("<span class=\"{state}\"><b>{number}</b> {state}</span> ")
}
