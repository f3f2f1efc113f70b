//! etcd's event log, read once.

use std::ops::Range;

use super::Moment;
use super::names::{Names, Place, Who};
use super::values::{Holder, Record, identity, sealed_term, sweep_judged};
use crate::history::{Change, Commit};

/// A transaction that changed something.
#[derive(Debug)]
pub struct Committed<'a> {
    /// When the harness saw it.
    pub moment: Moment,
    /// Its revision, on its line.
    pub revision: i64,
    /// Who sent it, where that is known.
    pub by: Option<&'a str>,
    /// What it changed: an index into [`Log::changes`].
    pub changes: Range<usize>,
}

/// What became of one key.
#[derive(Clone, Copy, Debug)]
pub enum Changed<'a> {
    /// An owner record was written: an index into [`Log::records`].
    Written(Who, usize),
    /// It was deleted.
    Deleted(Who),
    /// An address key was written.
    Held(Place, Holder),
    /// It was deleted.
    Freed(Place),
    /// A cluster's election key names this identity now, or is gone.
    Leader(&'a str, Option<&'a str>),
    /// The store is frozen, or open again.
    Freeze(bool),
    /// The store is sealed with this term, or has no birth certificate any more.
    Store(Option<u64>),
    /// A collector wrote down how a sweep ended; whether it judged everything.
    Swept(bool),
    /// Another key, which is none of the checkers' business.
    Other,
    /// What is not documented.
    Unreadable,
}

/// All that was committed.
#[derive(Debug, Default)]
pub struct Log<'a> {
    /// In the order in which it was seen.
    pub commits: Vec<Committed<'a>>,
    /// Of all of them.
    pub changes: Vec<Changed<'a>>,
    /// Every owner record that was written.
    pub records: Vec<Record<'a>>,
}

impl<'a> Log<'a> {
    /// Takes the next commit.
    pub fn push(
        &mut self,
        moment: Moment,
        commit: &'a Commit,
        root: &str,
        names: &mut Names<'a>,
    ) -> usize {
        let from = self.changes.len();
        for change in &commit.changes {
            let changed = self.read(change, root, names);
            self.changes.push(changed);
        }
        self.commits.push(Committed {
            moment,
            revision: commit.revision,
            by: commit.by.as_deref(),
            changes: from..self.changes.len(),
        });
        self.commits.len() - 1
    }

    /// What a commit changed.
    pub fn changes_of(&self, commit: &Committed<'_>) -> &[Changed<'a>] {
        &self.changes[commit.changes.clone()]
    }

    fn read(&mut self, change: &'a Change, root: &str, names: &mut Names<'a>) -> Changed<'a> {
        let Some(key) = change.key.strip_prefix(root) else {
            return Changed::Other;
        };
        let Some((kind, rest)) = key.split_once('/') else {
            return Changed::Unreadable;
        };
        let value = change.value.as_deref();
        match (kind, value) {
            ("addr", value) => match (names.address_key(rest), value) {
                (Some(place), Some(value)) => match Holder::read(value, names) {
                    Holder::Unreadable => Changed::Unreadable,
                    holder => Changed::Held(place, holder),
                },
                (Some(place), None) => Changed::Freed(place),
                (None, _) => Changed::Unreadable,
            },
            ("owner", value) => match (names.holder(rest), value) {
                (Some(who), Some(value)) => match Record::read(value, names) {
                    Some(record) => {
                        self.records.push(record);
                        Changed::Written(who, self.records.len() - 1)
                    }
                    None => Changed::Unreadable,
                },
                (Some(who), None) => Changed::Deleted(who),
                (None, _) => Changed::Unreadable,
            },
            ("gc", value) => match (rest.split_once('/'), value) {
                (Some((cluster, "leader")), Some(value)) => match identity(value) {
                    Some(identity) => Changed::Leader(cluster, Some(identity)),
                    None => Changed::Unreadable,
                },
                (Some((cluster, "leader")), None) => Changed::Leader(cluster, None),
                (Some((_, "last")), Some(value)) => Changed::Swept(sweep_judged(value)),
                (Some((_, "last" | "request" | "history" | "identity")), _) => Changed::Other,
                _ => Changed::Unreadable,
            },
            ("meta", value) => match (rest, value) {
                ("freeze", value) => Changed::Freeze(value.is_some()),
                ("store", Some(value)) => match sealed_term(value) {
                    Some(term) => Changed::Store(Some(term)),
                    None => Changed::Unreadable,
                },
                ("store", None) => Changed::Store(None),
                (rest, _) if rest.starts_with("recover/") => Changed::Other,
                _ => Changed::Unreadable,
            },
            ("range" | "node", _) => Changed::Other,
            _ => Changed::Unreadable,
        }
    }
}
