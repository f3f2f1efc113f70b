//! What sweeps find and do.

use std::time::Duration;

use jiff::SignedDuration;
use prometheus::Result;

use super::Labels;
use super::family::{Counters, Families, Gauges, Histograms, number};
use crate::report::{SweepReport, SweepResult, Tally};

/// Upper bounds in seconds. A sweep of 50,000 pods takes seconds, one that frees thousands of
/// addresses at the rate cap takes minutes.
const DURATIONS: [f64; 11] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0,
];

pub(super) struct Sweeps {
    ended: Counters<1>,
    durations: Histograms<0>,
    last_success: Gauges<0>,
    records: Gauges<0>,
    candidates: Tallied,
    kept: Tallied,
    collected: Counters<1>,
    rests_ended: Counters<0>,
    reservations_ended: Counters<0>,
    adopted: Counters<0>,
    conflicts: Gauges<0>,
    breaker_open: Tallied,
    breaker_trips: Counters<1>,
    damaged: Gauges<0>,
    frozen: Gauges<0>,
    refused: Tallied,
}

impl Sweeps {
    pub(super) fn new(families: &Families, labels: &Labels<'_>) -> Result<Self> {
        let counter = |name, help| families.counter(name, help);
        let gauge = |name, help| families.gauge(name, help);
        let tallied = |name, help, label, known| Tallied::new(families, name, help, label, known);
        let begun = |name, help, label, known: &[&str]| {
            let counters = families.counters(name, help, [label])?;
            for value in known {
                counters.begin([value]);
            }
            Result::Ok(counters)
        };
        let durations = families.histograms(
            "sweep_duration_seconds",
            "How long sweeps took, whatever their result.",
            [],
            &DURATIONS,
        )?;
        durations.begin([]);
        Ok(Self {
            ended: begun(
                "sweeps_total",
                "Sweeps by how they ended.",
                "result",
                &SweepResult::ALL.map(SweepResult::name),
            )?,
            durations,
            last_success: gauge(
                "last_successful_sweep_timestamp_seconds",
                "When this process last ended a sweep as complete or dry_run; 0 while it has not.",
            )?,
            records: gauge("records", "Owner records of this cluster.")?,
            candidates: tallied(
                "candidates",
                "Records that look dead and wait, by evidence.",
                "evidence",
                labels.evidence,
            )?,
            kept: tallied(
                "kept",
                "Records that the last sweep kept, by reason.",
                "reason",
                labels.keep_reasons,
            )?,
            collected: begun(
                "collected_total",
                "Records that this process released, by evidence.",
                "evidence",
                labels.evidence,
            )?,
            rests_ended: counter(
                "rests_ended_total",
                "Addresses whose cool-down this process ended.",
            )?,
            reservations_ended: counter(
                "reservations_ended_total",
                "Addresses whose reservation or quarantine was over and that this process freed.",
            )?,
            adopted: counter(
                "adopted_total",
                "Addresses of living pods that this process wrote into the store.",
            )?,
            conflicts: gauge(
                "conflicts",
                "Addresses that one attachment holds and another living pod uses.",
            )?,
            breaker_open: tallied(
                "breaker_open",
                "1 while this breaker holds releases back, else 0.",
                "kind",
                labels.breakers,
            )?,
            breaker_trips: begun(
                "breaker_trips_total",
                "Times that this breaker opened.",
                "kind",
                labels.breakers,
            )?,
            damaged: gauge(
                "damaged_keys",
                "Keys of the store whose name or value cannot be read.",
            )?,
            frozen: gauge(
                "frozen",
                "1 while the store is frozen: nothing is allocated, and nothing is collected.",
            )?,
            refused: tallied(
                "store_refused",
                "1 while the store may not be used, by why: nothing is allocated, and nothing is \
                 collected.",
                "reason",
                labels.refusals,
            )?,
        })
    }

    pub(super) fn swept(&self, report: &SweepReport) {
        self.ended.add([report.result.name()], 1);
        self.durations.observe([], report.duration.as_secs_f64());
        if report.result.is_success() {
            self.last_success.set([], end(report));
        }
        if report.result != SweepResult::DryRun {
            for (evidence, count) in report.released.iter() {
                self.collected.add([evidence], count);
            }
            self.rests_ended.add([], report.rests_ended);
            self.reservations_ended.add([], report.reservations_ended);
            self.adopted.add([], report.adopted);
        }
        if report.result.has_judged() {
            self.describe(report);
        }
        if report.result.has_judged() || report.refused.is_some() {
            let mut refused = Tally::default();
            if let Some(reason) = report.refused {
                refused.add(reason);
            }
            self.refused.set(&refused);
        }
    }

    /// Says nothing of the store any more.
    pub(super) fn clear(&self) {
        for gauge in [&self.records, &self.conflicts, &self.damaged, &self.frozen] {
            gauge.set([], 0.0);
        }
        for tallied in [
            &self.candidates,
            &self.kept,
            &self.breaker_open,
            &self.refused,
        ] {
            tallied.set(&Tally::default());
        }
    }

    fn describe(&self, report: &SweepReport) {
        let flag = |is: bool| u64::from(is);
        for (gauge, count) in [
            (&self.records, report.records),
            (&self.conflicts, report.conflicts.total()),
            (&self.damaged, report.damaged.total()),
            (&self.frozen, flag(report.frozen.is_some())),
        ] {
            gauge.set([], number(count.into()));
        }
        self.candidates.set(&report.candidates);
        self.kept.set(&report.kept);
        let mut open = Tally::default();
        for breaker in &report.breakers {
            if !self.breaker_open.is_set(breaker.kind) {
                self.breaker_trips.add([breaker.kind], 1);
            }
            open.add(breaker.kind);
        }
        self.breaker_open.set(&open);
    }
}

/// When a sweep ended, in seconds since 1970.
fn end(report: &SweepReport) -> f64 {
    let begin = report.started.as_duration();
    let took = SignedDuration::try_from(report.duration).unwrap_or_default();
    let end = begin.saturating_add(took);
    Duration::try_from(end).unwrap_or_default().as_secs_f64()
}

/// Gauges by one label, all set at once.
struct Tallied {
    gauges: Gauges<1>,
    known: Vec<String>,
}

impl Tallied {
    fn new(
        families: &Families,
        name: &str,
        help: &str,
        label: &str,
        known: &[&str],
    ) -> Result<Self> {
        let gauges = families.gauges(name, help, [label])?;
        let known = known.iter().map(|value| (*value).to_owned()).collect();
        let tallied = Self { gauges, known };
        tallied.set(&Tally::default());
        Ok(tallied)
    }

    fn is_set(&self, value: &str) -> bool {
        self.gauges.get([value]) > 0.0
    }

    fn set(&self, tally: &Tally) {
        self.gauges.clear();
        for value in &self.known {
            self.gauges.set([value], 0.0);
        }
        for (value, count) in tally.iter() {
            self.gauges.set([value], number(count.into()));
        }
    }
}
