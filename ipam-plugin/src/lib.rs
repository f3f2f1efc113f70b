//! The CNI IPAM plugin `etcd-ipam`.
//!
//! One process is one call: the environment and standard input say what is wanted ([`cni`],
//! [`config`]), one of the verbs does it ([`verb`]), one JSON document or nothing goes to standard
//! output. What the node keeps between calls is in [`local`].

pub mod cni;
pub mod config;
pub mod local;
mod log;
mod run;
pub mod verb;

pub use run::run;
