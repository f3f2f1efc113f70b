//! Real time against revisions: whoever asks after an acknowledgement sees what was acknowledged.

use super::facts::{Call, Facts, Life, Moment};
use super::{Found, Violation};
use crate::history::Look;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for call in &facts.calls {
        let Some((moment, look)) = call.look.filter(|(_, look)| look.revision > 0) else {
            continue;
        };
        if look.revision < call.reached_then {
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
    let turned = |life: &Life| {
        let of_a_line =
            life.begin.commit.is_none() || life.end.is_some_and(|end| end.commit.is_none());
        of_a_line && life.end.is_none_or(|end| facts.before(moment, end.moment))
    };
    let there = |life: &Life| {
        life.begin.revision <= look.revision
            && life.end.is_none_or(|end| end.revision > look.revision)
    };
    let mut lives = facts.lives_of(call.who);
    if facts.lives_of(call.who).any(turned) || look.revision > facts.lives.reached {
        return None;
    }
    match (lives.any(there), look.present) {
        (true, false) => Some("a look did not find a record that etcd's log has at that revision"),
        (false, true) => {
            Some("a look found a record that etcd's log does not have at that revision")
        }
        _ => None,
    }
}
