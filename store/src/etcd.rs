//! etcd itself: how it is reached and what is asked of it.

mod settings;

pub use settings::{Credentials, Password, Settings};
