//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.
//! * [`cli`], [`schedule`]: what an operator asks for.
//! * [`report`]: what a sweep found and did; [`metrics`], [`status`] tell the world.

pub mod cli;
pub mod metrics;
pub mod pods;
pub mod report;
pub mod schedule;
pub mod status;
