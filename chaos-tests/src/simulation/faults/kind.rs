//! The kinds of faults, and which of them a run knows.

use std::ops::Range;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::simulation::plan::Story;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    LeaderKilled,
    MemberKilled,
    MemberPaused,
    LeaderPaused,
    LeaderApart,
    QuorumLost,
    LeaderMoved,
    Overloaded,
    NoSpace,
    Compacted,
    NodeCutOff,
    NodeCutFromMember,
    NodeLosesPackets,
    NodeLate,
    CollectorKilled,
    CollectorPaused,
    CollectorCutFromEtcd,
    CollectorCutFromKubernetes,
    CollectorLosesAnswers,
    /// What a collector writes comes some seconds late, also what it does not wait for any more.
    CollectorWritesLate,
    /// The same, until another collector leads.
    CollectorWritesHeld,
    ThirdCollector,
    ClockWrong,
    ApiDown,
    ApiSlow,
    ListStale,
    ListEmpty,
    ListCut,
    ListRefused,
    WatchCut,
    KubeletSilent,
    NodeOff,
    NodeDeleted,
    /// The Node object and its pods' are deleted, while all of it runs.
    NodeForgotten,
    /// An out-of-service taint stands on a node that is Ready, and then is not, while its pods run.
    TaintForgotten,
    DiskFull,
    Frozen,
}

#[allow(
    clippy::enum_glob_use,
    reason = "the kinds are named in tables, where a prefix would hide them"
)]
use Kind::*;

const ETCD: &[Kind] = &[
    LeaderKilled,
    MemberKilled,
    MemberPaused,
    LeaderPaused,
    LeaderApart,
    QuorumLost,
    LeaderMoved,
    Overloaded,
    NoSpace,
    Compacted,
    NodeCutOff,
    NodeCutFromMember,
    NodeLosesPackets,
    NodeLate,
    CollectorPaused,
    CollectorCutFromEtcd,
    CollectorLosesAnswers,
    CollectorWritesLate,
    CollectorWritesHeld,
    Frozen,
];
const KUBERNETES: &[Kind] = &[
    CollectorKilled,
    CollectorPaused,
    CollectorCutFromKubernetes,
    CollectorCutFromEtcd,
    CollectorWritesLate,
    CollectorWritesHeld,
    ThirdCollector,
    ClockWrong,
    ApiDown,
    ApiSlow,
    ListStale,
    ListEmpty,
    ListCut,
    ListRefused,
    WatchCut,
    KubeletSilent,
    NodeOff,
    NodeDeleted,
    NodeForgotten,
    TaintForgotten,
    LeaderMoved,
    Frozen,
];
const PROCESSES: &[Kind] = &[
    NodeLosesPackets,
    NodeLate,
    NodeCutOff,
    DiskFull,
    ClockWrong,
    NoSpace,
    Frozen,
    LeaderKilled,
    CollectorPaused,
    CollectorKilled,
    CollectorWritesLate,
    KubeletSilent,
];

impl Kind {
    /// The kinds that a run of this story knows: a random part of them, so that what is rare among all is
    /// common in some runs.
    pub(super) fn some_of(story: Story, rng: &mut StdRng) -> Vec<Self> {
        let lists: &[&[Self]] = match story {
            Story::Everything => &[ETCD, KUBERNETES, PROCESSES],
            Story::Etcd | Story::Restores => &[ETCD],
            Story::Kubernetes => &[KUBERNETES],
            Story::Processes => &[PROCESSES],
        };
        let mut kinds: Vec<Self> = Vec::new();
        for kind in lists.concat() {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let part = [1.0, 0.5, 0.2][rng.random_range(0..3)];
        kinds.retain(|_| rng.random_bool(part));
        kinds
    }

    /// Its name, as in `leader_killed`.
    pub(super) fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// How long it may last (milliseconds).
    pub(super) const fn lasts(self) -> Range<u64> {
        match self {
            LeaderMoved | Compacted => 0..1,
            NodeOff | NodeDeleted => 50_000..90_000,
            NodeForgotten | TaintForgotten => 60_000..90_000,
            KubeletSilent => 20_000..90_000,
            CollectorPaused | CollectorKilled | CollectorCutFromEtcd => 1000..40_000,
            CollectorWritesLate | CollectorWritesHeld | ApiSlow => 10_000..40_000,
            _ => 1000..15_000,
        }
    }
}
