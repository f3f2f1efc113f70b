//! Not too many releases at once.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Lets a fixed number pass in every second.
#[derive(Debug)]
pub(super) struct Pace(Interval);

impl Pace {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let every = Duration::from_secs(1) / per_second.get();
        let mut interval =
            tokio::time::interval_at(Instant::now(), every.max(Duration::from_nanos(1)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(interval)
    }

    /// Waits until the next may pass.
    pub(super) async fn next(&mut self) {
        self.0.tick().await;
    }
}
