//! Suspicions of owner records: how long and through what each must stand.

use std::time::Duration;

use jiff::Timestamp;
use store::inspect::Owner;

use super::{Reading, Sweep, Verdict};
use crate::evidence::finding::{Evidence, Finding, KeepReason};
use crate::pods::{LeaseState, Node, Readiness};

/// How many sweeps must see a suspicion before it can be confirmed.
const SWEEPS: u32 = 2;

/// What is suspected, and everything that must stay as it is meanwhile. When any of it changes,
/// the suspicion is another one and starts anew.
#[derive(Hash)]
struct Suspicion<'a> {
    key: &'a str,
    mod_revision: i64,
    id: &'a str,
    evidence: Evidence,
    condition: Condition<'a>,
}

/// What must stay as it is while a suspicion stands.
#[derive(Hash)]
enum Condition<'a> {
    /// The node's boot.
    Boot(&'a str),
    /// The node's boot and since when it is Ready: unchanged, it was Ready all the time.
    Steady(Steady<'a>),
    /// What the kubelet's lease says: unchanged, it was silent.
    Silent(&'a LeaseState),
}

/// A node that is Ready in one boot since some time.
#[derive(Hash)]
struct Steady<'a> {
    node: &'a str,
    boot_id: &'a str,
    since: Timestamp,
}

impl Sweep<'_> {
    /// Weighs what [`judge`](crate::evidence::judge()) found about a record against what was seen
    /// before.
    pub fn look(&mut self, owner: &Owner, finding: Finding) -> Verdict {
        match finding {
            Finding::Alive => Verdict::Alive,
            Finding::Conflict(conflict) => Verdict::Conflict(conflict),
            Finding::Kept(reason) => Verdict::Keep(reason),
            Finding::Suspect(evidence) => {
                let verdict = self.suspect(owner, evidence);
                verdict.unwrap_or_else(Verdict::Keep)
            }
        }
    }

    fn suspect(&mut self, owner: &Owner, evidence: Evidence) -> Result<Verdict, KeepReason> {
        if self.is_young(owner) {
            return Err(KeepReason::YoungerThanSource);
        }
        let Reading { living, leases, .. } = self.reading;
        let node = &owner.attachment.node;
        let found = living.node(node).ok_or(KeepReason::NodeUnknown);
        let (condition, wait) = match evidence {
            // An operator's word: nothing is gained by waiting.
            Evidence::OutOfService => return Ok(Verdict::Confirmed(evidence)),
            Evidence::Rebooted => (Condition::Boot(&found?.boot_id), Duration::ZERO),
            Evidence::PodGone | Evidence::Superseded | Evidence::NameGone => {
                (Condition::Steady(Steady::of(found?)?), self.policy.grace)
            }
            Evidence::NodeGone => match leases.get(node) {
                None | Some(LeaseState::Unknown) => return Err(KeepReason::LeaseUnknown),
                Some(lease) => (Condition::Silent(lease), self.policy.node_gone_grace),
            },
        };
        let went = match &condition {
            Condition::Steady(node) if evidence == Evidence::PodGone => {
                self.seen_to_go(owner, node)
            }
            _ => None,
        };
        let suspicion = Suspicion {
            key: &owner.judged.key,
            mod_revision: owner.judged.mod_revision,
            id: &owner.record.id,
            evidence,
            condition,
        };
        let (sweep, now) = self.moment();
        // What the watch saw counts from the first sweep on that takes note of it.
        let since = went.map_or(now, |went| went.min(now));
        let seen = self.marks.suspicions.see(&suspicion, sweep, since);
        let remaining = wait.saturating_sub(now.saturating_sub(seen.first));
        if seen.sweeps >= SWEEPS && remaining.is_zero() {
            return Ok(Verdict::Confirmed(evidence));
        }
        Ok(Verdict::Waiting {
            evidence,
            remaining,
        })
    }

    /// Whether the file of pods may be older than the record, or not older by the grace period.
    fn is_young(&self, owner: &Owner) -> bool {
        let Some(as_of) = self.reading.as_of else {
            return false;
        };
        let settled = as_of.checked_sub(self.policy.grace);
        match (owner.record.created_at(), settled) {
            (Some(created), Some(settled)) => created > settled,
            _ => true,
        }
    }

    /// When the watch saw the record's pod go, or since when its node is steady if that was later:
    /// a node may have been not Ready just when the pod went.
    fn seen_to_go(&self, owner: &Owner, node: &Steady<'_>) -> Option<Duration> {
        let went = *self.reading.deleted.get(&owner.record.pod.uid)?;
        Some(self.marks.nodes.first(node)?.max(went))
    }

    /// Remembers which nodes are steady.
    pub(super) fn see_nodes(&mut self) {
        let (sweep, now) = self.moment();
        for node in self.reading.living.nodes() {
            if let Ok(steady) = Steady::of(node) {
                self.marks.nodes.see(&steady, sweep, now);
            }
        }
    }
}

impl<'a> Steady<'a> {
    fn of(node: &'a Node) -> Result<Self, KeepReason> {
        let Readiness { ready, since } = node.readiness;
        if !ready {
            return Err(KeepReason::NodeNotReady);
        }
        Ok(Self {
            node: &node.name,
            boot_id: &node.boot_id,
            since: since.ok_or(KeepReason::ReadySinceUnknown)?,
        })
    }
}
