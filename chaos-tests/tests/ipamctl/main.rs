//! What `ipamctl` tells an operator, and what it does for one.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod documents;
mod explain;
mod explain_pods;
mod freezing;
mod listing;
mod status;
mod exporting;
mod importing;
mod listing;
mod migrating;
