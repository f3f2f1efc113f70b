//! What an import did or would do.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use store::record::Kind;

use super::compare::Plan;
use super::input::{Conflict, LeftOut, Thing, What};
use crate::output::{Align, Output, Table};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// Nothing was written, as was wished.
    Planned,
    /// What could be written was.
    Done,
    /// There are conflicts, so nothing was written.
    Refused,
}

/// How many of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    /// Written, or to be.
    new: usize,
    /// There already.
    present: usize,
}

/// What an import did or would do.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    from: &'static str,
    store_id: String,
    outcome: Outcome,
    attachments: Tally,
    adopted: Tally,
    addresses: Tally,
    kept: Tally,
    ranges: Tally,
    clusters: Tally,
    conflicts: Vec<Conflict>,
    left_out: Vec<LeftOut>,
}

impl Report {
    /// Of a plan that is carried out whole, or not at all.
    pub(super) fn of(
        from: &'static str,
        store_id: String,
        outcome: Outcome,
        plan: &mut Plan,
    ) -> Self {
        let mut report = Self {
            from,
            store_id,
            outcome,
            attachments: Tally::default(),
            adopted: Tally::default(),
            addresses: Tally::default(),
            kept: Tally::default(),
            ranges: Tally::default(),
            clusters: Tally::default(),
            conflicts: std::mem::take(&mut plan.conflicts),
            left_out: std::mem::take(&mut plan.left_out),
        };
        for thing in &plan.new {
            report.tally(thing, |tally, count| tally.new += count);
        }
        for thing in &plan.present {
            report.tally(thing, |tally, count| tally.present += count);
        }
        report
    }

    /// Moves what turned out to be taken, and why, from what is written to the conflicts.
    pub(super) fn taken_meanwhile(&mut self, taken: Vec<(Thing, String)>) {
        for (thing, because) in taken {
            self.tally(&thing, |tally, count| tally.new -= count);
            self.conflicts.push(Conflict {
                what: thing.what.to_string(),
                origin: thing.origin,
                because,
            });
        }
    }

    fn tally(&mut self, thing: &Thing, change: impl Fn(&mut Tally, usize)) {
        let tally = match &thing.what {
            What::Attachment {
                addresses, kind, ..
            } => {
                change(&mut self.addresses, addresses.len());
                if *kind == Kind::Adopted {
                    &mut self.adopted
                } else {
                    &mut self.attachments
                }
            }
            What::Kept { .. } => &mut self.kept,
            What::Range { .. } => &mut self.ranges,
            What::Cluster { .. } => &mut self.clusters,
        };
        change(tally, 1);
    }

    /// Whether nothing is left for somebody to look at.
    pub(super) fn is_clean(&self) -> bool {
        self.conflicts.is_empty() && !self.left_out.iter().any(|left_out| left_out.matters)
    }

    /// Prints it, for people with a word on what follows from it.
    pub(super) fn print(&self, output: &mut Output<'_>) -> io::Result<()> {
        output.result(self, Self::text)?;
        let conflicts = self.conflicts.len();
        match self.outcome {
            Outcome::Refused => output.note(&format!(
                "nothing was imported: {conflicts} conflicts; end them, or leave them out with \
                 --skip-conflicts, which protects nothing of what is left out"
            )),
            Outcome::Planned => output.note("a dry run: nothing was imported"),
            Outcome::Done if conflicts > 0 => output.note(&format!(
                "{conflicts} conflicts were left out: what those pods use is not protected as theirs"
            )),
            Outcome::Done => {}
        }
        Ok(())
    }

    fn text(&self) -> String {
        let new = match self.outcome {
            Outcome::Done => "IMPORTED",
            Outcome::Planned | Outcome::Refused => "TO IMPORT",
        };
        let mut table = Table::new([
            ("WHAT", Align::Left),
            (new, Align::Right),
            ("THERE ALREADY", Align::Right),
        ]);
        for (name, tally, always) in [
            ("attachments", self.attachments, true),
            ("adopted from living pods", self.adopted, false),
            ("addresses", self.addresses, true),
            ("rests and reservations", self.kept, false),
            ("ranges", self.ranges, false),
            ("clusters", self.clusters, false),
        ] {
            if always || tally != Tally::default() {
                table.row([
                    name.to_owned(),
                    tally.new.to_string(),
                    tally.present.to_string(),
                ]);
            }
        }
        let mut text = table.render();
        if !self.conflicts.is_empty() {
            let mut table = Table::new(["CONFLICT", "WHERE", "WHY"].map(left));
            for conflict in &self.conflicts {
                table.row([&conflict.what, &conflict.origin, &conflict.because].map(Clone::clone));
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}", table.render());
        }
        if !self.left_out.is_empty() {
            let mut table = Table::new(["LEFT OUT", "WHERE", "WHY", "MATTERS"].map(left));
            for left_out in &self.left_out {
                table.row([
                    left_out.what.clone(),
                    left_out.origin.clone(),
                    left_out.because.clone(),
                    if left_out.matters { "yes" } else { "no" }.to_owned(),
                ]);
            }
            let _ = write!(text, "\n{}", table.render());
        }
        text
    }
}

const fn left(name: &str) -> (&str, Align) {
    (name, Align::Left)
}
