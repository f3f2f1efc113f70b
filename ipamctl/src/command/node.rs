//! `ipamctl node`: what is done on a node.

mod here;
pub mod install;
pub mod report;
pub mod task;
pub mod uninstall;
