//! No release is lost: what a DEL that succeeded leaves behind.

use super::facts::{Call, Facts, How, Life, Moment};
use super::{Found, Violation};
use crate::history::Look;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
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
    }
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
