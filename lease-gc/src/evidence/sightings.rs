//! How long and how often something was seen without a break.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// What was seen in the last completed sweep and in the running one.
#[derive(Debug)]
pub(super) struct Sightings<K>(HashMap<K, Sighting>);

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

impl<K> Default for Sightings<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Sightings<K> {
    /// Sees a thing in a sweep (numbered from 1) that looks at `now`.
    pub(super) fn see(&mut self, thing: K, sweep: u64, now: Duration) -> Sighting {
        let new = Sighting {
            first: now,
            sweeps: 0,
            last: 0,
        };
        let sighting = self.0.entry(thing).or_insert(new);
        if sighting.last != sweep {
            sighting.last = sweep;
            sighting.sweeps = sighting.sweeps.saturating_add(1);
        }
        *sighting
    }

    /// Since when a thing was seen.
    pub(super) fn first(&self, thing: &K) -> Option<Duration> {
        self.0.get(thing).map(|sighting| sighting.first)
    }

    /// Forgets what a completed sweep did not see.
    pub(super) fn finish(&mut self, sweep: u64) {
        self.0.retain(|_, sighting| sighting.last == sweep);
    }

    /// Takes back what a sweep saw, and forgets nothing else.
    pub(super) fn abandon(&mut self, sweep: u64) {
        self.0.retain(|_, sighting| {
            if sighting.last == sweep {
                sighting.sweeps = sighting.sweeps.saturating_sub(1);
            }
            sighting.sweeps > 0
        });
    }
}
