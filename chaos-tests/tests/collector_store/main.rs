//! What the collector needs of the library, on real etcd servers: election, writes that only the
//! leader may commit, watches, long scans, and certificates that are renewed under its hands.
//!
//! A process cannot be asked for most of this, so the library is called here; what comes of it is
//! judged by what is in etcd.

mod access;
mod bench;
mod collect;
mod contender;
mod election;
mod faults;
mod fence;
mod lost_answers;
mod request;
mod sample;
mod scan;
mod watch;
