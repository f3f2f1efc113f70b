//! The history of a run while it happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::history::{Call, History, What};

/// Writes the history of one run. A clone writes the same one.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    calls: AtomicU64,
    history: Mutex<History>,
}

impl Recorder {
    /// An empty history that begins now. Must be made inside the runtime.
    pub fn begin() -> Self {
        Self {
            shared: Arc::new(Shared {
                began: Instant::now(),
                calls: AtomicU64::new(0),
                history: Mutex::default(),
            }),
        }
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.shared.began
    }

    /// Writes down that this happens now.
    pub fn push(&self, what: What) {
        let at = u64::try_from(self.shared.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.with(|history| history.push(at, what));
    }

    /// The number of the next call of the plugin.
    pub fn next_call(&self) -> Call {
        self.shared.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes what was written so far.
    pub fn take(&self) -> History {
        self.with(std::mem::take)
    }

    fn with<T>(&self, with: impl FnOnce(&mut History) -> T) -> T {
        let history = self.shared.history.lock();
        with(&mut history.unwrap_or_else(PoisonError::into_inner))
    }
}
