//! Tries again, with growing random pauses, until a deadline.

use std::time::Duration;

use rand::RngExt as _;

use crate::clock::Clock;
use crate::etcd::EtcdError;

/// The first pause is up to this long, and each next one up to twice as long …
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// … but none longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A moment of the clock's monotonic time after which nothing is begun any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// The moment that comes `budget` after now.
    pub fn after(clock: &impl Clock, budget: Duration) -> Self {
        Self(clock.monotonic().saturating_add(budget))
    }

    /// How long it is until then.
    pub fn remaining(self, clock: &impl Clock) -> Duration {
        self.0.saturating_sub(clock.monotonic())
    }
}

/// Pauses between tries: full jitter, so that many who failed together do not return together.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self {
            next: SHORTEST_PAUSE,
        }
    }

    /// Pauses; `false` when the deadline leaves no time for another try.
    pub(crate) async fn pause(&mut self, clock: &impl Clock, deadline: Deadline) -> bool {
        let pause = clock.rng().random_range(Duration::ZERO..=self.next);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        if deadline.remaining(clock) <= pause {
            return false;
        }
        clock.sleep(pause).await;
        true
    }
}

/// Calls until a call succeeds, fails for good, or the deadline has passed; then the last error.
///
/// # Errors
/// The last call's; but once a call's outcome was unknown, so is that of the whole.
pub(crate) async fn persist<T>(
    clock: &impl Clock,
    deadline: Deadline,
    mut call: impl AsyncFnMut() -> Result<T, EtcdError>,
) -> Result<T, EtcdError> {
    let mut backoff = Backoff::new();
    let mut unknown = false;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        unknown |= error.is_unknown();
        tracing::debug!(%error, "a call to etcd failed");
        if error.is_transient() && backoff.pause(clock, deadline).await {
            continue;
        }
        return Err(if unknown { error.into_unknown() } else { error });
    }
}
