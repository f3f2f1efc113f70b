//! What lives in the Kubernetes cluster: its pods and nodes, read whole or not at all.
//!
//! * [`View`] and [`Source`]: where that is known from; an [`Origin`] is [`Kubernetes`], the API, or a
//!   [`File`].
//! * [`Reading`]: what was read; [`Living`] finds pods and nodes in it.
//! * [`watch`]: pods as they are deleted.

mod error;
mod file;
pub(crate) mod kubernetes;
mod listed;
mod living;
mod network;
mod node;
mod pod;
mod reading;
mod source;
#[cfg(test)]
pub(crate) mod testing;
pub mod watch;

pub use error::SourceError;
pub use file::File;
pub use kubernetes::{Kubernetes, OPERATIONS, Observer};
pub use listed::{ListedNode, ListedPod};
pub use living::{Living, LivingPod, Naming};
pub use network::{NetworkDefinition, NetworkRequest};
pub use node::{Node, Readiness};
pub use pod::{NamedAddress, Pod};
pub use reading::Reading;
pub use source::{LeaseState, Opened, Origin, Source, View};
