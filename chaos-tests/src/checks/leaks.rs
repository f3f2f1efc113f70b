//! At the end nothing is left over and nothing is missing.

use super::facts::{Facts, Moment, Record, Who};
use super::{Found, Violation};
use crate::history::{Attachment, End};
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
    owned.retain(|holder| !cannot_be_judged(facts, end, holder));
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
fn cannot_be_judged(facts: &Facts<'_>, end: &End, holder: &str) -> bool {
    last_record(facts, holder).is_some_and(|record| {
        record.pod.uid.is_empty()
            || record.kind == "adopted"
            || waits_for_itself(facts, end, holder, record)
    })
}

/// Whether the record is that of a pod which lives on after its node was rebooted, and has no other address
/// yet: what the API says of the pod still names the old one, which keeps it. In a range that is full the pod
/// then waits for its own address.
fn waits_for_itself(facts: &Facts<'_>, end: &End, holder: &str, record: &Record<'_>) -> bool {
    let parts: Vec<_> = holder.split('/').collect();
    let [cluster, node, network, _, interface] = parts[..] else {
        return false;
    };
    let pod = facts.truth.pod(record.pod.uid);
    let lives = pod.is_some_and(|life| life.deleted.is_none());
    let mut states = facts.truth.node_between(cluster, node, u64::MAX, u64::MAX);
    let rebooted = states.any(|(_, _, node)| node.boot != record.boot);
    let of_the_pod = |up: &&Attachment| {
        let [_, _, its_network, _, its_interface] = up.parts();
        (its_network, its_interface) == (network, interface)
            && last_record(facts, &up.parts().join("/"))
                .is_some_and(|other| other.pod.uid == record.pod.uid)
    };
    lives && rebooted && !end.up.iter().any(|up| of_the_pod(&up))
}

fn last_record<'f, 'a>(facts: &'f Facts<'a>, holder: &str) -> Option<&'f Record<'a>> {
    let who = facts.names.known(holder)?;
    Some(facts.last_record(facts.lives_of(who).next_back()?))
}

fn was_given_up(facts: &Facts<'_>, who: Who) -> bool {
    let mut ups = facts.ups_of.of(who).iter();
    ups.any(|up| facts.ups[*up].given_up.is_some())
}
