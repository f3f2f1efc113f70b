//! Whether this process leads, and for how long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus::Result;

use super::family::{Counters, Families, Gauges};

pub(super) struct Leadership {
    since: Mutex<Option<Instant>>,
    leader: Gauges<0>,
    transitions: Counters<0>,
    age: Gauges<0>,
}

impl Leadership {
    pub(super) fn new(families: &Families) -> Result<Self> {
        Ok(Self {
            since: Mutex::new(None),
            leader: families.gauge("leader", "1 while this process leads, else 0.")?,
            transitions: families.counter(
                "leader_transitions_total",
                "Times that this process began to lead or ceased to.",
            )?,
            age: families.gauge(
                "election_age_seconds",
                "How long this process has led; 0 while it does not.",
            )?,
        })
    }

    pub(super) fn leads(&self) {
        self.turn(Some(Instant::now()));
    }

    pub(super) fn follows(&self) {
        self.turn(None);
    }

    /// Brings the age up to date.
    pub(super) fn measure_age(&self) {
        let age = self
            .since()
            .map(|since| since.elapsed().as_secs_f64())
            .unwrap_or_default();
        self.age.set([], age);
    }

    /// Who already leads or follows goes on as before.
    fn turn(&self, to: Option<Instant>) {
        let mut since = self.since();
        if since.is_some() == to.is_some() {
            return;
        }
        *since = to;
        self.transitions.add([], 1);
        self.leader.set([], f64::from(u8::from(to.is_some())));
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
