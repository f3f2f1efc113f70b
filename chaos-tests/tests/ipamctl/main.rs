//! What `ipamctl` tells an operator, and what it does for one.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod checking;
mod listing;
mod releasing;
mod repairing;
mod reserving;
