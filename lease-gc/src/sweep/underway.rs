//! A sweep that goes on. However it ends, it is told of.

use std::time::Duration;

use jiff::Timestamp;
use store::clock::Clock as _;

use super::VoidReason;
use crate::chain::chain;
use crate::collector::Collector;
use crate::report::SweepReport;

/// Why a sweep ends that nobody ended.
const GIVEN_UP: &str = "it was given up: this process leads no longer, or was told to end";

/// A sweep that goes on. Dropped before its end it was given up.
pub(super) struct Underway<'a> {
    collector: &'a Collector,
    began: Duration,
    report: SweepReport,
}

impl<'a> Underway<'a> {
    pub(super) fn begin(collector: &'a Collector) -> Self {
        let mut report = SweepReport::new(Timestamp::now());
        report.error = Some(GIVEN_UP.to_owned());
        Self {
            collector,
            began: collector.store.clock().monotonic(),
            report,
        }
    }

    /// What it has found and done so far.
    pub(super) const fn report(&mut self) -> &mut SweepReport {
        &mut self.report
    }

    /// The sweep has ended by itself, or failed.
    pub(super) fn end(mut self, failed: Option<&VoidReason>) -> SweepReport {
        self.report.error = failed.map(|reason| chain(reason));
        if let Some(VoidReason::Refused(refusal)) = failed {
            self.report.refused = Some(refusal.name());
        }
        self.measure();
        self.report.clone()
    }

    fn measure(&mut self) {
        let now = self.collector.store.clock().monotonic();
        self.report.duration = now.saturating_sub(self.began);
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.measure();
        log(&self.report);
        self.collector.metrics.swept(&self.report);
        self.collector.status.swept(self.report.clone());
    }
}

fn log(report: &SweepReport) {
    let (result, seconds) = (report.result.name(), report.duration.as_secs_f64());
    if let Some(error) = &report.error {
        let released = report.released.total();
        tracing::warn!(
            result,
            error,
            seconds,
            released,
            "a sweep was not completed"
        );
        return;
    }
    tracing::info!(
        result,
        seconds,
        records = report.records,
        candidates = report.candidates.total(),
        released = report.released.total(),
        adopted = report.adopted,
        rests_ended = report.rests_ended,
        reservations_ended = report.reservations_ended,
        conflicts = report.conflicts.total(),
        damaged = report.damaged.total(),
        "a sweep ended"
    );
}
