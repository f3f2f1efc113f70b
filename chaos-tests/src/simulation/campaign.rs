//! Many seeds, on as many threads as there are cores.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::run::{Outcome, run};
use crate::checks::{Finish, Verdict};
use crate::mutants::Mutant;

/// Which seeds are run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first.
    pub first: u64,
    /// No more than so many.
    pub most: u64,
    /// For no longer than this.
    pub time: Duration,
    /// The bug that is planted in all of them.
    pub mutant: Option<Mutant>,
    /// Whether it ends with the first violation.
    pub until_failure: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them proved nothing.
    pub void: u64,
    /// The time that passed in them.
    pub virtual_time: Duration,
    /// How many requests reached the model of etcd.
    pub requests: u64,
    /// How many calls of the plugin were acknowledged.
    pub acknowledged: u64,
    /// How many faults were injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// The verdicts that failed, by seed.
    pub failed: BTreeMap<u64, Verdict>,
}

impl AddAssign<(u64, Outcome, Verdict)> for Summary {
    fn add_assign(&mut self, (seed, outcome, verdict): (u64, Outcome, Verdict)) {
        self.seeds += 1;
        self.virtual_time += outcome.virtual_time;
        self.requests += outcome.requests;
        self.acknowledged += verdict.acknowledged();
        for kind in outcome.faults {
            *self.faults.entry(kind).or_default() += 1;
        }
        match verdict.finish {
            Finish::Passed => {}
            Finish::Void => self.void += 1,
            Finish::Failed => {
                self.failed.insert(seed, verdict);
            }
        }
    }
}

impl Campaign {
    /// Runs the seeds.
    pub fn run(self) -> Summary {
        let end = Instant::now() + self.time;
        let next = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        let summary = Mutex::new(Summary::default());
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            while !over.load(Ordering::Relaxed) && Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.most {
                    return;
                }
                let seed = self.first + number;
                let outcome = run(seed, self.mutant);
                let verdict = crate::checks::check(&outcome.history);
                if self.until_failure && verdict.finish == Finish::Failed {
                    over.store(true, Ordering::Relaxed);
                }
                let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                *summary += (seed, outcome, verdict);
            }
        };
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(work);
            }
        });
        summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
