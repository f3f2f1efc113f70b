//! The real code in virtual time: one thread, and every choice from one seed.

pub mod clock;
pub mod collector;
pub mod etcd;
pub mod kubernetes;
pub mod node;
pub mod process;
pub mod recorder;
pub mod runtime;
