//! Many seeds, on as many threads as there are cores.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::run::{Simulated, run};
use crate::checks::{self, Finish, Verdict};
use crate::history::{self, What};
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

impl AddAssign<(u64, Simulated, Verdict)> for Summary {
    fn add_assign(&mut self, (seed, simulated, verdict): (u64, Simulated, Verdict)) {
        self.seeds += 1;
        self.virtual_time += simulated.virtual_time;
        self.requests += simulated.requests;
        for event in &simulated.history.events {
            match &event.what {
                What::FaultBegins(fault) => {
                    *self.faults.entry(fault.kind.clone()).or_default() += 1;
                }
                What::Return(end) if matches!(end.outcome, history::Outcome::Ok { .. }) => {
                    self.acknowledged += 1;
                }
                _ => {}
            }
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
    ///
    /// # Errors
    /// If the simulation itself is broken.
    pub fn run(self) -> Result<Summary> {
        let end = Instant::now() + self.time;
        let next = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        let summary = Mutex::new(Summary::default());
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let work = || -> Result<()> {
            while !over.load(Ordering::Relaxed) && Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.most {
                    break;
                }
                let seed = self.first + number;
                let simulated = run(seed, self.mutant).with_context(|| format!("seed {seed}"))?;
                let verdict = checks::check(&simulated.history);
                if self.until_failure && verdict.finish == Finish::Failed {
                    over.store(true, Ordering::Relaxed);
                }
                let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                *summary += (seed, simulated, verdict);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a simulation panicked")))
            })
        })?;
        Ok(summary.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
