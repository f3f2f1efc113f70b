//! What the collector exports to Prometheus. `docs/metrics.md` lists it.
//!
//! The crate `prometheus` is named below this module and nowhere else.

mod addresses;
mod family;
mod leadership;
mod requests;
mod sweeps;
mod traffic;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::process_collector::ProcessCollector;

use self::addresses::Addresses;
use self::family::{Counters, Families};
use self::leadership::Leadership;
use self::requests::Requests;
use self::sweeps::Sweeps;
use self::traffic::Traffic;
use crate::report::SweepReport;

/// The values of labels that are known beforehand. A series of each exists from the start, so that
/// a rate over the first event is not lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    /// The rows of the evidence table.
    pub evidence: &'a [&'a str],
    /// Why records are kept.
    pub keep_reasons: &'a [&'a str],
    /// Why a store may be refused.
    pub refusals: &'a [&'a str],
    /// The breakers.
    pub breakers: &'a [&'a str],
    /// The kinds of requests to etcd.
    pub etcd_operations: &'a [&'a str],
    /// The kinds of requests to Kubernetes.
    pub kubernetes_operations: &'a [&'a str],
}

/// A mistake in a metric's name or label: the same at every start.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be set up: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// All metrics of this process.
pub struct Metrics {
    families: Families,
    /// Held while what belongs together changes, so that a scrape sees all of it or nothing.
    whole: Mutex<()>,
    leadership: Leadership,
    sweeps: Sweeps,
    addresses: Addresses,
    traffic: Traffic,
    etcd: Requests,
    kubernetes: Requests,
    events_dropped: Counters<0>,
    history_lines: Counters<0>,
    history_gaps: Counters<0>,
}

impl Metrics {
    /// Metrics with a registry of their own, all at zero.
    pub fn new(labels: &Labels<'_>, version: &str) -> Result<Self, MetricsError> {
        let families = Families::default();
        let build = families.gauges(
            "build_info",
            "Always 1; the label says which version this is.",
            ["version"],
        )?;
        build.set([version], 1.0);
        families.register(ProcessCollector::for_self())?;
        Ok(Self {
            leadership: Leadership::new(&families)?,
            sweeps: Sweeps::new(&families, labels)?,
            addresses: Addresses::new(&families)?,
            traffic: Traffic::new(&families)?,
            etcd: Requests::of_etcd(&families, labels.etcd_operations)?,
            kubernetes: Requests::of_kubernetes(&families, labels.kubernetes_operations)?,
            events_dropped: families.counter(
                "events_dropped_total",
                "Kubernetes Events that were not sent, because there were too many or the API \
                 refused them.",
            )?,
            history_lines: families.counter(
                "history_lines_total",
                "Lines written to the allocations' history.",
            )?,
            history_gaps: families.counter(
                "history_gaps_total",
                "Times that etcd had already dropped what the history still needed.",
            )?,
            families,
            whole: Mutex::new(()),
        })
    }

    /// This process leads now.
    pub fn leads(&self) {
        let _whole = self.whole();
        self.leadership.leads();
    }

    /// This process leads no longer: what describes the store is for the next leader to say.
    pub fn follows(&self) {
        let _whole = self.whole();
        self.leadership.follows();
        self.addresses.clear();
        self.sweeps.clear();
    }

    /// A sweep ended. A void one changes nothing that describes the store.
    pub fn swept(&self, report: &SweepReport) {
        let _whole = self.whole();
        self.sweeps.swept(report);
        if report.result.has_judged() {
            self.addresses.set(&report.ranges);
        }
    }

    /// The store's history shows an allocation on this network.
    pub fn allocated(&self, network: &str) {
        self.traffic.allocated(network);
    }

    /// The store's history shows a release on this network.
    pub fn released(&self, network: &str) {
        self.traffic.released(network);
    }

    /// A request to etcd was answered, or given up.
    pub fn etcd_request(&self, operation: &str, took: Duration, ok: bool) {
        self.etcd.done(operation, took, ok);
    }

    /// A request to the Kubernetes API was answered, or given up.
    pub fn kubernetes_request(&self, operation: &str, took: Duration, ok: bool) {
        self.kubernetes.done(operation, took, ok);
    }

    /// A Kubernetes Event was not sent.
    pub fn event_dropped(&self) {
        self.events_dropped.add([], 1);
    }

    /// A line was written to the history.
    pub fn history_line(&self) {
        self.history_lines.add([], 1);
    }

    /// The history lacks something.
    pub fn history_gap(&self) {
        self.history_gaps.add([], 1);
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> Result<String, MetricsError> {
        let _whole = self.whole();
        self.leadership.measure_age();
        Ok(TextEncoder::new().encode_to_string(&self.families.gather())?)
    }

    fn whole(&self) -> MutexGuard<'_, ()> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
