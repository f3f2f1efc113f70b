//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.
//! * [`cli`], [`schedule`]: what an operator asks for, and when.
//! * [`report`]: what a sweep found and did. [`metrics`], [`status`] and [`log`] keep it, [`http`]
//!   and [`page`] show it.

pub mod cli;
pub mod http;
pub mod log;
pub mod metrics;
pub mod page;
pub mod pods;
pub mod report;
pub mod schedule;
pub mod status;
