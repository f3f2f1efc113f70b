//! Whether the process can do its work.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer holds: however often it is asked, etcd is not asked more often.
const HOLDS: Duration = Duration::from_secs(3);

/// How long is waited for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

type Answer = Result<(), String>;

/// Whether the process can do its work, asked at most every three seconds.
pub struct Readiness {
    check: Box<dyn Fn() -> BoxFuture<'static, Answer> + Send + Sync>,
    holds: Duration,
    patience: Duration,
    last: Mutex<Option<(Instant, Answer)>>,
}

impl Readiness {
    /// What `check` says: nothing, or why not. A check without an answer within three seconds is a
    /// no.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self {
            check: Box::new(move || check().boxed()),
            holds: HOLDS,
            patience: PATIENCE,
            last: Mutex::new(None),
        }
    }

    /// The answer; who asks while it is sought waits for the same one.
    pub(super) async fn ask(&self) -> Answer {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < self.holds
        {
            return answer.clone();
        }
        let answer = timeout(self.patience, (self.check)()).await;
        let answer =
            answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.patience)));
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Says how often it was asked.
    fn counting() -> Readiness {
        let asked = Arc::new(AtomicU32::new(0));
        Readiness::new(move || {
            let times = asked.fetch_add(1, Ordering::Relaxed);
            async move { Err(times.to_string()) }
        })
    }

    #[tokio::test]
    async fn an_answer_holds_for_a_while() {
        let mut readiness = counting();
        readiness.holds = Duration::from_hours(1);
        let (one, other) = tokio::join!(readiness.ask(), readiness.ask());
        assert_eq!((one, other), (Err("0".into()), Err("0".into())));
        readiness.holds = Duration::ZERO;
        assert_eq!(readiness.ask().await, Err("1".into()));
    }

    #[tokio::test]
    async fn no_answer_is_a_no() {
        let mut readiness = Readiness::new(std::future::pending);
        readiness.patience = Duration::from_millis(1);
        let answer = readiness.ask().await;
        assert!(answer.unwrap_err().contains("no answer"));
    }
}
