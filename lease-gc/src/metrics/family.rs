//! Metrics whose number of labels is part of their type, so that none can be forgotten.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, Result};

/// What all names begin with.
const NAMESPACE: &str = "etcd_ipam";

/// Where metrics are made and kept.
#[derive(Default)]
pub(super) struct Families(Registry);

impl Families {
    /// Counters of one name. Their series begin when they are first counted, or by
    /// [`Counters::begin`].
    pub(super) fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Counters<N>> {
        let counters = IntCounterVec::new(options(name, help), &labels)?;
        self.register(counters.clone())?;
        Ok(Counters(counters))
    }

    /// A counter without labels, at zero.
    pub(super) fn counter(&self, name: &str, help: &str) -> Result<Counters<0>> {
        let counter = self.counters(name, help, [])?;
        counter.begin([]);
        Ok(counter)
    }

    /// Gauges of one name. Their series begin when they are first set.
    pub(super) fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Gauges<N>> {
        let gauges = GaugeVec::new(options(name, help), &labels)?;
        self.register(gauges.clone())?;
        Ok(Gauges(gauges))
    }

    /// A gauge without labels, at zero.
    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<Gauges<0>> {
        let gauge = self.gauges(name, help, [])?;
        gauge.set([], 0.0);
        Ok(gauge)
    }

    /// Histograms of one name with these upper bounds, in seconds. Their series begin as those of
    /// [`Families::counters`] do.
    pub(super) fn histograms<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        bounds: &[f64],
    ) -> Result<Histograms<N>> {
        let options = HistogramOpts::from(options(name, help)).buckets(bounds.to_vec());
        let histograms = HistogramVec::new(options, &labels)?;
        self.register(histograms.clone())?;
        Ok(Histograms(histograms))
    }

    /// Adds a ready-made collector.
    pub(super) fn register(&self, collector: impl Collector + 'static) -> Result<()> {
        self.0.register(Box::new(collector))
    }

    /// All series that there are.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.0.gather()
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}

/// Counters that differ in `N` labels.
pub(super) struct Counters<const N: usize>(IntCounterVec);

impl<const N: usize> Counters<N> {
    pub(super) fn begin(&self, labels: [&str; N]) {
        self.add(labels, 0);
    }

    pub(super) fn add(&self, labels: [&str; N], count: u64) {
        self.0.with_label_values(&labels).inc_by(count);
    }
}

/// Gauges that differ in `N` labels.
pub(super) struct Gauges<const N: usize>(GaugeVec);

impl<const N: usize> Gauges<N> {
    pub(super) fn set(&self, labels: [&str; N], value: f64) {
        self.0.with_label_values(&labels).set(value);
    }

    pub(super) fn get(&self, labels: [&str; N]) -> f64 {
        self.0.with_label_values(&labels).get()
    }

    /// Ends all series.
    pub(super) fn clear(&self) {
        self.0.reset();
    }
}

/// Histograms that differ in `N` labels.
pub(super) struct Histograms<const N: usize>(HistogramVec);

impl<const N: usize> Histograms<N> {
    pub(super) fn begin(&self, labels: [&str; N]) {
        drop(self.0.with_label_values(&labels));
    }

    pub(super) fn observe(&self, labels: [&str; N], value: f64) {
        self.0.with_label_values(&labels).observe(value);
    }
}

/// A count as Prometheus has numbers.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "all numbers of Prometheus are doubles; beyond 2^53 the last digits are lost"
)]
pub(super) const fn number(count: u128) -> f64 {
    count as f64
}
