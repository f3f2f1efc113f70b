//! What a container has is held for it.

use super::facts::{Edge, Facts, Holder, Holding, How, Up};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for up in &facts.ups {
        let holdings = facts.holdings_of.of(up.place);
        let holding = |index: &usize| &facts.lives.holdings[*index];
        let is_its = |holding: &&Holding| holding.holder == Holder::Who(up.who);
        let next = holdings.partition_point(|index| holding(index).begin.moment < up.begin);
        let (earlier, later) = holdings.split_at(next);
        // A store that was restored may have forgotten it; that is for `closed` and `lifetimes`.
        let covered = earlier
            .iter()
            .rev()
            .map(holding)
            .find(is_its)
            .is_some_and(|one| {
                one.end
                    .is_none_or(|end| end.how == How::Line || end.moment > up.begin)
            });
        let seen_late = || {
            let mut later = later.iter().map(holding).filter(is_its);
            later.any(|one| facts.before(one.begin.moment, up.begin))
        };
        if !covered && !seen_late() {
            let what = "a container has an address that is not held for it";
            let violation = Violation::new(up.begin, what);
            found.push(violation.at(facts, up.place).of(facts, up.who));
            continue;
        }
        let first = next.saturating_sub(1);
        let during = holdings[first..].iter().map(holding);
        let during = during.take_while(|one| up.end.is_none_or(|end| one.begin.moment < end));
        // A store that has forgotten a container may hold its address anew for an ADD of it, which gives it back.
        let anew = |one: &Holding| {
            facts.exact && one.begin.how == How::Committed && one.begin.moment > up.begin
        };
        let lost = during
            .filter(|one| is_its(one) && !anew(one))
            .find_map(|one| one.end.filter(|end| takes(facts, up, *end)));
        if let Some(end) = lost {
            let what = "a container's address is held for it no longer, and it still has it";
            let violation = Violation::new(end.moment, what).revision(end.revision);
            found.push(violation.at(facts, up.place).of(facts, up.who));
        }
    }
}

/// Whether the end of a holding takes an address from a container that has it.
fn takes(facts: &Facts<'_>, up: &Up, end: Edge) -> bool {
    let during = end.how == How::Committed
        && end.moment > up.begin
        && up.end.is_none_or(|down| end.moment < down)
        && up.given_up.is_none_or(|given_up| end.moment < given_up);
    // Where the log is seen late it may be the end of the same attachment's holding before this one.
    during && (facts.exact || !holds_again(facts, up, end))
}

fn holds_again(facts: &Facts<'_>, up: &Up, end: Edge) -> bool {
    let holdings = facts.holdings_of.of(up.place).iter();
    let mut holdings = holdings.map(|index| &facts.lives.holdings[*index]);
    holdings.any(|one| {
        one.holder == Holder::Who(up.who)
            && one.begin.revision >= end.revision
            && facts.before(one.begin.moment, up.begin)
    })
}
