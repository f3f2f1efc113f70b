//! etcd itself: how it is reached and what is asked of it.

mod accounts;
mod certificate;
mod client;
mod coordinate;
mod dial;
mod error;
mod files;
mod members;
mod metrics;
mod settings;
mod term;
mod tls;
mod wire;

pub use client::Client;
pub use coordinate::ClientWatch;
pub use error::EtcdError;
pub use members::{Alarm, Health, Member, Members, Quota};
pub use settings::{Credentials, Password, Settings};
