//! Time, behind a trait, so that the same code can run in virtual time.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

/// What the store needs of time.
pub trait Clock: Sync {
    /// How long it has been since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// The time on the wall, for people, and for rests and reservations that are long over.
    fn wall(&self) -> SystemTime;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
