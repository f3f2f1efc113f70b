//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`events`]: Kubernetes Events about what was done.
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.

pub mod events;
pub mod pods;
