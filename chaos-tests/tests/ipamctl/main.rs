//! What `ipamctl` tells an operator, and what it does for one.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod doctor;
mod freezing;
mod listing;
mod status;
