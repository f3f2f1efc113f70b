//! Owner records and address keys say the same, at every revision.

use super::facts::{Changed, Facts, Holder, Map, Moment, Place, Who};
use super::{Found, Violation};

/// What stands in the store, in both directions.
#[derive(Default)]
struct Standing {
    /// By attachment: the record, and how many address keys have it as their holder.
    owners: Map<Who, (Option<usize>, usize)>,
    /// By address.
    holders: Map<Place, Who>,
}

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let mut standing = Standing::default();
    let mut touched = Vec::new();
    let mut turns = facts.lives.turns.iter().copied().peekable();
    for commit in &facts.log.commits {
        while let Some(turn) = turns.next_if(|turn| *turn < commit.moment) {
            standing = Standing::inherited(facts, turn);
        }
        touched.clear();
        for changed in facts.log.changes_of(commit) {
            standing.change(*changed, &mut touched);
        }
        touched.sort_unstable();
        touched.dedup();
        for who in &touched {
            if let Some(what) = standing.fault(facts, *who) {
                let violation = Violation::new(commit.moment, what).revision(commit.revision);
                found.push(violation.of(facts, *who));
            }
        }
    }
}

impl Standing {
    /// What stands in the store when a line begins to count.
    fn inherited(facts: &Facts<'_>, turn: Moment) -> Self {
        let mut standing = Self::default();
        let lives = facts.lives.owners.iter();
        for life in lives.filter(|life| life.begin.moment == turn) {
            let record = life.versions.last().map(|version| version.record);
            standing.owners.entry(life.who).or_default().0 = record;
        }
        let holdings = facts.lives.holdings.iter();
        for holding in holdings.filter(|holding| holding.begin.moment == turn) {
            standing.hold(holding.place, holding.holder, &mut Vec::new());
        }
        standing
    }

    fn change(&mut self, changed: Changed<'_>, touched: &mut Vec<Who>) {
        match changed {
            Changed::Written(who, record) => {
                self.owners.entry(who).or_default().0 = Some(record);
                touched.push(who);
            }
            Changed::Deleted(who) => {
                self.owners.entry(who).or_default().0 = None;
                touched.push(who);
            }
            Changed::Held(place, holder) => self.hold(place, holder, touched),
            Changed::Freed(place) => self.hold(place, Holder::Nobody, touched),
            _ => {}
        }
    }

    fn hold(&mut self, place: Place, holder: Holder, touched: &mut Vec<Who>) {
        let before = match holder {
            Holder::Who(who) => self.holders.insert(place, who),
            Holder::Resting(_) | Holder::Nobody | Holder::Unreadable => self.holders.remove(&place),
        };
        if let Some(before) = before {
            self.owners.entry(before).or_default().1 -= 1;
            touched.push(before);
        }
        if let Holder::Who(who) = holder {
            self.owners.entry(who).or_default().1 += 1;
            touched.push(who);
        }
    }

    fn fault(&self, facts: &Facts<'_>, who: Who) -> Option<String> {
        let (record, held) = *self.owners.get(&who)?;
        let named = record.map_or(&[][..], |record| &facts.log.records[record].places);
        let lacking = named
            .iter()
            .find(|place| self.holders.get(place) != Some(&who));
        if let Some(place) = lacking {
            let (space, address) = facts.names.addresses[*place];
            return Some(format!(
                "the record names {space}/{address}, which is not held for it"
            ));
        }
        let named = named.len();
        (held != named)
            .then(|| format!("{held} addresses are held for it, and its record names {named}"))
    }
}
