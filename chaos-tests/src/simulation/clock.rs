//! Time and chance of a simulated machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::clock::Clock;
use tokio::time::Instant;

/// What the wall clocks of all machines show when a run begins (Unix time, 2026-01-01).
pub(super) const EPOCH: Duration = Duration::from_hours(490_896);

/// The wall clock of one machine. A clone is the same clock.
#[derive(Clone, Debug, Default)]
pub struct Wall(Arc<AtomicI64>);

impl Wall {
    /// By how many milliseconds it is wrong.
    pub fn error(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets it go wrong by so many milliseconds, from now on.
    pub fn set_error(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::Relaxed);
    }
}

/// The clock of one process: tokio's time, which a simulation pauses, the wall clock of its machine, and
/// chance of its own.
#[derive(Clone, Debug)]
pub struct SimClock {
    start: Instant,
    began: Instant,
    wall: Wall,
    rng: Arc<Mutex<StdRng>>,
}

impl SimClock {
    /// The clock of a process that starts now on a machine, in a run that began at `began`.
    pub fn start(began: Instant, wall: &Wall, rng: StdRng) -> Self {
        Self {
            start: Instant::now(),
            began,
            wall: wall.clone(),
            rng: Arc::new(Mutex::new(rng)),
        }
    }
}

impl Clock for SimClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> SystemTime {
        let right = SystemTime::UNIX_EPOCH + EPOCH + self.began.elapsed();
        let error = self.wall.error();
        let by = Duration::from_millis(error.unsigned_abs());
        if error < 0 { right - by } else { right + by }
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn rng(&self) -> StdRng {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        StdRng::from_rng(&mut *rng)
    }

    fn random_id(&self) -> String {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:032x}", rng.random::<u128>())
    }
}
