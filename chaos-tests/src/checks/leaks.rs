//! At the end nothing is left over and nothing is missing.

use super::facts::{Facts, Moment, Who};
use super::{Found, Violation};
use crate::history::End;
use crate::layout::Layout;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let Some((moment, end)) = facts.end else {
        return;
    };
    let layout = Layout::new(&facts.run.prefix);
    let owners = layout.owners();
    let mut up: Vec<_> = end.up.iter().map(|up| up.parts().join("/")).collect();
    up.sort_unstable();
    let mut owned: Vec<_> = end
        .owners
        .iter()
        .map(|key| key.strip_prefix(&owners).unwrap_or(key))
        .collect();
    owned.sort_unstable();

    let lacks = |holder: &&String| owned.binary_search(&holder.as_str()).is_err();
    for holder in up.iter().filter(lacks) {
        let given_up = facts
            .names
            .known(holder)
            .is_some_and(|who| was_given_up(facts, who));
        if !given_up {
            let what = format!("{holder} is up, and the store has no record of it");
            found.push(Violation::new(moment, what));
        }
    }
    owned.retain(|holder| !cannot_be_judged(facts, holder));
    left_over(end, moment, &up, &owned, found);
    for (key, value) in &end.addresses {
        let is_owned = end
            .owners
            .iter()
            .any(|key| key.strip_prefix(&owners) == Some(value));
        if !value.starts_with('{') && !is_owned {
            let what = format!("{key} is held for {value}, which has no record");
            found.push(Violation::new(moment, what));
        }
    }
}

/// Records of what is not up: as many as there are releases in spools may be there, and any while a
/// collector waits for its operator.
fn left_over(end: &End, moment: Moment, up: &[String], owned: &[&str], found: &mut Found) {
    let is_up = |holder: &str| up.binary_search_by(|one| one.as_str().cmp(holder)).is_ok();
    let left: Vec<_> = owned.iter().filter(|holder| !is_up(holder)).collect();
    if end.held_by_breaker || left.len() <= usize::try_from(end.spooled).unwrap_or(usize::MAX) {
        return;
    }
    for holder in left {
        let what = format!("{holder} is gone, and its record is left");
        found.push(Violation::new(moment, what));
    }
}

/// Whether nothing can prove a record dead while its pod, or a pod of its name, lives: without a uid one
/// record does not supersede another, and what was adopted never counts as superseded.
fn cannot_be_judged(facts: &Facts<'_>, holder: &str) -> bool {
    let last = facts.names.known(holder).and_then(|who| {
        let version = facts.lives_of(who).next_back()?.versions.last()?;
        facts.log.records.get(version.record)
    });
    last.is_some_and(|record| record.pod.uid.is_empty() || record.kind == "adopted")
}

fn was_given_up(facts: &Facts<'_>, who: Who) -> bool {
    let mut ups = facts.ups_of.of(who).iter();
    ups.any(|up| facts.ups[*up].given_up.is_some())
}
