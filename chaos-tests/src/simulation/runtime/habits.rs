//! What a runtime does wrong, and what happens to its processes.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::simulation::node::{Blow, Fate};

/// No call of the plugin takes more steps than this, unless etcd fails it.
const STEPS: u32 = 24;

/// How often things go wrong: chances from 0 to 1, of each call unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Habits {
    /// A sandbox is torn down without any DEL.
    pub lost_del: f64,
    /// A DEL that succeeded is sent again.
    pub repeated_del: f64,
    /// A DEL's configuration has nothing but names in it.
    pub stripped_del: f64,
    /// A failed DEL is never repeated (CRI-O).
    pub careless: f64,
    /// The runtime dies while an ADD is under way: nobody reads its answer, and it goes on as an orphan,
    /// while the next runtime tears the sandbox down.
    pub gives_up: f64,
    /// Two ADDs for one interface are under way at once.
    pub doubled: f64,
    /// The container has its old id after a reboot.
    pub same_container: f64,
    /// After a reboot the container comes back late, up to a minute after the kubelet.
    pub slow_start: f64,
    /// The process is killed before one of its steps.
    pub killed: f64,
    /// The process is stopped for 0.5 to 40 s before one of its steps.
    pub paused: f64,
    /// Whoever reads the process' answer goes away before one of its steps.
    pub unread: f64,
}

impl Habits {
    /// Nothing goes wrong.
    pub const fn good() -> Self {
        Self {
            lost_del: 0.0,
            repeated_del: 0.0,
            stripped_del: 0.0,
            careless: 0.0,
            gives_up: 0.0,
            doubled: 0.0,
            same_container: 0.0,
            slow_start: 0.0,
            killed: 0.0,
            paused: 0.0,
            unread: 0.0,
        }
    }

    /// Everything goes wrong now and then.
    pub const fn bad() -> Self {
        Self {
            lost_del: 0.2,
            repeated_del: 0.1,
            stripped_del: 0.1,
            careless: 0.3,
            gives_up: 0.05,
            doubled: 0.03,
            same_container: 0.3,
            slow_start: 0.3,
            killed: 0.04,
            paused: 0.04,
            unread: 0.02,
        }
    }

    /// Nothing of some of it and more of the rest: what is rare together with all else is common then.
    #[must_use]
    pub fn some(self, rng: &mut StdRng) -> Self {
        let mut some = |chance: f64| chance * [0.0, 0.0, 1.0, 1.0, 3.0][rng.random_range(0..5)];
        Self {
            lost_del: some(self.lost_del),
            repeated_del: some(self.repeated_del),
            stripped_del: some(self.stripped_del),
            careless: some(self.careless),
            gives_up: some(self.gives_up),
            doubled: some(self.doubled),
            same_container: some(self.same_container),
            slow_start: some(self.slow_start),
            killed: some(self.killed),
            paused: some(self.paused),
            unread: some(self.unread),
        }
    }

    pub(super) fn fate(&self, rng: &mut StdRng) -> Fate {
        let chance: f64 = rng.random();
        let blow = if chance < self.killed {
            Blow::Kill
        } else if chance < self.killed + self.paused {
            Blow::Pause(Duration::from_millis(rng.random_range(500..40_000)))
        } else if chance < self.killed + self.paused + self.unread {
            Blow::HangUp
        } else {
            return Fate::Spared;
        };
        Fate::Struck(rng.random_range(1..=STEPS), blow)
    }
}
