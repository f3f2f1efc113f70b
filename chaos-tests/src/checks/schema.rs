//! What stands in etcd can be read by whoever reads the documentation.

use super::facts::{Changed, Facts};
use super::{Found, Violation};
use crate::history::What;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for commit in &facts.log.commits {
        let changes = facts.log.changes_of(commit).iter().enumerate();
        for (index, _) in changes.filter(|(_, one)| matches!(one, Changed::Unreadable)) {
            let event = &facts.history.events[commit.moment.event].what;
            let What::Commit(committed) = event else {
                continue;
            };
            let change = &committed.changes[index];
            let value: Option<String> = change
                .value
                .as_ref()
                .map(|value| value.chars().take(200).collect());
            let what = format!("{} is not as documented: {value:?}", change.key);
            found.push(Violation::new(commit.moment, what).revision(commit.revision));
        }
    }
}
