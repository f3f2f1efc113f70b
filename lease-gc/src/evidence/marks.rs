//! What was seen before: suspicions must stand before they count.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use store::address::Address;
use store::inspect::Owner;
use store::names::Space;

use super::Policy;
use super::adoption::Candidate;
use super::finding::{Conflict, Evidence, Finding, KeepReason};
use super::sightings::Sightings;
use crate::pods::{LeaseState, Living, Node, Readiness};

/// How long a range must be seen without an allocation before it is taken off the list.
const RANGE_UNUSED: Duration = Duration::from_hours(7 * 24);

/// In how many sweeps an address must be seen missing before it is adopted.
const ADOPTION_SWEEPS: u32 = 2;

/// The memory of one leadership: a new leader starts with an empty one.
#[derive(Debug, Default)]
pub struct Marks {
    sweeps: u64,
    suspicions: Sightings<Suspicion>,
    nodes: Sightings<Steady>,
    rests: Sightings<Version>,
    ranges: Sightings<Version>,
    missing: Sightings<Missing>,
}

/// What is suspected, and everything that must stay as it is meanwhile. When any of it changes,
/// the suspicion is another one and starts anew.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Suspicion {
    record: Version,
    id: String,
    evidence: Evidence,
    condition: Condition,
}

/// A key in the store and the revision that last wrote it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Version {
    key: String,
    mod_revision: i64,
}

/// What must stay as it is while a suspicion stands.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Condition {
    /// The node's boot.
    Boot(String),
    /// The node's boot and since when it is Ready.
    Steady(Steady),
    /// When the kubelet last renewed its lease.
    Silent(LeaseState),
}

/// A node that is Ready in one boot since some time: while it is the same, it always was.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Steady {
    node: String,
    boot_id: String,
    since: Timestamp,
}

/// A live address that the store lacks.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Missing {
    space: Space,
    address: Address,
    pod_uid: String,
}

/// What one sweep knows, and when it looks.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The nodes and pods.
    pub living: &'a Living,
    /// Now, on the monotonic clock.
    pub now: Duration,
    /// When the pods were read, where they come from a file and not from the API.
    pub as_of: Option<SystemTime>,
    /// The kubelet leases of nodes that went, by the nodes' names. One that is missing is unknown.
    pub leases: &'a HashMap<String, LeaseState>,
    /// When the watch saw pods go, by uid, on the monotonic clock.
    pub deleted: &'a HashMap<String, Duration>,
}

/// What becomes of a record in this sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept.
    Keep(KeepReason),
    /// Its pod lives.
    Alive,
    /// Another pod names one of its addresses: kept and reported.
    Conflict(Conflict),
    /// It is suspected, but not for long enough.
    Waiting {
        /// What is suspected.
        evidence: Evidence,
        /// How much longer it must stand; zero where only another sweep is wanting.
        remaining: Duration,
    },
    /// It is proven dead. To be released if this sweep completes and the breaker lets it pass.
    Confirmed(Evidence),
}

impl Marks {
    /// Begins a sweep. Nothing of it counts, and nothing is forgotten, unless [`Sweep::finish`] is
    /// called.
    pub fn sweep<'a>(&'a mut self, reading: Reading<'a>, policy: &'a Policy) -> Sweep<'a> {
        self.sweeps = self.sweeps.saturating_add(1);
        let mut sweep = Sweep {
            marks: self,
            reading,
            policy,
            finished: false,
        };
        sweep.see_nodes();
        sweep
    }

    fn finish(&mut self) {
        let sweep = self.sweeps;
        self.suspicions.finish(sweep);
        self.nodes.finish(sweep);
        self.rests.finish(sweep);
        self.ranges.finish(sweep);
        self.missing.finish(sweep);
    }

    fn abandon(&mut self) {
        let sweep = self.sweeps;
        self.suspicions.abandon(sweep);
        self.nodes.abandon(sweep);
        self.rests.abandon(sweep);
        self.ranges.abandon(sweep);
        self.missing.abandon(sweep);
    }
}

/// One sweep through everything. Dropped without [`Sweep::finish`] it is void.
#[derive(Debug)]
pub struct Sweep<'a> {
    marks: &'a mut Marks,
    reading: Reading<'a>,
    policy: &'a Policy,
    finished: bool,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.marks.abandon();
        }
    }
}

impl Sweep<'_> {
    /// Ends the sweep: what it did not see is forgotten.
    pub fn finish(mut self) {
        self.marks.finish();
        self.finished = true;
    }

    /// Weighs what [`super::judge()`] found about a record against what was seen before.
    pub fn look(&mut self, owner: &Owner, finding: Finding) -> Verdict {
        let evidence = match finding {
            Finding::Alive => return Verdict::Alive,
            Finding::Conflict(conflict) => return Verdict::Conflict(conflict),
            Finding::Kept(reason) => return Verdict::Keep(reason),
            Finding::Suspect(evidence) => evidence,
        };
        self.weigh(owner, evidence).unwrap_or_else(Verdict::Keep)
    }

    fn weigh(&mut self, owner: &Owner, evidence: Evidence) -> Result<Verdict, KeepReason> {
        if self.is_young(owner) {
            return Err(KeepReason::YoungerThanSource);
        }
        let node = self.reading.living.node(&owner.attachment.node);
        let (condition, sweeps, wait) = match evidence {
            Evidence::OutOfService => return Ok(Verdict::Confirmed(evidence)),
            Evidence::Rebooted => (booted(node)?, 2, Duration::ZERO),
            Evidence::PodGone | Evidence::Superseded | Evidence::NameGone => {
                (Condition::Steady(steady(node)?), 2, self.policy.grace)
            }
            Evidence::NodeGone => {
                let lease = self.silent(&owner.attachment.node)?;
                (lease, 2, self.policy.node_gone_grace)
            }
        };
        let gone = match evidence {
            Evidence::PodGone => self.seen_going(owner, node),
            _ => None,
        };
        let suspicion = Suspicion {
            record: Version::new(&owner.judged.key, owner.judged.mod_revision),
            id: owner.record.id.clone(),
            evidence,
            condition,
        };
        let now = self.reading.now;
        let seen = self.marks.suspicions.see(suspicion, self.marks.sweeps, now);
        let since = gone.map_or(seen.first, |gone| gone.min(seen.first));
        let remaining = wait.saturating_sub(now.saturating_sub(since));
        Ok(if seen.sweeps >= sweeps && remaining.is_zero() {
            Verdict::Confirmed(evidence)
        } else {
            Verdict::Waiting {
                evidence,
                remaining,
            }
        })
    }

    /// Whether a file of pods may be older than the record.
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

    /// When the watch saw the record's pod go, but not before its node was last seen to become
    /// steady.
    fn seen_going(&self, owner: &Owner, node: Option<&Node>) -> Option<Duration> {
        let gone = self.reading.deleted.get(&owner.record.pod.uid)?;
        let steady = self.marks.nodes.first(&steady(node).ok()?)?;
        Some(steady.max(*gone))
    }

    fn silent(&self, node: &str) -> Result<Condition, KeepReason> {
        match self.reading.leases.get(node) {
            None | Some(LeaseState::Unknown) => Err(KeepReason::LeaseUnknown),
            Some(lease) => Ok(Condition::Silent(lease.clone())),
        }
    }

    fn see_nodes(&mut self) {
        let Reading { living, now, .. } = self.reading;
        for node in living.nodes() {
            if let Ok(steady) = steady(Some(node)) {
                self.marks.nodes.see(steady, self.marks.sweeps, now);
            }
        }
    }

    /// Sees an address that rests; `true` once it has rested for all of `cooldown`, so that it may
    /// be removed. `key` and `mod_revision` are those of its address key.
    pub fn rested(&mut self, key: &str, mod_revision: i64, cooldown: Duration) -> bool {
        let rest = Version::new(key, mod_revision);
        let now = self.reading.now;
        let seen = self.marks.rests.see(rest, self.marks.sweeps, now);
        now.saturating_sub(seen.first) >= cooldown
    }

    /// Sees a registered range without any allocation; `true` once it has had none, and nobody has
    /// registered it again, for 7 days. `key` and `mod_revision` are those of its range key.
    pub fn unused(&mut self, key: &str, mod_revision: i64) -> bool {
        let range = Version::new(key, mod_revision);
        let now = self.reading.now;
        let seen = self.marks.ranges.see(range, self.marks.sweeps, now);
        now.saturating_sub(seen.first) >= RANGE_UNUSED
    }

    /// Sees a live address that the store lacks; `true` once it was missing in two sweeps, so that
    /// it may be adopted.
    pub fn missing(&mut self, candidate: &Candidate<'_>) -> bool {
        let missing = Missing {
            space: candidate.held.space.clone(),
            address: candidate.held.address,
            pod_uid: candidate.pod.uid.to_owned(),
        };
        let now = self.reading.now;
        let seen = self.marks.missing.see(missing, self.marks.sweeps, now);
        seen.sweeps >= ADOPTION_SWEEPS
    }
}

impl Version {
    fn new(key: &str, mod_revision: i64) -> Self {
        Self {
            key: key.to_owned(),
            mod_revision,
        }
    }
}

fn booted(node: Option<&Node>) -> Result<Condition, KeepReason> {
    let node = node.ok_or(KeepReason::NodeUnknown)?;
    Ok(Condition::Boot(node.boot_id.clone()))
}

/// The node, if it is Ready and says since when.
fn steady(node: Option<&Node>) -> Result<Steady, KeepReason> {
    let node = node.ok_or(KeepReason::NodeUnknown)?;
    let Readiness { ready, since } = node.readiness;
    if !ready {
        return Err(KeepReason::NodeNotReady);
    }
    Ok(Steady {
        node: node.name.clone(),
        boot_id: node.boot_id.clone(),
        since: since.ok_or(KeepReason::ReadySinceUnknown)?,
    })
}
