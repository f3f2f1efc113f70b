//! Bugs between the collector and the cluster that it reads: what it makes of nodes and pods. No input or
//! output.

use lease_gc::evidence::Policy;
use lease_gc::pods::{Node, Pod};
use std::time::Duration;

use super::Mutant;

/// Nodes as the bug takes them.
pub fn distort_nodes(mutant: Option<Mutant>, nodes: &mut [Node]) {
    for node in nodes {
        match mutant {
            // Whatever ran on a node that is not heard is taken for dead.
            Some(Mutant::SilentIsDead) if !node.readiness.ready => {
                node.readiness.ready = true;
                node.reported = None;
                node.boot_id.push_str("-lost");
            }
            Some(Mutant::TaintForEver) if node.out_of_service.is_some() => {
                node.readiness.ready = false;
                node.readiness.since = node.out_of_service.flatten();
            }
            Some(Mutant::OldTaintCounts) if node.out_of_service.is_some() => {
                node.readiness.since = node.out_of_service.flatten();
            }
            _ => {}
        }
    }
}

/// Pods as the bug takes them.
pub fn distort_pods(mutant: Option<Mutant>, pods: &mut Vec<Pod>) {
    match mutant {
        Some(Mutant::FailedIsDead) => pods.retain(|pod| !pod.finished),
        Some(Mutant::TerminatingIsDead) => pods.retain(|pod| !pod.terminating),
        Some(Mutant::StaticPodsUnknown) => pods.iter_mut().for_each(|pod| pod.mirrors.clear()),
        _ => {}
    }
}

/// Whether the bug asks nobody again before a release.
pub fn skips_direct_look(mutant: Option<Mutant>) -> bool {
    matches!(mutant, Some(Mutant::NoGrace | Mutant::ErrorsAreEmpty))
}

/// How patient the collector is with the bug.
pub fn policy(mutant: Option<Mutant>, policy: Policy) -> Policy {
    match mutant {
        Some(Mutant::NoGrace) => Policy {
            grace: Duration::ZERO,
            ..policy
        },
        Some(Mutant::NodeGoneAtOnce) => Policy {
            node_gone_grace: Duration::ZERO,
            ..policy
        },
        _ => policy,
    }
}
