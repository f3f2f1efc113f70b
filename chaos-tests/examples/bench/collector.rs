//! The collector: what a sweep costs, what it costs between sweeps, and how soon another takes
//! over.
//!
//! The API of Kubernetes and etcd run beside it and share the processors; its own time and memory
//! are those that the kernel counts for its process.

mod elections;
mod releases;
pub(crate) mod scene;
mod sweeps;

use anyhow::Result;

use crate::Bench;

/// Measures all of it.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    sweeps::measure(&mut bench.report)?;
    elections::measure(&mut bench.report)?;
    releases::measure(&mut bench.report)
}
