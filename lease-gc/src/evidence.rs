//! The rules of evidence: what proves that a holder is dead, and how long the proof must stand.
//!
//! Pure: no input or output and no clock. Times are `Duration`s of one monotonic clock.
//!
//! * [`judge`] looks once: for each record whether its pod lives, and if not, what says so.
//! * [`Marks`] remember what was seen before: a suspicion is confirmed only if it stands for long
//!   enough and through enough sweeps.
//! * [`Breaker`] stops releases where suspiciously many are confirmed at once.
//! * [`adoption`] finds the opposite: addresses that live pods name and no record holds.
//!
//! When in doubt a record is kept, and a [`KeepReason`] says which doubt.

pub mod adoption;
mod breaker;
mod claimants;
mod finding;
mod judge;
mod label;
mod marks;
mod sightings;
#[cfg(test)]
mod tests;
mod witness;

pub(crate) use label::labels;

use std::time::Duration;

pub use breaker::{Breaker, BreakerKind, Tripped};
pub use claimants::{claimants, rival};
pub use finding::{Conflict, Evidence, Finding, KeepReason};
pub use judge::judge;
pub use marks::{Marks, Reading, Sweep, Verdict};
pub use witness::Witness;

/// How patient the collector is, and how much it dares at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How long the absence of a pod, or a newer record of it, must stand.
    pub grace: Duration,
    /// How long a node must be gone and its kubelet silent.
    pub node_gone_grace: Duration,
    /// How many records the breaker always lets pass in one sweep.
    pub breaker_min: u64,
    /// Which share of the records, or of the nodes, the breaker lets pass in one sweep.
    pub breaker_ratio: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            grace: Duration::from_mins(15),
            node_gone_grace: Duration::from_hours(1),
            breaker_min: 10,
            breaker_ratio: 0.05,
        }
    }
}
