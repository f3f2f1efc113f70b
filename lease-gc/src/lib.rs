//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`evidence`]: what proves that a holder is dead, and how long the proof must stand. Pure.
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.

pub mod evidence;
pub mod pods;
