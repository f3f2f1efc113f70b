//! What this process knows of itself and of the last sweeps, for the page.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::report::{
    Conflict, Newest, OpenBreaker, RangeReport, Release, SweepReport, SweepResult,
};

/// How many sweeps are remembered.
const SWEEPS: usize = 20;

/// What is known now. Cheap to change and to read; never locked for longer than a copy takes.
#[derive(Debug)]
pub struct Status(Mutex<Snapshot>);

/// What was known at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Who this process is.
    pub identity: String,
    /// Which cluster's records it judges.
    pub cluster: String,
    /// The schedule, as it was written.
    pub schedule: String,
    /// Who leads.
    pub leader: Leader,
    /// When the next sweep is due; `None` while this process does not lead.
    pub next_sweep: Option<Timestamp>,
    /// The last sweeps of this process, newest first.
    pub sweeps: VecDeque<Sweep>,
    /// The newest releases of this process.
    pub releases: Newest<Release>,
    /// What the last sweep that judged found of the store.
    pub found: Found,
}

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leader {
    /// Nobody, or it is not known.
    #[default]
    Unknown,
    /// Another process, of this identity.
    Other(String),
    /// This process.
    Me {
        /// Since when, by the wall clock.
        since: Timestamp,
    },
}

/// What the last sweep that judged found of the store.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Why the store is frozen, where it is.
    pub frozen: Option<String>,
    /// Addresses that two claim.
    pub conflicts: Newest<Conflict>,
    /// Breakers that hold releases back.
    pub breakers: Vec<OpenBreaker>,
    /// How many keys cannot be read.
    pub damaged: u64,
    /// How full each range is.
    pub ranges: Vec<RangeReport>,
}

/// One sweep, in short.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub result: SweepResult,
    /// Why it is void, or what interrupted it.
    pub error: Option<String>,
    /// How many records this cluster had.
    pub records: u64,
    /// How many of them looked dead and had to wait.
    pub candidates: u64,
    /// How many were released; in a dry run: would have been.
    pub released: u64,
    /// How many addresses were adopted.
    pub adopted: u64,
}

impl Status {
    /// A process that has done nothing yet.
    pub fn new(identity: String, cluster: String, schedule: String) -> Self {
        Self(Mutex::new(Snapshot {
            identity,
            cluster,
            schedule,
            leader: Leader::Unknown,
            next_sweep: None,
            sweeps: VecDeque::new(),
            releases: Newest::default(),
            found: Found::default(),
        }))
    }

    /// This process leads, since then.
    pub fn leads(&self, since: Timestamp) {
        self.lock().leader = Leader::Me { since };
    }

    /// This process does not lead; another does, where that is known. What it knew of the store is
    /// then for the other to say.
    pub fn follows(&self, leader: Option<String>) {
        let mut status = self.lock();
        status.leader = leader.map_or(Leader::Unknown, Leader::Other);
        status.next_sweep = None;
        status.found = Found::default();
    }

    /// When the next sweep is due.
    pub fn next_sweep(&self, at: Option<Timestamp>) {
        self.lock().next_sweep = at;
    }

    /// A sweep ended. A void one changes nothing of what is known of the store.
    pub fn swept(&self, report: SweepReport) {
        let mut status = self.lock();
        status.sweeps.truncate(SWEEPS - 1);
        status.sweeps.push_front(Sweep {
            started: report.started,
            duration: report.duration,
            result: report.result,
            error: report.error,
            records: report.records,
            candidates: report.candidates.total(),
            released: report.released.total(),
            adopted: report.adopted,
        });
        if report.result != SweepResult::DryRun {
            status.releases.append(report.releases);
        }
        if report.result.has_judged() {
            status.found = Found {
                frozen: report.frozen,
                conflicts: report.conflicts,
                breakers: report.breakers,
                damaged: report.damaged.total(),
                ranges: report.ranges,
            };
        }
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status::new("gc-1".into(), "default".into(), "* * * * *".into())
    }

    fn report(second: i64, result: SweepResult) -> SweepReport {
        let mut report = SweepReport::new(Timestamp::from_second(second).unwrap());
        report.result = result;
        report
    }

    fn release() -> Release {
        Release {
            at: Timestamp::UNIX_EPOCH,
            addresses: Vec::new(),
            owner: "default/n/blue/c/net1".to_owned(),
            pod: None,
            evidence: "pod_gone",
        }
    }

    #[test]
    fn the_last_20_sweeps_are_kept_newest_first() {
        let status = status();
        for second in 0..25 {
            status.swept(report(second, SweepResult::Complete));
        }
        let seconds: Vec<_> = status
            .snapshot()
            .sweeps
            .iter()
            .map(|sweep| sweep.started.as_second())
            .collect();
        assert_eq!(seconds, (5..25).rev().collect::<Vec<_>>());
    }

    #[test]
    fn releases_add_up_over_sweeps_but_not_over_dry_runs() {
        let status = status();
        for result in [
            SweepResult::Complete,
            SweepResult::DryRun,
            SweepResult::Interrupted,
        ] {
            let mut swept = report(0, result);
            for _ in 0..60 {
                swept.release(release());
            }
            status.swept(swept);
        }
        let releases = status.snapshot().releases;
        assert_eq!((releases.total(), releases.iter().count()), (120, 50));
    }

    #[test]
    fn a_void_sweep_leaves_what_was_known_and_a_lost_election_does_not() {
        let status = status();
        let mut swept = report(0, SweepResult::Frozen);
        swept.frozen = Some("recovery".to_owned());
        status.swept(swept);
        status.swept(report(60, SweepResult::Void));
        let frozen = status.snapshot().found.frozen;
        assert_eq!(frozen.as_deref(), Some("recovery"));
        status.next_sweep(Some(Timestamp::UNIX_EPOCH));
        status.follows(Some("gc-2".to_owned()));
        let snapshot = status.snapshot();
        assert!(snapshot.found.frozen.is_none());
        assert_eq!(snapshot.next_sweep, None);
        assert_eq!(snapshot.leader, Leader::Other("gc-2".to_owned()));
    }
}
