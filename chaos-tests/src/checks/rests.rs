//! Between two holders an address rests.

use super::facts::{Facts, Holder, Holding, How, LAG};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let cooldown = facts.run.cooldown;
    if cooldown == 0 {
        return;
    }
    for place in 0..facts.names.addresses.len() {
        let holdings = facts.holdings_of.of(place).iter();
        let mut last: Option<&Holding> = None;
        let mut rest: Option<&Holding> = None;
        for holding in holdings.map(|index| &facts.lives.holdings[*index]) {
            let Holder::Who(who) = holding.holder else {
                rest = Some(holding);
                continue;
            };
            // A store from the past has forgotten what rests. What an ADD takes there it does not keep.
            let remembers = |last: &&Holding| {
                last.end
                    .is_some_and(|end| !facts.turned(end.moment, holding.begin.moment))
            };
            if let Some(released) = last.filter(remembers).and_then(|last| since(facts, last))
                && holding.begin.how == How::Committed
            {
                let rested = holding.begin.moment.at.saturating_sub(released);
                let is_long_over = rest.is_some_and(|rest| is_long_over(facts, rest, holding));
                if rested < cooldown && !is_long_over && !without_space(facts, released) {
                    let what =
                        format!("the address rested for {rested} ms, and {cooldown} are due");
                    let moment = holding.begin.moment;
                    let violation = Violation::new(moment, what).revision(holding.begin.revision);
                    found.push(violation.at(facts, place).of(facts, who));
                }
            }
            last = Some(holding);
        }
    }
}

/// From when on the address rested, or earlier. `None`: nobody can say, or it was a restore that ended it.
fn since(facts: &Facts<'_>, holding: &Holding) -> Option<u64> {
    let end = holding.end.filter(|end| end.how == How::Committed)?;
    if facts.exact {
        return Some(end.moment.at);
    }
    // The log is seen late, but it cannot have been released before its container gave it up.
    let Holder::Who(who) = holding.holder else {
        return None;
    };
    let ups = facts.ups_at.of(holding.place).iter().rev();
    let mut ups = ups.map(|up| &facts.ups[*up]);
    let up = ups.find(|up| up.who == who && up.begin < end.moment)?;
    up.end.map(|down| down.at)
}

/// Whether it was taken in the place of a rest that an ADD could take for one that is over twice. It goes by the
/// word of whoever released, whose clock may be wrong, or whose release may have come long after it was sent.
fn is_long_over(facts: &Facts<'_>, rest: &Holding, taken: &Holding) -> bool {
    let Holder::Resting(word) = rest.holder else {
        return false;
    };
    let in_its_place = rest
        .end
        .is_some_and(|end| end.revision == taken.begin.revision);
    let now = facts.run.wall * 1000 + taken.begin.moment.at;
    in_its_place && facts.run.wall > 0 && now.saturating_sub(word * 1000) > 2 * facts.run.cooldown
}

/// etcd without space takes only deletes, and then an address is rather freed at once than not at all.
fn without_space(facts: &Facts<'_>, at: u64) -> bool {
    facts.faults.iter().any(|fault| {
        ["space", "quota"]
            .iter()
            .any(|word| fault.kind.contains(word))
            && fault.begin.at <= at
            && fault.end.is_none_or(|end| at <= end.at.saturating_add(LAG))
    })
}
