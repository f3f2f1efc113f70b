//! What a sweep is to do, once everything was read.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use store::collect::Listed;
use store::inspect::Owner;
use store::names::Attachment;
use store::record::OwnerRecord;

use super::withheld::Withheld;
use crate::events::About;
use crate::evidence::{Evidence, Tripped};
use crate::report::{Conflict, OpenBreaker, Release, SweepReport};

/// What a sweep is to do.
#[derive(Debug)]
pub(super) struct Judged {
    dead: Vec<(Owner, Evidence)>,
    limit: usize,
    /// Addresses that have rested long enough.
    pub(super) rested: Vec<Listed>,
    /// Reservations that are over.
    pub(super) expired: Vec<Listed>,
    /// Ranges that nobody has used for long.
    pub(super) unused: Vec<Listed>,
    /// Records that living pods lack.
    pub(super) missing: Vec<(Attachment, OwnerRecord)>,
    /// Addresses that two claim, with the pod that names what it does not hold.
    pub(super) conflicts: Vec<(About, Conflict)>,
    /// How much longer the longest suspicion must stand.
    pub(super) longest_wait: Duration,
    /// The nodes that have records.
    pub(super) nodes: BTreeSet<String>,
}

/// More died than one sweep may release.
pub(super) struct TooMany;

impl Judged {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            dead: Vec::new(),
            limit,
            rested: Vec::new(),
            expired: Vec::new(),
            unused: Vec::new(),
            missing: Vec::new(),
            conflicts: Vec::new(),
            longest_wait: Duration::ZERO,
            nodes: BTreeSet::new(),
        }
    }

    /// Adds a record that is proven dead, unless there are enough for one sweep.
    pub(super) fn dead(&mut self, owner: Owner, evidence: Evidence) -> Result<(), TooMany> {
        if self.dead.len() >= self.limit {
            return Err(TooMany);
        }
        self.dead.push((owner, evidence));
        Ok(())
    }

    /// How many records one sweep may release, and adopt.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the records that are to be released.
    pub(super) fn take_dead(&mut self) -> Vec<(Owner, Evidence)> {
        std::mem::take(&mut self.dead)
    }

    /// Takes back what a breaker does not let pass.
    pub(super) fn hold_back(&mut self, tripped: &Tripped, report: &mut SweepReport) {
        let Tripped { kind, found, limit } = *tripped;
        tracing::error!(
            kind = kind.as_str(),
            found,
            limit,
            "a breaker is open: more died at once than is believed, and nothing of it is released"
        );
        report.breakers.push(OpenBreaker {
            kind: kind.as_str(),
            found,
            limit,
        });
        let before = self.dead.len();
        self.dead
            .retain(|(_, evidence)| evidence.breaker() != Some(kind));
        for _ in self.dead.len()..before {
            report.kept.add(Withheld::Breaker.as_str());
        }
    }

    /// Nothing may be released.
    pub(super) fn withhold(&self, why: Withheld, report: &mut SweepReport) {
        for _ in &self.dead {
            report.kept.add(why.as_str());
        }
    }

    /// Says what would be released.
    pub(super) fn would_release(&self, now: Timestamp, report: &mut SweepReport) {
        for (owner, evidence) in &self.dead {
            tracing::info!(
                key = owner.judged.key,
                evidence = evidence.as_str(),
                "would be released"
            );
            report.release(release(owner, *evidence, now));
        }
    }
}

/// A record's release at this time, as the report tells it.
pub(super) fn release(owner: &Owner, evidence: Evidence, at: Timestamp) -> Release {
    let pod = &owner.record.pod;
    let named = !pod.name.is_empty();
    Release {
        at,
        addresses: owner
            .record
            .addresses
            .iter()
            .map(|held| held.address)
            .collect(),
        owner: store::key::holder_name(&owner.attachment),
        pod: named.then(|| format!("{}/{}", pod.namespace, pod.name)),
        evidence: evidence.as_str(),
    }
}
