//! The real code in virtual time: one thread, and every choice from one seed.

pub mod clock;
pub mod etcd;
pub mod node;
pub mod recorder;
pub mod runtime;
