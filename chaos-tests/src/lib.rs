//! Real etcd servers, real plugin processes, and ways to break them.
//!
//! The tests in `tests/` start their own servers, run the release binaries as a container runtime
//! would, and judge them from outside: by what they print and by what is in etcd afterwards. So
//! nothing here depends on the libraries of the workspace, and the layout of the keys is spelled a
//! second time ([`layout`]): a change of it breaks clusters in use and must show.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value that lacks the key gives null, which the caller then refuses"
)]

pub mod answer;
pub mod binaries;
pub mod certs;
pub mod checks;
pub mod cli;
pub mod cluster;
pub mod collector;
pub mod collectors;
pub mod conformance;
pub mod ctl;
pub mod daemon;
pub mod documented;
pub mod engine;
pub mod etcd;
pub mod guarded;
pub mod history;
pub mod holdings;
pub mod host;
pub mod http;
pub mod install;
pub mod kubernetes;
pub mod lab;
pub mod layout;
pub mod libcni;
pub mod loopback;
pub mod machine;
pub mod metrics;
pub mod model;
pub mod mutants;
pub mod namespace;
pub mod node;
pub mod plugin;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod random;
pub mod raw;
pub mod real;
pub mod reconciling;
pub mod record;
pub mod report;
pub mod simulation;
pub mod skip;
pub mod vectors;
