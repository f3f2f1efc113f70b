//! The CNI IPAM plugin `etcd-ipam`: what a runtime says, what the configuration means, and what is
//! answered. Nothing here speaks to etcd.

pub mod cni;
pub mod config;
