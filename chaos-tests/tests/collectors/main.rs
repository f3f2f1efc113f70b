//! Collectors as processes: who leads, when they sweep, and what they do when something is missing.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod demand;
mod handover;
mod identity;
mod idle;
mod outage;
mod partition;
mod seal;
mod serving;
mod stores;
mod tls;

/// A lease whose end a test waits for, and that a leader on a busy machine keeps all the same.
const SHORT_LEASE: [&str; 2] = ["--election-ttl", "10s"];

/// With this a release takes a second.
const SLOWLY: [&str; 2] = ["--max-releases-per-second", "1"];
