//! `docs/operations.md` explains every label under which records are released or kept.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use lease_gc::evidence::{Evidence, KeepReason};
use lease_gc::sweep::Withheld;

const DOCUMENTATION: &str = include_str!("../../docs/operations.md");

/// The labels in the first column of the table with this header.
fn explained(header: &str) -> BTreeSet<&'static str> {
    let rows = DOCUMENTATION.lines().skip_while(|line| *line != header);
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let labels = rows.map(|row| row.split('|').nth(1).unwrap());
    labels
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn all_evidence_is_explained_and_nothing_else() {
    let known = Evidence::ALL.iter().map(|evidence| evidence.as_str());
    let header = "| label | what is seen | stands for |";
    assert_eq!(explained(header), known.collect());
}

#[test]
fn every_reason_to_keep_a_record_is_explained_and_nothing_else() {
    let kept = KeepReason::ALL.iter().map(|reason| reason.as_str());
    let withheld = Withheld::ALL.iter().map(|reason| reason.as_str());
    let header = "| label | why it is kept, and what would change that |";
    assert_eq!(explained(header), kept.chain(withheld).collect());
}
