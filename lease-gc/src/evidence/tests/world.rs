//! What the collector knows in one sweep, and what it finds then.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use store::inspect::Owner;

use super::build::ready;
use crate::evidence::{Finding, KeepReason, Marks, Policy, Reading, Verdict, Witness, judge};
use crate::pods::{LeaseState, Living, Node, Pod};

/// What the collector knows in one sweep.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) living: Living,
    pub(super) witness: Witness,
    pub(super) leases: HashMap<String, LeaseState>,
    pub(super) deleted: HashMap<String, Duration>,
    pub(super) as_of: Option<SystemTime>,
}

/// A cluster of these nodes and pods.
pub(super) fn world(
    nodes: impl IntoIterator<Item = Node>,
    pods: impl IntoIterator<Item = Pod>,
) -> World {
    let mut living = Living::default();
    for node in nodes {
        living.add_node(node);
    }
    for pod in pods {
        living.add_pod(pod);
    }
    living.complete();
    World {
        living,
        ..World::default()
    }
}

impl World {
    /// Node `name` was seen before.
    pub(super) fn seen(self, name: &str) -> Self {
        self.seen_as(ready(name))
    }

    /// A node was seen before, as it was then.
    pub(super) fn seen_as(mut self, node: Node) -> Self {
        self.witness.look(&world([node], []).living);
        self
    }

    pub(super) fn lease(mut self, node: &str, lease: LeaseState) -> Self {
        self.leases.insert(node.into(), lease);
        self
    }

    pub(super) fn judge(&self, group: &[Owner]) -> Vec<Finding> {
        judge(group, &self.living, &self.witness)
    }

    pub(super) fn reading(&self, now: Duration) -> Reading<'_> {
        Reading {
            living: &self.living,
            now,
            as_of: self.as_of,
            leases: &self.leases,
            deleted: &self.deleted,
        }
    }

    /// What one record is found to be.
    pub(super) fn finds(&self, owner: Owner) -> Finding {
        self.judge(&[owner]).remove(0)
    }

    /// A whole sweep over the records at `now`.
    pub(super) fn sweep(
        &self,
        marks: &mut Marks,
        policy: &Policy,
        now: Duration,
        group: &[Owner],
    ) -> Vec<Verdict> {
        let mut sweep = marks.sweep(self.reading(now), policy);
        let findings = self.judge(group).into_iter();
        let verdicts = group.iter().zip(findings);
        let verdicts = verdicts
            .map(|(owner, finding)| sweep.look(owner, finding))
            .collect();
        sweep.finish();
        verdicts
    }
}

/// A record that is kept for a reason.
pub(super) fn kept(reason: KeepReason) -> Finding {
    Finding::Kept(reason)
}

/// Checks each world and record against what is to be found.
pub(super) fn check<const N: usize>(cases: [(&str, World, Owner, Finding); N]) {
    for (what, world, owner, expected) in cases {
        assert_eq!(world.finds(owner), expected, "{what}");
    }
}

/// As [`check`], where other records of the node and network matter: what is found about the first.
pub(super) fn check_among<const N: usize>(cases: [(&str, World, Vec<Owner>, Finding); N]) {
    for (what, world, group, expected) in cases {
        let findings = world.judge(&group);
        assert_eq!(findings.len(), group.len(), "{what}");
        assert_eq!(findings[0], expected, "{what}");
    }
}
