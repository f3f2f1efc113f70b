//! Where etcd is and how to be let in.

use std::fmt;
use std::path::PathBuf;

/// How to reach one etcd cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `http://` or `https://` URLs of members, or `host:port`, which means `https` where any file
    /// below is set and `http` otherwise. The port is 2379 unless given.
    pub endpoints: Vec<String>,
    /// The name that the servers' certificates are verified against, else the endpoint's host.
    pub server_name: Option<String>,
    /// The certificate authority that signed the servers' certificates (PEM).
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM). etcd takes its common name as the user.
    pub cert_file: Option<PathBuf>,
    /// The client's private key (PEM).
    pub key_file: Option<PathBuf>,
    /// A user with a password: costs 50 to 90 ms of the server's time in every process.
    pub credentials: Option<Credentials>,
}

impl Settings {
    /// Whether an endpoint without a scheme means `https`.
    pub const fn wants_tls(&self) -> bool {
        self.ca_file.is_some() || self.cert_file.is_some() || self.key_file.is_some()
    }
}

/// A user and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// Where the password is.
    pub password: Password,
}

/// Where a password comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// It was given as it is.
    Inline(String),
    /// The first line of this file.
    File(PathBuf),
}

/// Never shows the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
