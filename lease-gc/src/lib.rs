//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`cli`], [`schedule`], [`signals`]: what an operator asks for.
//! * [`run`], [`collector`], [`leader`], [`once`]: the life of the process; [`sweep`]: what it is
//!   for.
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.
//! * [`evidence`]: what proves that a holder is dead, and how long the proof must stand. Pure.
//! * [`report`]: what a sweep found and did. [`metrics`], [`http`], [`status`], [`history`],
//!   [`events`] and [`log`] tell the world.
//! * [`texts`]: many names in little memory.

pub mod chain;
pub mod cli;
pub mod collector;
pub mod events;
pub mod evidence;
pub mod history;
pub mod http;
pub mod leader;
pub mod log;
pub mod measured;
pub mod metrics;
pub mod once;
pub mod page;
pub mod pods;
mod publish;
pub mod report;
pub mod run;
pub mod schedule;
pub mod signals;
pub mod status;
pub mod sweep;
pub mod texts;
