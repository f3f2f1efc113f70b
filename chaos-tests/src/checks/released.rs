//! No release is lost: what a DEL that succeeded leaves behind.

use std::collections::BTreeSet;

use super::facts::{Call, Facts, FaultSpan, How, Life, Moment};
use super::{Found, Violation};
use crate::history::{self, Look, What};

/// How the kinds of faults begin in which etcd takes releases of a node all the same.
const HARMLESS: [&str; 12] = [
    "no_space",
    "frozen",
    "compacted",
    "collector_",
    "third_collector",
    "clock_wrong",
    "api_",
    "list_",
    "watch_",
    "kubelet_",
    "node_forgotten",
    "taint_forgotten",
];

/// For so long after a fault it may still be felt (milliseconds): etcd holds an election, and the client looks
/// for another member.
const AFTER: u64 = 5_000;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let disturbed = disturbed(facts);
    for call in facts.calls.iter().filter(|call| call.is("DEL")) {
        let (Some((answered, _)), Some((moment, look))) = (call.acknowledged(), call.look) else {
            continue;
        };
        if let Some(life) = left_behind(facts, call, moment, look) {
            let what = "DEL succeeded, and the record that was there before is still there, without a \
                        release in the spool";
            let violation = Violation::new(answered, what).revision(life.begin.revision);
            found.push(violation.of(facts, call.who));
        }
        let waits = look.present && look.spooled && facts.exact;
        if waits && is_calm(facts, call, moment) && !disturbed.contains(&call.invoke.call) {
            let what =
                "DEL succeeded, and its release waits in the spool, although etcd takes releases";
            found.push(Violation::new(answered, what).of(facts, call.who));
        }
    }
}

/// Whether nothing was wrong while a DEL ran that keeps etcd from taking its release.
fn is_calm(facts: &Facts<'_>, call: &Call<'_>, until: Moment) -> bool {
    let in_the_way = |fault: &&FaultSpan<'_>| {
        let begins = fault.begin < until;
        let lasts = fault
            .end
            .is_none_or(|end| end.at.saturating_add(AFTER) > call.began.at);
        begins && lasts && !HARMLESS.iter().any(|kind| fault.kind.starts_with(kind))
    };
    !facts.faults.iter().any(|fault| in_the_way(&fault))
}

/// The record that a DEL should have released. It was there before the DEL began, so that none of the late
/// requests of an ADD that was killed can have written it after.
fn left_behind<'f>(
    facts: &'f Facts<'_>,
    call: &Call<'_>,
    moment: Moment,
    look: &Look,
) -> Option<&'f Life> {
    if !look.present || look.spooled {
        return None;
    }
    let still_there = |life: &&Life| {
        life.begin.moment < call.began && life.end.is_none_or(|end| end.moment > moment)
    };
    let life = facts.lives_of(call.who).find(still_there)?;
    // Where the log is seen late: it was released in time, and a late request wrote another.
    let replaced = !facts.exact
        && life
            .end
            .is_some_and(|end| end.how == How::Committed && facts.before(end.moment, moment))
        && facts.lives_of(call.who).any(|other| {
            other.begin.moment > life.begin.moment && facts.before(other.begin.moment, moment)
        });
    (!replaced).then_some(life)
}

/// The calls whose processes were killed or stopped, or asked nobody: a DEL whose configuration names no etcd,
/// for an attachment of which the node has no journal, leaves its release to the next call that does.
fn disturbed(facts: &Facts<'_>) -> BTreeSet<history::Call> {
    let events = facts.history.events.iter();
    let processes = events.filter_map(|event| match &event.what {
        What::Process(process) if process.disturbed || process.ran == 0 => process.call,
        _ => None,
    });
    processes.collect()
}
