//! Judges the collectors and their last sweeps.

use std::time::{Duration, SystemTime};

use humantime::parse_rfc3339_weak as parse;
use store::sweep::LastSweep;

use super::finding::Findings;
use crate::state::ClusterState;
use crate::text::age;

/// How much later than planned a sweep may end: those of large clusters take minutes.
const LATE: Duration = Duration::from_mins(15);
/// How far clocks may be apart.
const SKEW: Duration = Duration::from_mins(1);

/// Judges. The cluster `meant` is judged although it has no records yet.
pub(super) fn judge(
    clusters: &[ClusterState],
    meant: &str,
    now: SystemTime,
    findings: &mut Findings,
) {
    for cluster in clusters {
        let name = &cluster.name;
        let Some(leader) = &cluster.leader else {
            let what = format!(
                "no collector leads the cluster {name}, which has {} records",
                cluster.owners
            );
            let advice = "start lease-gc for it, or look into its log: without it the addresses of \
                          pods that die without a DEL stay taken";
            if cluster.owners > 0 {
                findings.problem("collector", what, advice);
            } else if name == meant {
                findings.warn("collector", what, advice);
            }
            continue;
        };
        if leader.identity.is_empty() {
            findings.warn(
                "collector",
                format!("the election key of the cluster {name} cannot be read"),
                "no collector of this version wrote it; delete it, and the collectors elect anew",
            );
        } else {
            let who = format!("{} leads the cluster {name}", leader.identity);
            findings.ok("collector", who);
            clock(&leader.since, &leader.identity, now, findings);
        }
        match &cluster.last_sweep {
            Some(last) => sweep(name, last, now, findings),
            None => findings.warn(
                "sweep",
                format!("it is not known when the cluster {name} was swept last"),
                "the collector is new, or of an earlier version: `ipamctl gc` asks it for a sweep",
            ),
        }
    }
}

fn sweep(name: &str, last: &LastSweep, now: SystemTime, findings: &mut Findings) {
    let LastSweep {
        result,
        ended,
        error,
        ..
    } = last;
    let why = error
        .as_ref()
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    let what = format!("the last sweep of the cluster {name} ended at {ended} as {result}{why}");
    let section = |title: &str| format!("docs/operations.md, \"{title}\"");
    match result.as_str() {
        "complete" => {
            let late = last.next.as_deref().and_then(|next| parse(next).ok());
            let late = late.and_then(|next| now.duration_since(next).ok());
            match late.filter(|late| *late > LATE) {
                Some(late) => findings.problem(
                    "sweep",
                    format!("{what}, and the next has been due for {}", age(late)),
                    "the collector leads and does not sweep: look into its log, restart it",
                ),
                None => findings.ok("sweep", what),
            }
        }
        "dry_run" => findings.warn(
            "sweep",
            what,
            "the collector runs with --dry-run and frees nothing",
        ),
        "frozen" => findings.warn("sweep", what, "nothing is freed until `ipamctl thaw`"),
        "breaker" => findings.problem("sweep", what, section("A breaker is open")),
        "void" => findings.problem("sweep", what, section("Sweeps are void")),
        _ => findings.warn(
            "sweep",
            what,
            "look into the collector's log; the next sweep goes on",
        ),
    }
    clock(ended, &last.by, now, findings);
}

/// What somebody wrote down cannot lie ahead of now.
pub(super) fn clock(time: &str, who: &str, now: SystemTime, findings: &mut Findings) {
    let ahead = parse(time)
        .ok()
        .and_then(|time| time.duration_since(now).ok());
    if let Some(ahead) = ahead.filter(|ahead| *ahead > SKEW) {
        findings.warn(
            "clock",
            format!(
                "the clock of {who} is at least {} ahead of this machine's",
                age(ahead)
            ),
            "set both by NTP: ages and cool-downs are told by them",
        );
    }
}

#[cfg(test)]
mod tests;
