//! What was seen before: suspicions must stand before they count.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use store::address::Address;
use store::names::Space;

use super::Policy;
use super::finding::{Conflict, Evidence, KeepReason};
use super::sightings::{Sighting, Sightings};
use crate::pods::{LeaseState, Living};

mod suspicion;

/// How long a range must be seen without an allocation before it is taken off the list.
const RANGE_UNUSED: Duration = Duration::from_hours(7 * 24);

/// In how many sweeps an address must be seen missing before it is adopted.
const ADOPTION_SWEEPS: u32 = 2;

/// The memory of one leadership: a new leader starts with an empty one.
#[derive(Debug, Default)]
pub struct Marks {
    sweeps: u64,
    suspicions: Sightings,
    nodes: Sightings,
    rests: Sightings,
    ranges: Sightings,
    missing: Sightings,
}

/// What one sweep knows, and when it looks.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The nodes and pods.
    pub living: &'a Living,
    /// Now, on the monotonic clock.
    pub now: Duration,
    /// When the pods were read, where they come from a file and not from the API.
    pub as_of: Option<SystemTime>,
    /// The kubelet leases of nodes that went, by the nodes' names. One that is missing is unknown.
    pub leases: &'a HashMap<String, LeaseState>,
    /// When the watch saw pods go, by uid, on the monotonic clock.
    pub deleted: &'a HashMap<String, Duration>,
}

/// What becomes of a record in this sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept.
    Keep(KeepReason),
    /// Its pod lives.
    Alive,
    /// Another pod names one of its addresses: kept and reported.
    Conflict(Conflict),
    /// It is suspected, but not for long enough.
    Waiting {
        /// What is suspected.
        evidence: Evidence,
        /// How much longer it must stand; zero where only another sweep is wanting.
        remaining: Duration,
    },
    /// It is proven dead: to be released if this sweep completes and the breaker lets it pass.
    Confirmed(Evidence),
}

/// One sweep through everything. Dropped without [`Sweep::finish`] it is void.
#[derive(Debug)]
pub struct Sweep<'a> {
    marks: &'a mut Marks,
    reading: Reading<'a>,
    policy: &'a Policy,
    finished: bool,
}

impl Marks {
    /// Begins a sweep. Nothing of it counts, and nothing is forgotten, until [`Sweep::finish`].
    pub fn sweep<'a>(&'a mut self, reading: Reading<'a>, policy: &'a Policy) -> Sweep<'a> {
        self.sweeps = self.sweeps.saturating_add(1);
        let mut sweep = Sweep {
            marks: self,
            reading,
            policy,
            finished: false,
        };
        sweep.see_nodes();
        sweep
    }

    fn all(&mut self) -> [&mut Sightings; 5] {
        [
            &mut self.suspicions,
            &mut self.nodes,
            &mut self.rests,
            &mut self.ranges,
            &mut self.missing,
        ]
    }
}

impl Sweep<'_> {
    /// Ends the sweep: what it did not see is forgotten.
    pub fn finish(mut self) {
        let sweep = self.marks.sweeps;
        for sightings in self.marks.all() {
            sightings.finish(sweep);
        }
        self.finished = true;
    }

    /// Sees an address that rests; `true` once it has rested for all of `cooldown`, so that it may
    /// be removed. `key` and `mod_revision` are those of its address key.
    pub fn rested(&mut self, key: &str, mod_revision: i64, cooldown: Duration) -> bool {
        let (sweep, now) = self.moment();
        let seen = self.marks.rests.see(&(key, mod_revision), sweep, now);
        self.lasted(seen) >= cooldown
    }

    /// Sees a registered range without any allocation; `true` once it has had none, and nobody has
    /// registered it again, for 7 days. `key` and `mod_revision` are those of its range key.
    pub fn unused(&mut self, key: &str, mod_revision: i64) -> bool {
        let (sweep, now) = self.moment();
        let seen = self.marks.ranges.see(&(key, mod_revision), sweep, now);
        self.lasted(seen) >= RANGE_UNUSED
    }

    /// Sees a live address that the store lacks; `true` once the same pod was seen with it in two
    /// sweeps, so that it may be adopted.
    pub fn missing(&mut self, space: &Space, address: Address, pod_uid: &str) -> bool {
        let (sweep, now) = self.moment();
        let missing = (space, address, pod_uid);
        let seen = self.marks.missing.see(&missing, sweep, now);
        seen.sweeps >= ADOPTION_SWEEPS
    }

    fn moment(&self) -> (u64, Duration) {
        (self.marks.sweeps, self.reading.now)
    }

    fn lasted(&self, seen: Sighting) -> Duration {
        self.reading.now.saturating_sub(seen.first)
    }
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let sweep = self.marks.sweeps;
            for sightings in self.marks.all() {
                sightings.abandon(sweep);
            }
        }
    }
}
