//! The breaker: suspiciously many deaths at once are more likely an error of the evidence.

use std::collections::HashSet;

use store::inspect::Owner;

use super::label::labels;
use super::{Evidence, Policy};

/// How many nodes' worth of deaths the breaker always lets pass in one sweep.
const NODES_MIN: u64 = 2;

labels! {
    /// What the breaker counts, and blocks apart from the other.
    pub enum BreakerKind {
        /// Records whose pod is not in the API: it may have been restored from a backup.
        Pods = "pods",
        /// Nodes whose own evidence says that everything on them is dead.
        Nodes = "nodes",
    }
}

impl Evidence {
    /// What of the breaker this evidence counts for; `None` for a superseded record, which another
    /// record proves dead.
    pub const fn breaker(self) -> Option<BreakerKind> {
        match self {
            Self::PodGone | Self::NameGone => Some(BreakerKind::Pods),
            Self::Rebooted | Self::NodeGone | Self::OutOfService => Some(BreakerKind::Nodes),
            Self::Superseded => None,
        }
    }
}

/// More was confirmed than is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// What was counted.
    pub kind: BreakerKind,
    /// How many there were.
    pub found: u64,
    /// How many would have passed.
    pub limit: u64,
}

/// Remembers, for one leadership, what was confirmed and let pass, so that what waits for its
/// release (a rate cap, a dry run) is not counted in every sweep anew.
///
/// What was not let pass is counted until it is released or alive again.
#[derive(Debug, Default)]
pub struct Breaker {
    records: Counted,
    nodes: Counted,
}

/// The dead of one kind, by the names of their keys or nodes.
#[derive(Debug, Default)]
struct Counted {
    /// Those that an earlier sweep let pass.
    passed: HashSet<String>,
    /// Those of the running sweep.
    dead: HashSet<String>,
}

impl Breaker {
    /// Begins a sweep: whatever one that was given up counted is forgotten.
    pub fn begin(&mut self) {
        self.records.dead.clear();
        self.nodes.dead.clear();
    }

    /// Counts a record that the sweep confirmed dead.
    pub fn count(&mut self, owner: &Owner, evidence: Evidence) {
        match evidence.breaker() {
            Some(BreakerKind::Pods) => self.records.dead.insert(owner.judged.key.clone()),
            Some(BreakerKind::Nodes) => self.nodes.dead.insert(owner.attachment.node.clone()),
            None => false,
        };
    }

    /// Judges what was counted since the sweep began. Of a kind that tripped nothing may be
    /// released.
    ///
    /// `records` is how many records the cluster has in the store, `nodes` how many nodes.
    pub fn check(&mut self, records: u64, nodes: u64, policy: &Policy) -> Vec<Tripped> {
        let ratio = policy.breaker_ratio;
        let pods_limit = policy.breaker_min.max(share(ratio, records));
        let nodes_limit = NODES_MIN.max(share(ratio, nodes));
        let pods = self.records.pass(BreakerKind::Pods, pods_limit);
        let nodes = self.nodes.pass(BreakerKind::Nodes, nodes_limit);
        pods.into_iter().chain(nodes).collect()
    }
}

impl Counted {
    /// Lets the dead pass, unless more of them than `limit` are new.
    fn pass(&mut self, kind: BreakerKind, limit: u64) -> Option<Tripped> {
        let dead = std::mem::take(&mut self.dead);
        let new = dead.difference(&self.passed).count();
        let found = u64::try_from(new).unwrap_or(u64::MAX);
        if found > limit {
            self.passed.retain(|name| dead.contains(name));
            return Some(Tripped { kind, found, limit });
        }
        self.passed = dead;
        None
    }
}

/// `ratio` of `all`, rounded down.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts are far below 2^52, and what is no share (negative, not a number) becomes 0"
)]
fn share(ratio: f64, all: u64) -> u64 {
    (ratio * all as f64) as u64
}
