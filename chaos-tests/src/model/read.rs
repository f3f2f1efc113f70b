//! Reads.

use std::collections::BTreeMap;
use std::ops::Bound;

use store::txn::{Entry, Get, GetReply, View};

use super::{Change, Kept, Model};

/// Whether a key lies in a stretch, as etcd spells stretches: no end, or an empty one, is one key, and the
/// end `\0` is none at all.
pub(super) fn is_within(key: &str, start: &str, end: Option<&str>) -> bool {
    match end {
        None | Some("") => key == start,
        Some("\0") => key >= start,
        Some(end) => key >= start && key < end,
    }
}

impl Model {
    /// Reads, `changes` of an open transaction included.
    pub(super) fn read(&self, get: &Get, changes: &[Change]) -> GetReply {
        let end = get.end.as_deref();
        if get.revision > 0 && (get.revision < self.revision || !changes.is_empty()) {
            let then = self.as_of(get, changes);
            return answer(get, then.iter().map(|(key, kept)| (*key, *kept)));
        }
        match end {
            None | Some("") => {
                let found = self.keys.get_key_value(get.key.as_str());
                answer(get, found.into_iter().map(|(key, kept)| (&**key, kept)))
            }
            Some(end) => answer(get, self.stretch(&get.key, end)),
        }
    }

    fn stretch<'a>(
        &'a self,
        start: &str,
        end: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Kept)> + Clone {
        let past = match end {
            "\0" => Bound::Unbounded,
            // Such a stretch is empty, but no range of the map.
            end if end < start => Bound::Excluded(start),
            end => Bound::Excluded(end),
        };
        let from = if past == Bound::Excluded(start) {
            Bound::Excluded(start)
        } else {
            Bound::Included(start)
        };
        let is_empty = past == Bound::Excluded(start);
        let past = if is_empty { Bound::Unbounded } else { past };
        self.keys
            .range::<str, _>((from, past))
            .take(if is_empty { 0 } else { usize::MAX })
            .map(|(key, kept)| (&**key, kept))
    }

    /// What a stretch held at an earlier revision: what it holds now, and every change since undone.
    fn as_of<'a>(&'a self, get: &'a Get, changes: &'a [Change]) -> BTreeMap<&'a str, &'a Kept> {
        let is_within = |key: &str| is_within(key, &get.key, get.end.as_deref());
        let mut then: BTreeMap<_, _> = self.keys().filter(|(key, _)| is_within(key)).collect();
        let since = self.since(get.revision + 1).iter();
        let since = since.flat_map(|commit| &commit.changes).chain(changes);
        for change in since.rev().filter(|change| is_within(&change.key)) {
            match &change.before {
                Some(before) => then.insert(&change.key, before),
                None => then.remove(&*change.key),
            };
        }
        then
    }
}

fn answer<'a>(get: &Get, found: impl Iterator<Item = (&'a str, &'a Kept)> + Clone) -> GetReply {
    let count = found.clone().count();
    let reply = |entries, more| GetReply {
        entries,
        more,
        count: i64::try_from(count).unwrap_or(i64::MAX),
    };
    let limit = usize::try_from(get.limit).ok().filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(usize::MAX);
    let entry = |(key, kept): (&str, &Kept)| Entry {
        key: key.to_owned(),
        value: match get.view {
            View::Keys => Vec::new(),
            _ => kept.value.to_vec(),
        },
        mod_revision: kept.modified,
    };
    match get.view {
        View::Count => reply(Vec::new(), false),
        View::Entries | View::Keys => reply(found.take(limit).map(entry).collect(), count > limit),
        View::GreatestValues => {
            let mut sorted: Vec<_> = found.collect();
            sorted.sort_by(|(_, one), (_, other)| other.value.cmp(&one.value));
            let entries = sorted.into_iter().take(limit).map(entry).collect();
            reply(entries, count > limit)
        }
    }
}
