//! Where etcd is.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use store::etcd::{Credentials, Password, Settings};
use store::key::DEFAULT_PREFIX;

/// Where etcd is and how to be let in.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "etcd")]
pub struct EtcdFlags {
    /// The members of etcd, such as `https://10.0.0.1:2379`; several with commas between them
    #[arg(long, value_name = "URL,...", value_delimiter = ',')]
    endpoints: Vec<String>,

    /// The name in the servers' certificates, where it is not the endpoint's host
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    server_name: Option<String>,

    /// What all keys of the store begin with
    #[arg(long, value_name = "PREFIX", default_value = DEFAULT_PREFIX)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub prefix: String,

    /// The authority that signed the servers' certificates (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// The client's certificate (PEM); etcd takes its common name as the user
    #[arg(long, value_name = "FILE")]
    cert_file: Option<PathBuf>,

    /// The client's private key (PEM)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// A user of etcd with a password
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    username: Option<String>,

    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// The store's id, as `ipamctl init` showed it; another store is then refused
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub store_id: Option<String>,
}

impl EtcdFlags {
    /// How to reach etcd.
    pub fn settings(&self) -> Settings {
        let credentials = self.username.clone().zip(self.password_file.clone());
        Settings {
            endpoints: self.endpoints().map(str::to_owned).collect(),
            server_name: self.server_name.clone(),
            ca_file: self.ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            credentials: credentials.map(|(username, file)| Credentials {
                username,
                password: Password::File(file),
            }),
        }
    }

    /// What is missing.
    pub(super) fn lack(&self) -> Option<(ErrorKind, String)> {
        let missing = |message: &str| {
            let kind = ErrorKind::MissingRequiredArgument;
            Some((kind, message.to_owned()))
        };
        if self.endpoints().next().is_none() {
            return missing(
                "where etcd is must be said: give --endpoints, such as \
                 --endpoints https://10.0.0.1:2379",
            );
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return missing("--cert-file and --key-file belong together: give both or none");
        }
        if self.username.is_some() != self.password_file.is_some() {
            return missing("--username and --password-file belong together: give both or none");
        }
        None
    }

    /// An endpoint that is none, or a file that does not hold what it should.
    pub(super) fn unusable(&self) -> Option<(ErrorKind, String)> {
        let error = self.settings().check().err()?;
        let message = format!("--endpoints and what goes with it: {error}");
        Some((ErrorKind::ValueValidation, message))
    }

    /// The files that must be readable, by flag.
    pub(super) const fn files(&self) -> [(&'static str, &Option<PathBuf>); 4] {
        [
            ("--ca-file", &self.ca_file),
            ("--cert-file", &self.cert_file),
            ("--key-file", &self.key_file),
            ("--password-file", &self.password_file),
        ]
    }

    fn endpoints(&self) -> impl Iterator<Item = &str> {
        let endpoints = self.endpoints.iter().map(|endpoint| endpoint.trim());
        endpoints.filter(|endpoint| !endpoint.is_empty())
    }
}
