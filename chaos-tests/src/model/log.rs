//! What was committed, and what a watch tells of it.

use std::sync::Arc;

use store::coordination;
use store::key::KeyRange;

use super::read::is_within;
use super::{Kept, Model, Version};

/// What one revision changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The revision.
    pub revision: i64,
    /// The changes, in the order of the request.
    pub changes: Vec<Change>,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Arc<str>,
    /// What it was.
    pub before: Option<Kept>,
    /// What it is.
    pub after: Option<Kept>,
}

impl Model {
    /// Counts what was changed as one revision, if anything was.
    pub(super) fn commit(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.revision += 1;
        let revision = self.revision;
        self.log.push(Arc::new(Commit { revision, changes }));
    }

    /// What was committed from this revision on.
    pub fn since(&self, from: i64) -> &[Arc<Commit>] {
        let first = self.log.partition_point(|commit| commit.revision < from);
        self.log.get(first..).unwrap_or_default()
    }

    /// What a watch that begins at `from` is told of a stretch of keys.
    ///
    /// # Errors
    /// The last compacted revision, if that is after `from`.
    pub fn told(&self, stretch: &KeyRange, from: i64) -> Result<Vec<coordination::Change>, i64> {
        if from < self.compacted {
            return Err(self.compacted);
        }
        let mut told = Vec::new();
        for commit in self.since(from) {
            for change in &commit.changes {
                if is_within(&change.key, &stretch.start, Some(&stretch.end))
                    && self.is_kept(commit, change)
                {
                    told.push(self.tell(commit, change));
                }
            }
        }
        Ok(told)
    }

    /// Whether a compaction has left this change.
    fn is_kept(&self, commit: &Commit, change: &Change) -> bool {
        // A compaction keeps the last version of each key. Older servers do not count a deletion as one.
        let mut of_key = commit.changes.iter().rev();
        let last = of_key.find(|one| one.key == change.key);
        let is_counted = change.after.is_some() || self.version != Version::V3_4;
        commit.revision > self.compacted || is_counted && last == Some(change)
    }

    fn tell(&self, commit: &Commit, change: &Change) -> coordination::Change {
        let created = change
            .after
            .as_ref()
            .is_some_and(|after| after.created == commit.revision);
        // What stood before the whole revision, where another change of it wrote the same key.
        let first = commit.changes.iter().find(|one| one.key == change.key);
        let before = first.and_then(|first| first.before.as_ref());
        let is_known = !created && commit.revision > self.compacted;
        coordination::Change {
            key: change.key.to_string(),
            revision: commit.revision,
            value: change.after.as_ref().map(|after| after.value.to_vec()),
            before: before
                .filter(|_| is_known)
                .map(|before| before.value.to_vec()),
            created,
        }
    }
}
