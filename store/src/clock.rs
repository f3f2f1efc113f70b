//! Time and chance, behind a trait, so that the same code can run in virtual time, and from one seed
//! does the same again.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What the store needs of time and chance.
pub trait Clock: Sync {
    /// How long it has been since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// The time on the wall, for people, and for rests and reservations that are long over.
    fn wall(&self) -> SystemTime;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;

    /// Chance: other numbers at every call.
    fn rng(&self) -> StdRng;

    /// 128 random bits in hexadecimal.
    fn random_id(&self) -> String {
        format!("{:032x}", self.rng().random::<u128>())
    }
}

/// The machine's own clocks and chance.
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

    fn rng(&self) -> StdRng {
        StdRng::from_rng(&mut rand::rng())
    }
}

/// 128 random bits in hexadecimal, by the machine's own chance.
pub fn random_id() -> String {
    SystemClock::start().random_id()
}
