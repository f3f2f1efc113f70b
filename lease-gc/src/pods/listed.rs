//! Pods and nodes as the API writes them: of each object only the fields that are needed are kept,
//! all others are skipped unread.
//!
//! Go writes what is empty as absent, as `null` or as an empty list, and all three mean the same.

mod identified;
mod lease;
mod network;
mod network_status;
mod node;
mod pod;

pub(super) use identified::Identified;
pub(super) use lease::ListedLease;
pub(super) use network::{ListedDefinition, ListedRequest};
pub use node::ListedNode;
pub use pod::ListedPod;
