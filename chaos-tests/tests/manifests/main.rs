//! What is applied to a cluster: that it is well-formed, says the same in each form, and that the
//! programs take what it tells them.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod chart;
mod container;
mod dev_etcd;
mod guide;
mod kustomize;
mod names;
mod objects;
mod rendering;
mod rights;
mod running;
mod types;
mod values;
