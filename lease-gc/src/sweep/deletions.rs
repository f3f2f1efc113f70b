//! Pods that the watch saw go, until the next sweep takes note of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many are remembered; the next sweep finds the others by itself, only later.
const MOST: usize = 100_000;

/// When pods were seen to go, by uid, on the monotonic clock.
#[derive(Debug, Default)]
pub struct Deletions(Mutex<HashMap<String, Duration>>);

impl Deletions {
    /// A pod went now.
    pub fn note(&self, uid: String, now: Duration) {
        let mut gone = self.map();
        if gone.len() < MOST {
            gone.entry(uid).or_insert(now);
        }
    }

    /// Those that went before `now`.
    pub(super) fn before(&self, now: Duration) -> HashMap<String, Duration> {
        let mut gone = self.map().clone();
        gone.retain(|_, when| *when <= now);
        gone
    }

    /// Forgets those that went before `now`: a sweep has taken note of them.
    pub(super) fn forget(&self, now: Duration) {
        self.map().retain(|_, when| *when > now);
    }

    /// Nobody panics while holding the lock, and the map is whole at any time.
    fn map(&self) -> MutexGuard<'_, HashMap<String, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
