//! A list that forgets.

use std::collections::VecDeque;

use serde::Serialize;

/// How many are listed.
const LISTED: usize = 50;

/// How many there were, and the newest of them: at most 50.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newest<T> {
    total: u64,
    /// Oldest first.
    newest: VecDeque<T>,
}

impl<T> Newest<T> {
    /// Counts one more and lists it, in the place of the oldest where there is no room.
    pub fn push(&mut self, one: T) {
        self.append(Self {
            total: 1,
            newest: VecDeque::from([one]),
        });
    }

    /// Adds those that came after all of its own.
    pub fn append(&mut self, mut later: Self) {
        self.total = self.total.saturating_add(later.total);
        self.newest.append(&mut later.newest);
        let surplus = self.newest.len().saturating_sub(LISTED);
        self.newest.drain(..surplus);
    }

    /// How many there were.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The newest of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.newest.iter()
    }
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self {
            total: 0,
            newest: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_newest_are_listed() {
        let mut newest = Newest::default();
        (0..70).for_each(|one| newest.push(one));
        let mut later = Newest::default();
        (70..140).for_each(|one| later.push(one));
        later.append(Newest::default());
        newest.append(later);
        assert_eq!(newest.total(), 140);
        assert_eq!(
            newest.iter().copied().collect::<Vec<_>>(),
            (90..140).collect::<Vec<_>>()
        );
    }
}
