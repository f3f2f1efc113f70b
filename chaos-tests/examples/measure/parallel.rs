//! Many processes at once, on a range that just suffices.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::answer::addresses;
use chaos_tests::etcd::Options;
use chaos_tests::lab::at_once;
use serde_json::json;

use crate::processes::born;
use crate::runner::{Runner, Spool};
use crate::stats::Times;
use crate::table::Table;

/// As many processes, and as many addresses.
const COUNT: usize = 128;
/// How often it is done with each plugin.
const ROUNDS: usize = 5;

/// What came of some rounds.
#[derive(Default)]
struct Outcome {
    times: Times,
    failures: usize,
    duplicates: usize,
}

/// Measures all plugins in turns, each round in an address space of its own.
pub(crate) fn measure() -> Result<()> {
    let etcd = born(Options::default())?;
    let range =
        json!({"subnet": "10.60.0.0/16", "rangeStart": "10.60.0.2", "rangeEnd": "10.60.0.129"});
    let mut outcomes = ["host-local", "etcd-ipam, lowest", "etcd-ipam, spread"]
        .map(|name| (name, Outcome::default()));
    for round in 0..ROUNDS {
        for (name, outcome) in &mut outcomes {
            let space = format!("{name} {round}");
            let runner = match name.split_once(", ") {
                Some((_, order)) => {
                    Runner::ours(name, &etcd, order, Spool::Disk, (&space, &range))?
                }
                None => Runner::host_local(&range)?,
            };
            outcome.add(&runner)?;
        }
    }
    let mut table = Table::new(["plugin", "median s", "slowest s", "failures", "duplicates"]);
    for (name, outcome) in &outcomes {
        table.row(&[
            (*name).to_owned(),
            seconds(outcome.times.median()),
            seconds(outcome.times.percentile(100)),
            outcome.failures.to_string(),
            outcome.duplicates.to_string(),
        ]);
    }
    table.print(
        &format!("{COUNT} ADDs at once for {COUNT} addresses"),
        &format!("From the first start to the last end, {ROUNDS} rounds, in turns."),
    );
    Ok(())
}

impl Outcome {
    fn add(&mut self, runner: &Runner) -> Result<()> {
        let start = Instant::now();
        let calls = at_once(COUNT, |pod| Ok(runner.timed("ADD", pod.try_into()?)))?;
        self.times.push(start.elapsed());
        let mut given = BTreeSet::new();
        for call in calls {
            match call {
                Ok(call) => {
                    let found = addresses(&serde_json::from_str(&call.stdout)?)?;
                    ensure!(found.len() == 1, "one address expected, not {found:?}");
                    self.duplicates += usize::from(!given.insert(found));
                }
                Err(error) => {
                    eprintln!("{error:#}");
                    self.failures += 1;
                }
            }
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}
