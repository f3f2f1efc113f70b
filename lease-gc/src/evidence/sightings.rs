//! How long and how often something was seen without a break.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// What was seen in the last completed sweep and in the running one.
///
/// Things are remembered by a keyed hash of 128 bits: tens of thousands of them stay small, and
/// no two of them are ever taken for one another.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    seen: HashMap<u128, Sighting>,
    keys: [RandomState; 2],
}

/// Since when and how often a thing was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// When it was first seen.
    pub(super) first: Duration,
    /// In how many sweeps, this one included.
    pub(super) sweeps: u32,
    /// The last sweep that saw it.
    last: u64,
}

impl Sightings {
    /// Sees a thing in a sweep (numbered from 1); one that was not seen before counts as seen
    /// since `since`.
    pub(super) fn see(&mut self, thing: &impl Hash, sweep: u64, since: Duration) -> Sighting {
        let new = Sighting {
            first: since,
            sweeps: 0,
            last: 0,
        };
        let name = self.name(thing);
        let sighting = self.seen.entry(name).or_insert(new);
        if sighting.last != sweep {
            sighting.last = sweep;
            sighting.sweeps = sighting.sweeps.saturating_add(1);
        }
        *sighting
    }

    /// Since when a thing was seen.
    pub(super) fn first(&self, thing: &impl Hash) -> Option<Duration> {
        let sighting = self.seen.get(&self.name(thing))?;
        Some(sighting.first)
    }

    /// Forgets what a completed sweep did not see.
    pub(super) fn finish(&mut self, sweep: u64) {
        self.seen.retain(|_, sighting| sighting.last == sweep);
    }

    /// Takes back what a sweep saw, and forgets nothing else.
    pub(super) fn abandon(&mut self, sweep: u64) {
        self.seen.retain(|_, sighting| {
            if sighting.last == sweep {
                sighting.sweeps = sighting.sweeps.saturating_sub(1);
            }
            sighting.sweeps > 0
        });
    }

    fn name(&self, thing: &impl Hash) -> u128 {
        let [high, low] = &self.keys;
        u128::from(high.hash_one(thing)) << 64 | u128::from(low.hash_one(thing))
    }
}
