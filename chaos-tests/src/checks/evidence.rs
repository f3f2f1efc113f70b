//! The collector frees nothing that lives, and what it says is true.
//!
//! What is true is what the cluster was, and not what the collector could read of it. Where it could have
//! read an earlier state, and acted on it as long after as it may, that counts as true.

use super::facts::{Edge, Facts, Life, Moment, Record, Release, Up};
use super::{Found, Violation};

/// How old what a collector saw may be when its release is committed (milliseconds): a minute for which it
/// paces its releases, and the time for which a request may be under way.
const STALE: u64 = 75_000;

/// Times are cut to milliseconds, twice.
const ROUNDING: u64 = 2;

/// The API cuts times to seconds (milliseconds).
const SECOND: u64 = 1000;

/// All that a collector can say.
const EVIDENCE: [&str; 6] = [
    "rebooted",
    "pod_gone",
    "name_gone",
    "superseded",
    "node_gone",
    "out_of_service",
];

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for release in &facts.releases {
        let Some(life) = release.life else {
            let what = format!(
                "{} says that it released {}, which nobody deleted",
                release.collector, release.key
            );
            found.push(Violation::new(release.moment, what));
            continue;
        };
        let life = &facts.lives.owners[life];
        let Some(end) = life.end.filter(|_| !is_another_ones(facts, release, life)) else {
            continue;
        };
        let case = Case {
            facts,
            life,
            record: facts.last_record(life),
            released: end.moment,
        };
        if let Some(what) = case.untrue(release.evidence) {
            let what = format!("released as {}, but {what}", release.evidence);
            let violation = Violation::new(end.moment, what).revision(end.revision);
            found.push(violation.of(facts, life.who));
        }
    }
}

/// Whether a collector may have ended a life and said nothing, because the answer to its release was lost: it had
/// some reason that is true.
pub(super) fn may_have_released(facts: &Facts<'_>, life: &Life, end: Edge) -> bool {
    let case = Case {
        facts,
        life,
        record: facts.last_record(life),
        released: end.moment,
    };
    end.leader.is_some()
        && EVIDENCE
            .iter()
            .any(|evidence| case.untrue(evidence).is_none())
}

/// Whether somebody else is known to have deleted the record.
fn is_another_ones(facts: &Facts<'_>, release: &Release<'_>, life: &Life) -> bool {
    let commit = life.end.and_then(|end| end.commit);
    let by = commit.and_then(|commit| facts.log.commits[commit].by);
    by.is_some_and(|by| by != release.collector)
}

/// A release that is to be judged.
struct Case<'f, 'a> {
    facts: &'f Facts<'a>,
    life: &'f Life,
    record: &'f Record<'a>,
    released: Moment,
}

impl Case<'_, '_> {
    fn untrue(&self, evidence: &str) -> Option<String> {
        let on_the_operators_word = matches!(evidence, "node_gone" | "out_of_service");
        if !on_the_operators_word && self.is_up() {
            return Some("its container was up".to_owned());
        }
        match evidence {
            "rebooted" => self.not_rebooted(),
            "pod_gone" => self.pod_not_gone().or_else(|| self.node_not_ready()),
            "name_gone" => self.name_not_gone().or_else(|| self.node_not_ready()),
            "superseded" => self.not_superseded(),
            "node_gone" => self.node_not_gone(),
            "out_of_service" => self.not_out_of_service(),
            _ => Some("that is no evidence".to_owned()),
        }
    }

    fn is_up(&self) -> bool {
        let mut ups = self.facts.ups_of.of(self.life.who).iter();
        ups.any(|up| {
            let up: &Up = &self.facts.ups[*up];
            up.begin < self.released && up.end.is_none_or(|end| end > self.released)
        })
    }

    /// The attachment's cluster and node.
    fn node(&self) -> (&str, &str) {
        let [cluster, node, ..] = self.facts.names.attachments[self.life.who];
        (cluster, node)
    }

    fn earliest(&self) -> u64 {
        self.released.at.saturating_sub(STALE)
    }

    fn not_rebooted(&self) -> Option<String> {
        let (cluster, node) = self.node();
        let at = self.released.at;
        let mut states = self.facts.truth.node_between(cluster, node, at, at);
        states
            .any(|(_, _, node)| node.boot == self.record.boot)
            .then(|| {
                format!(
                    "the record is of boot {}, the present one",
                    self.record.boot
                )
            })
    }

    fn pod_not_gone(&self) -> Option<String> {
        let uid = self.record.pod.uid;
        if uid.is_empty() {
            return Some("its record names no uid".to_owned());
        }
        // A uid that the API never had is a runtime's own, and was never there.
        let pod = self.facts.truth.pod(uid)?;
        match pod.deleted {
            None => Some(format!("pod {uid} is there")),
            Some(deleted) => self.too_soon("the pod", deleted.at, self.facts.run.grace),
        }
    }

    fn name_not_gone(&self) -> Option<String> {
        let pod = self.record.pod;
        let long_ago = (self.released.at + ROUNDING).saturating_sub(self.facts.run.grace);
        let (cluster, _) = self.node();
        let truth = &self.facts.truth;
        truth
            .pod_named(cluster, pod.namespace, pod.name, long_ago)
            .then(|| format!("pod {}/{} was there until lately", pod.namespace, pod.name))
    }

    /// A list from the past lacks what was made since, and its absence seems to have begun then. Only the look
    /// right before a release tells.
    fn was_shown_the_past(&self, gone: u64) -> bool {
        self.facts.faults.iter().any(|fault| {
            fault.kind.contains("stale")
                && fault
                    .end
                    .is_none_or(|end| end.at >= gone.saturating_sub(self.facts.run.grace))
                && fault.begin.at <= gone
        })
    }

    fn too_soon(&self, what: &str, gone: u64, grace: u64) -> Option<String> {
        let since = self.released.at.saturating_sub(gone);
        (since + ROUNDING < grace && !self.was_shown_the_past(gone))
            .then(|| format!("{what} went only {since} ms before, and {grace} are due"))
    }

    /// A node must be Ready all the time. That it was not for so long that nobody can have seen it Ready at
    /// the beginning nor at the end is certain.
    fn node_not_ready(&self) -> Option<String> {
        let (cluster, node) = self.node();
        let from = self
            .released
            .at
            .saturating_sub(self.facts.run.grace.max(STALE));
        let mut states = self
            .facts
            .truth
            .node_between(cluster, node, from, self.released.at)
            .peekable();
        states.peek()?;
        (!states.any(|(_, _, node)| node.exists && node.ready))
            .then(|| "its node was not Ready all the while".to_owned())
    }

    fn not_superseded(&self) -> Option<String> {
        let names = &self.facts.names.attachments;
        let [cluster, node, network, _, interface] = names[self.life.who];
        let newer = |life: &&Life| {
            let [c, n, w, _, i] = names[life.who];
            let versions = &life.versions;
            [c, n, w, i] == [cluster, node, network, interface]
                && versions.iter().any(|version| {
                    let other = self.facts.record(version);
                    self.facts.before(version.moment, self.released)
                        && !other.pod.uid.is_empty()
                        && (other.pod.uid, other.boot) == (self.record.pod.uid, self.record.boot)
                        && other.kind.is_empty()
                        && other.started > self.record.started
                })
        };
        let found = self.facts.lives.owners.iter().any(|life| newer(&life));
        (!found).then(|| "no ADD of the same pod and interface began later".to_owned())
    }

    fn node_not_gone(&self) -> Option<String> {
        let (cluster, node) = self.node();
        let grace = self.facts.run.node_gone_grace;
        let until = self.released.at;
        let truth = &self.facts.truth;
        let mut states = truth.node_between(cluster, node, self.earliest(), until);
        let gone = states.any(|(begin, end, node)| {
            !node.exists && end.min(until).saturating_sub(begin) + ROUNDING >= grace
        });
        (!gone).then(|| format!("its node was not gone for {grace} ms"))
    }

    /// The taint counts on a node that is not Ready, if it was set after it ceased to be.
    fn not_out_of_service(&self) -> Option<String> {
        let (cluster, node) = self.node();
        let states = self
            .facts
            .truth
            .node_between(cluster, node, 0, self.released.at);
        let (mut tainted, mut silent) = (None, None);
        for (begin, end, node) in states {
            let begin_of = |is: bool, since: Option<u64>| is.then(|| since.unwrap_or(begin));
            tainted = begin_of(node.exists && node.out_of_service, tainted);
            silent = begin_of(!node.ready, silent);
            if let (Some(tainted), Some(silent)) = (tainted, silent)
                && end >= self.earliest()
                && tainted + SECOND > silent
            {
                return None;
            }
        }
        Some("its node was not out of service".to_owned())
    }
}
