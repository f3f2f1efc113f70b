//! The Container Network Interface: what a runtime says to a plugin and how it is answered.
//!
//! "CNI specification" below means <https://www.cni.dev/docs/spec/>, version 1.1.0.

pub mod args;
pub mod command;
pub mod error;
pub mod previous;
pub mod result;
pub mod version;
