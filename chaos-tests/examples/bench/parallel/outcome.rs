//! What came of some rounds of many calls at once.

use std::time::{Duration, Instant};

use anyhow::Result;
use chaos_tests::lab::at_once;

use crate::plugin::{Plugin, Timed};
use crate::stats::Times;
use crate::taken::{Taken, given};

/// What came of them.
pub(super) struct Outcome {
    /// Whose calls they were.
    pub(super) name: String,
    /// Whether what went wrong is ours.
    pub(super) is_ours: bool,
    /// From the first start to the last end, round by round.
    pub(super) add: Times,
    /// The same.
    pub(super) del: Times,
    /// Each call by itself.
    pub(super) one_add: Times,
    /// Calls that failed.
    pub(super) failures: usize,
    /// Addresses that were given out although they were taken.
    pub(super) duplicates: usize,
}

impl Outcome {
    /// Nothing yet.
    pub(super) fn new(name: &str, is_ours: bool) -> Self {
        Self {
            name: name.to_owned(),
            is_ours,
            add: Times::default(),
            del: Times::default(),
            one_add: Times::default(),
            failures: 0,
            duplicates: 0,
        }
    }

    /// So many ADDs at once, then as many DELs.
    pub(super) fn round(
        &mut self,
        plugin: &Plugin,
        callers: u32,
        first_pod: u64,
        taken: &Taken,
    ) -> Result<()> {
        let (time, calls) = all_at_once(plugin, "ADD", callers, first_pod)?;
        self.add.push(time);
        let mut held = taken.addresses().clone();
        for call in self.successes(calls) {
            self.one_add.push(call.time);
            self.duplicates += usize::from(!held.insert(given(&call.stdout)?));
        }
        let (time, calls) = all_at_once(plugin, "DEL", callers, first_pod)?;
        self.del.push(time);
        self.successes(calls);
        Ok(())
    }

    fn successes(&mut self, calls: Vec<Result<Timed>>) -> Vec<Timed> {
        let mut successes = Vec::new();
        for call in calls {
            match call {
                Ok(call) => successes.push(call),
                Err(error) => {
                    eprintln!("{}: {error:#}", self.name);
                    self.failures += 1;
                }
            }
        }
        successes
    }
}

fn all_at_once(
    plugin: &Plugin,
    verb: &str,
    callers: u32,
    first_pod: u64,
) -> Result<(Duration, Vec<Result<Timed>>)> {
    let start = Instant::now();
    let calls = at_once(usize::try_from(callers)?, |caller| {
        let pod = first_pod + u64::try_from(caller)?;
        Ok(plugin.timed(verb, pod))
    })?;
    Ok((start.elapsed(), calls))
}
