//! Records do not come and go by themselves.

use super::evidence::may_have_released;
use super::facts::{Call, Edge, Facts, How, Life, Moment, Record};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    // What GC calls of a node and network may release, which name no container.
    let collections: Vec<_> = facts.calls.iter().filter(|call| call.is("GC")).collect();
    for (index, life) in facts.lives.owners.iter().enumerate() {
        if life.begin.how == How::Committed && !written_by_somebody(facts, life) {
            let what = "a record was written, and no ADD was called for it";
            let violation = Violation::new(life.begin.moment, what).revision(life.begin.revision);
            found.push(violation.of(facts, life.who));
        }
        if let Some(changed) = changed(facts, life) {
            let what = "a record names other addresses than when it was made";
            let violation = Violation::new(changed, what).of(facts, life.who);
            found.push(violation);
        }
        let Some(end) = life.end.filter(|end| end.how == How::Committed) else {
            continue;
        };
        let explained = facts.is_collectors(index, end)
            // Only the simulation knows who sent what.
            || (!facts.exact && may_have_released(facts, life, end))
            || facts
                .calls_for(life.who)
                .any(|call| may_release(facts, call, life, end))
            || collections
                .iter()
                .any(|call| may_collect(facts, call, life, end));
        if !explained {
            let what =
                "a record was deleted, and no DEL, GC, failed ADD or collector can have done it";
            let violation = Violation::new(end.moment, what).revision(end.revision);
            found.push(violation.of(facts, life.who));
        }
    }
}

fn written_by_somebody(facts: &Facts<'_>, life: &Life) -> bool {
    let record: &Record<'_> = facts.record(&life.versions[0]);
    if !record.kind.is_empty() {
        return life.begin.leader.is_some();
    }
    let mut calls = facts.calls_for(life.who);
    calls.any(|call| call.is("ADD") && call.began < life.begin.moment)
}

/// When a record first named other addresses than at its beginning.
fn changed(facts: &Facts<'_>, life: &Life) -> Option<Moment> {
    let (first, later) = life.versions.split_first()?;
    let places = &facts.record(first).places;
    let changed = later
        .iter()
        .find(|version| facts.record(version).places != *places);
    changed.map(|version| version.moment)
}

/// Whether a call for the attachment may have deleted the record: a DEL, but not one that was over before
/// the record's ADD began, or an ADD that took it back.
fn may_release(facts: &Facts<'_>, call: &Call<'_>, life: &Life, end: Edge) -> bool {
    if call.began > end.moment {
        return false;
    }
    if call.is("ADD") {
        let succeeded = call.acknowledged().is_some();
        return !succeeded && lasts_into(call, life);
    }
    call.is("DEL") && (!facts.exact || lasts_into_add(facts, call, life))
}

fn lasts_into(call: &Call<'_>, life: &Life) -> bool {
    call.answered()
        .is_none_or(|answered| answered > life.begin.moment)
}

/// A DEL may be delivered from the spool at any time after, but an ADD takes what waits there for its
/// attachment away before it begins.
fn lasts_into_add(facts: &Facts<'_>, call: &Call<'_>, life: &Life) -> bool {
    let Some(answered) = call.answered() else {
        return true;
    };
    let adds = facts.calls_for(life.who).rev();
    let last = adds
        .into_iter()
        .find(|add| add.is("ADD") && add.began < life.begin.moment);
    last.is_none_or(|add| answered > add.began)
}

fn may_collect(facts: &Facts<'_>, call: &Call<'_>, life: &Life, end: Edge) -> bool {
    let names = &facts.names.attachments;
    names[call.who][..3] == names[life.who][..3]
        && call.began < end.moment
        && (!facts.exact || lasts_into(call, life))
}
