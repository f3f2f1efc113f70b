//! Real time against revisions: whoever asks after an acknowledgement sees what was acknowledged.

use super::facts::{Call, Facts, How, LAG, Life, Moment};
use super::{Found, Violation};
use crate::history::Look;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for call in &facts.calls {
        let Some((moment, look)) = call.look.filter(|(_, look)| look.revision > 0) else {
            continue;
        };
        let ended = call.ended.map_or(moment, |(ended, _)| ended);
        if look.revision < call.reached_then && !facts.turned(ended, moment) {
            let (seen, reached) = (look.revision, call.reached_then);
            let what = format!("a look saw revision {seen} after the store had reached {reached}");
            let violation = Violation::new(moment, what).revision(reached);
            found.push(violation.of(facts, call.who));
        }
        if let Some(what) = contradicts(facts, call, moment, look) {
            let violation = Violation::new(moment, what).revision(look.revision);
            found.push(violation.of(facts, call.who));
        }
    }
}

/// Whether the log says otherwise of the revision that the look saw.
fn contradicts(
    facts: &Facts<'_>,
    call: &Call<'_>,
    moment: Moment,
    look: &Look,
) -> Option<&'static str> {
    // Revisions count only on the line that they are of, and only as far as the log reaches.
    let turns = &facts.lives.turns;
    let doubtful = |turn: &Moment| turn.at.abs_diff(moment.at) <= LAG;
    if look.revision > facts.lives.reached || (!facts.exact && turns.iter().any(doubtful)) {
        return None;
    }
    let began = turns.iter().rev().find(|turn| **turn < moment);
    let of_this_line = |life: &&Life| {
        let is_later = life.begin.how == How::Line && life.begin.moment > moment;
        let is_earlier =
            began.is_some_and(|began| life.end.is_some_and(|end| end.moment <= *began));
        !is_later && !is_earlier
    };
    let there = |life: &Life| {
        let ended = life.end.filter(|end| end.how == How::Committed);
        life.begin.revision <= look.revision && ended.is_none_or(|end| end.revision > look.revision)
    };
    let mut lives = facts.lives_of(call.who).filter(of_this_line);
    match (lives.any(there), look.present) {
        (true, false) => Some("a look did not find a record that etcd's log has at that revision"),
        (false, true) => {
            Some("a look found a record that etcd's log does not have at that revision")
        }
        _ => None,
    }
}
