//! The elected collector: reconciles the allocations with the pods that live.
//!
//! * [`pods`]: what lives in the Kubernetes cluster, read whole or not at all.

pub mod pods;
