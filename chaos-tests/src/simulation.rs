//! The real code in virtual time: one thread, and every choice from one seed.
//!
//! * [`clock`], [`etcd`], [`kubernetes`], [`node`]: models of what the programs stand on.
//! * [`runtime`], [`collector`]: the real programs on them, as runtimes and a deployment run them.
//! * [`plan`], [`scene`], [`faults`], [`run`]: one seed from beginning to end; [`campaign`]: many.

pub mod api;
pub mod campaign;
pub mod clock;
pub mod collector;
pub mod etcd;
pub mod faults;
pub mod kubernetes;
pub mod node;
pub mod plan;
pub mod process;
pub mod recorder;
pub mod run;
pub mod runtime;
pub mod scene;
