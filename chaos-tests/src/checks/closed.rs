//! A store that is closed gives nothing out: one that is frozen, or that went back in time. In a frozen one
//! collectors free nothing either.

use super::facts::{Call, Facts, How, Life, Moment, Version};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for (index, life) in facts.lives.owners.iter().enumerate() {
        if life.begin.frozen {
            let what = "a record was written in a frozen store";
            let violation = Violation::new(life.begin.moment, what).revision(life.begin.revision);
            found.push(violation.of(facts, life.who));
        }
        if let Some(end) = life.end.filter(|end| end.frozen)
            && facts.collector(index, life, end).is_some()
        {
            let what = "a collector deleted a record in a frozen store";
            let violation = Violation::new(end.moment, what).revision(end.revision);
            found.push(violation.of(facts, life.who));
        }
        // An ADD learns that the store is from the past by the answer to its transaction, takes the record
        // back, and refuses. So what was written says nothing; that it was answered does.
        let past = life.versions.iter().filter(|version| version.from_the_past);
        for version in past {
            if let Some(answered) = answered_with(facts, life, version) {
                let what = "ADD succeeded with a record in a store from the past";
                let violation = Violation::new(answered, what).revision(version.revision);
                found.push(violation.of(facts, life.who));
            }
        }
    }
}

/// When an ADD succeeded that may have written this.
fn answered_with(facts: &Facts<'_>, life: &Life, version: &Version) -> Option<Moment> {
    let may_have = |call: &&Call<'_>| {
        let end = life.end.map(|end| end.moment);
        call.is("ADD") && call.began < version.moment && end.is_none_or(|end| end > call.began)
    };
    let calls = facts.calls_for(life.who).filter(may_have);
    let mut answers = calls.filter_map(|call| call.acknowledged().map(|(answered, _)| answered));
    // One that asked again in the store that came back answers with what it wrote there.
    let put_back = life.end.filter(|end| end.how == How::Line);
    answers.find(|answered| {
        facts.before(version.moment, *answered) && put_back.is_none_or(|end| *answered < end.moment)
    })
}
