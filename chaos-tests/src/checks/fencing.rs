//! One effective collector: every release lies in a reign of the one that made it.

use super::facts::{Call, Edge, Facts, How, Life};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for (index, life) in facts.lives.owners.iter().enumerate() {
        let Some(end) = life.end.filter(|end| end.how == How::Committed) else {
            continue;
        };
        let Some(collector) = collector(facts, index, life, end) else {
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

/// The collector that surely ended a life. One whose answer was lost takes the credit for a record that is
/// gone, whoever deleted it; where the sender is not known, that is doubt enough.
fn collector<'a>(facts: &Facts<'a>, index: usize, life: &Life, end: Edge) -> Option<&'a str> {
    let by = end.commit.and_then(|commit| facts.log.commits[commit].by);
    let release = facts.released.get(&index);
    let said = release.map(|release| facts.releases[*release].collector);
    if let Some(by) = by {
        let is_collector = facts.lives.identities.contains(&by) || said == Some(by);
        return is_collector.then_some(by);
    }
    let other = |call: &Call<'_>| call.is("DEL") && call.began < end.moment;
    said.filter(|_| !facts.calls_for(life.who).any(other))
}
