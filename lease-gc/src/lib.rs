//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`evidence`]: what proves that a holder is dead, and how long the proof must stand. Pure.
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.
//! * [`cli`], [`schedule`], [`signals`]: what an operator asks for.
//! * [`collector`], [`leader`], [`once`]: the life of the process; [`sweep`]: what it is for.
//! * [`report`]: what a sweep found and did; [`metrics`], [`status`], [`history`] and the log tell
//!   the world.

pub mod chain;
pub mod cli;
pub mod collector;
pub mod events;
pub mod evidence;
pub mod history;
pub mod leader;

pub mod measured;
pub mod metrics;
pub mod once;
pub mod pods;
pub mod report;
pub mod schedule;
pub mod signals;
pub mod status;
pub mod sweep;
