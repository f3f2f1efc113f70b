//! What `ipamctl` tells an operator, and what it does for one.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod checking;
mod doctor;
mod documents;
mod etcd_roles;
mod explain;
mod explain_pods;
mod exporting;
mod freezing;
mod importing;
mod initialising;
mod install;
mod listing;
mod looking;
mod migrating;
mod releasing;
mod repairing;
mod report;
mod reserving;
mod rights;
mod status;
mod uninstall;
mod watching;
