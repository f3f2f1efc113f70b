//! How long etcd and Kubernetes take to answer, and how often they do not.

use std::time::Duration;

use prometheus::Result;

use super::family::{Counters, Families, Histograms};

/// Upper bounds in seconds. A well-run etcd answers in 1 to 10 ms, and a call is given up after a
/// second or two.
const ETCD: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Upper bounds in seconds. A page of 500 pods is some megabytes, and a busy API server makes its
/// clients wait.
const KUBERNETES: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

pub(super) struct Requests {
    durations: Histograms<1>,
    errors: Counters<1>,
}

impl Requests {
    pub(super) fn of_etcd(families: &Families, operations: &[&str]) -> Result<Self> {
        let durations = families.histograms(
            "etcd_request_duration_seconds",
            "How long requests to etcd took, failed ones included.",
            ["operation"],
            &ETCD,
        )?;
        let errors = families.counters(
            "etcd_request_errors_total",
            "Requests to etcd that failed or were given up.",
            ["operation"],
        )?;
        Ok(Self { durations, errors }.beginning(operations))
    }

    pub(super) fn of_kubernetes(families: &Families, operations: &[&str]) -> Result<Self> {
        let durations = families.histograms(
            "kubernetes_request_duration_seconds",
            "How long requests to the Kubernetes API took, failed ones included.",
            ["operation"],
            &KUBERNETES,
        )?;
        let errors = families.counters(
            "kubernetes_request_errors_total",
            "Requests to the Kubernetes API that failed or were given up.",
            ["operation"],
        )?;
        Ok(Self { durations, errors }.beginning(operations))
    }

    pub(super) fn done(&self, operation: &str, took: Duration, ok: bool) {
        self.durations.observe([operation], took.as_secs_f64());
        self.errors.add([operation], u64::from(!ok));
    }

    fn beginning(self, operations: &[&str]) -> Self {
        for operation in operations {
            self.durations.begin([operation]);
            self.errors.begin([operation]);
        }
        self
    }
}
