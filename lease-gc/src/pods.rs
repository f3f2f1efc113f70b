//! What lives in the Kubernetes cluster: its pods and nodes, read whole or not at all.

mod living;
mod node;
mod pod;

pub use living::{Living, LivingPod, Naming};
pub use node::{Node, Readiness};
pub use pod::{NamedAddress, Pod};
