//! How many of each kind.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many there are of each kind. A kind of which there is none is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Counts one more of this kind.
    pub fn add(&mut self, kind: &'static str) {
        let count = self.0.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// How many of this kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// How many of all kinds.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The kinds by name, and how many of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_counted_for_itself() {
        let mut tally = Tally::default();
        for kind in ["b", "a", "b"] {
            tally.add(kind);
        }
        assert_eq!(tally.iter().collect::<Vec<_>>(), [("a", 1), ("b", 2)]);
        assert_eq!((tally.of("b"), tally.of("c"), tally.total()), (2, 0, 3));
    }
}
