//! One effective collector: every release lies in a reign of the one that made it.

use super::facts::{Facts, How};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for (index, life) in facts.lives.owners.iter().enumerate() {
        let Some(end) = life.end.filter(|end| end.how == How::Committed) else {
            continue;
        };
        let Some(collector) = facts.collector(index, life, end) else {
            continue;
        };
        let leader = end.leader.map(|leader| facts.lives.identities[leader]);
        if leader != Some(collector) {
            let leads = leader.unwrap_or("nobody");
            let what = format!("{collector} deleted a record while {leads} led");
            let violation = Violation::new(end.moment, what).revision(end.revision);
            found.push(violation.of(facts, life.who));
        }
    }
}
