//! A sweep that goes on. However it ends, it is told of.

use std::time::Duration;

use jiff::Timestamp;
use store::clock::Clock;

use super::VoidReason;
use crate::chain::chain;
use crate::metrics::Metrics;
use crate::report::SweepReport;
use crate::status::Status;

/// Why a sweep ends that nobody ended.
const GIVEN_UP: &str = "it was given up: this process leads no longer, or was told to end";

/// A sweep that goes on. Dropped before its end it was given up.
pub(super) struct Underway<'a, C: Clock> {
    clock: &'a C,
    metrics: &'a Metrics,
    status: &'a Status,
    began: Duration,
    report: SweepReport,
}

impl<'a, C: Clock> Underway<'a, C> {
    /// A sweep that begins now, which is `wall` by the wall clock.
    pub(super) fn begin(
        clock: &'a C,
        wall: Timestamp,
        metrics: &'a Metrics,
        status: &'a Status,
    ) -> Self {
        let mut report = SweepReport::new(wall);
        report.error = Some(GIVEN_UP.to_owned());
        Self {
            clock,
            metrics,
            status,
            began: clock.monotonic(),
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
        self.report.duration = self.clock.monotonic().saturating_sub(self.began);
    }
}

impl<C: Clock> Drop for Underway<'_, C> {
    fn drop(&mut self) {
        self.measure();
        log(&self.report);
        self.metrics.swept(&self.report);
        self.status.swept(self.report.clone());
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
