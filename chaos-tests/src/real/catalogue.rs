//! All faults of the real leg, by their names.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;

use crate::real::faults::calls::{AnswersLost, Disturbed};
use crate::real::faults::collectors::{Blow, LeaderStruck, ThreeAtOnce};
use crate::real::faults::kubernetes::{Failing, Failure};
use crate::real::faults::nodes::{ForceDeleted, NodeInTrouble, Trouble};
use crate::real::faults::{self, Fault};
use crate::real::stage::{Mischief, Stage};

/// The kinds of faults of plugins, collectors, Kubernetes and nodes; [`faults::KINDS`] has the others.
pub const KINDS: [&str; 22] = [
    "plugin_killed",
    "plugin_paused",
    "plugin_called_twice",
    "del_overtakes_add",
    "answers_lost",
    "collector_killed",
    "collector_paused",
    "collector_cut_from_etcd",
    "collector_cut_from_kubernetes",
    "three_collectors",
    "kubernetes_list_stale",
    "kubernetes_list_empty",
    "kubernetes_list_cut",
    "kubernetes_410",
    "kubernetes_429",
    "kubernetes_500",
    "kubernetes_watch_gap",
    "pod_force_deleted",
    "pod_recreated",
    "node_not_ready",
    "node_rebooted",
    "node_deleted",
];

/// Those of [`faults::KINDS`] with which the cluster still serves: another fault beside one of them can be
/// proven too.
pub const BEARABLE: [&str; 12] = [
    "leader_killed",
    "follower_killed",
    "leader_paused",
    "follower_paused",
    "leader_cut_off",
    "follower_cut_off",
    "follower_deaf",
    "follower_mute",
    "follower_without_peers",
    "follower_reset",
    "leader_moved",
    "fsync_slow",
];

/// A fault of this kind, with chances of its own. `grace` is what collectors wait for before they believe
/// that a pod is gone.
pub fn make(
    kind: &str,
    stage: &Arc<Stage>,
    grace: Duration,
    rng: &mut StdRng,
) -> Option<Box<dyn Fault>> {
    let disturbed = |mischief| Box::new(Disturbed::new(stage, mischief));
    let leader = |blow| Box::new(LeaderStruck::new(stage, blow));
    let failing = |failure| Box::new(Failing::new(stage, failure));
    // Longer than any wrong reason to release would take.
    let length = grace + Duration::from_secs(3);
    Some(match kind {
        "plugin_killed" => disturbed(Mischief::Kill),
        "plugin_paused" => disturbed(Mischief::Pause),
        "plugin_called_twice" => disturbed(Mischief::Twice),
        "del_overtakes_add" => disturbed(Mischief::Overtake),
        "answers_lost" => Box::new(AnswersLost::new(stage)),
        "collector_killed" => leader(Blow::Killed),
        "collector_paused" => leader(Blow::Paused),
        "collector_cut_from_etcd" => leader(Blow::CutFromEtcd),
        "collector_cut_from_kubernetes" => leader(Blow::CutFromKubernetes),
        "three_collectors" => Box::new(ThreeAtOnce::new(stage)),
        "kubernetes_list_stale" => failing(Failure::Stale),
        "kubernetes_list_empty" => failing(Failure::Empty),
        "kubernetes_list_cut" => failing(Failure::Cut),
        "kubernetes_410" => failing(Failure::Status(410)),
        "kubernetes_429" => failing(Failure::Status(429)),
        "kubernetes_500" => failing(Failure::Status(500)),
        "kubernetes_watch_gap" => failing(Failure::Gap),
        "pod_force_deleted" => Box::new(ForceDeleted::new(stage, rng, false)),
        "pod_recreated" => Box::new(ForceDeleted::new(stage, rng, true)),
        "node_not_ready" => in_trouble(stage, rng, Trouble::NotReady, length),
        "node_rebooted" => in_trouble(stage, rng, Trouble::Rebooted, length),
        "node_deleted" => in_trouble(stage, rng, Trouble::Deleted, length),
        _ => return faults::make(kind, rng),
    })
}

fn in_trouble(
    stage: &Arc<Stage>,
    rng: &mut StdRng,
    trouble: Trouble,
    length: Duration,
) -> Box<dyn Fault> {
    Box::new(NodeInTrouble::new(stage, rng, trouble, length))
}
