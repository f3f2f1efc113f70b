//! Why the pods and nodes of a cluster are not known.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::client::AuthError;
use kube::config::KubeconfigError;
use kube::core::Status;

/// The longest quotation of what an API server says, in characters.
const LONGEST_QUOTE: usize = 300;

/// A reading that failed: nothing of it can be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// What says where the API is and how to be let in cannot be used.
    #[error("no access to the Kubernetes API: {0}")]
    Access(String),
    /// The API server cannot be reached, or stopped in the middle of its answer.
    #[error("{operation}: the Kubernetes API cannot be reached: {reason}")]
    Unreachable {
        /// What was asked, of [`OPERATIONS`](super::OPERATIONS).
        operation: &'static str,
        /// What happened instead of an answer.
        reason: String,
    },
    /// The API server did not answer in time.
    #[error("{operation}: no complete answer of the Kubernetes API within {limit:?}")]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// How long the request may take.
        limit: Duration,
    },
    /// The API server answered with an error.
    #[error("{operation}: the Kubernetes API refuses with {code} ({message})")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// What the API server answered is not what was asked for.
    #[error("{operation}: the Kubernetes API answers what cannot be used: {reason}")]
    Answer {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that no object of the API can have, so there is nothing to ask.
    #[error("{0:?} cannot be the name of an object of the Kubernetes API")]
    Name(String),
    /// A file of pods and nodes cannot be used.
    #[error("{} cannot be used as pods and nodes: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and in which line and column.
        reason: String,
    },
    /// There are records to be judged, but the cluster has no nodes or no pods.
    #[error(
        "{nodes} nodes and {pods} pods cannot be the whole cluster while the store has records of it"
    )]
    Implausible {
        /// How many nodes were read.
        nodes: usize,
        /// How many pods were read.
        pods: usize,
    },
}

impl SourceError {
    /// Whether the API itself has not said anything.
    pub(super) const fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }

    /// A request that failed.
    pub fn of_request(operation: &'static str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(operation, status),
            kube::Error::SerdeError(error) => Self::Answer {
                operation,
                reason: error.to_string(),
            },
            error => Self::Unreachable {
                operation,
                reason: causes(error),
            },
        }
    }

    /// The API's error.
    pub(super) fn of_status(operation: &'static str, status: &Status) -> Self {
        Self::Refused {
            operation,
            code: status.code,
            message: status.message.chars().take(LONGEST_QUOTE).collect(),
        }
    }

    /// A client that cannot be made. A kubeconfig and the output of a credentials' command contain
    /// secrets, so that they are never quoted.
    pub(super) fn of_access(error: &kube::Error) -> Self {
        Self::Access(match error {
            kube::Error::Auth(error) => auth(error),
            error => causes(error),
        })
    }

    /// A kubeconfig that cannot be used.
    pub(super) fn of_kubeconfig(path: &Path, error: &KubeconfigError) -> Self {
        let path = path.display();
        Self::Access(match error {
            KubeconfigError::Parse(_) => format!("{path} is no kubeconfig"),
            KubeconfigError::ReadConfig(error, _) => format!("{path}: {error}"),
            error => format!("{path}: {error}"),
        })
    }
}

/// An error and what caused it, without what has to be kept secret.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<AuthError>() {
        return auth(error);
    }
    let text = error.to_string();
    match error.source() {
        // What kube wraps it also prints.
        Some(cause) if error.is::<kube::Error>() => causes(cause),
        Some(cause) => format!("{text}: {}", causes(cause)),
        None => text,
    }
}

/// Why there are no credentials.
fn auth(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("the command for the credentials failed ({})", out.status)
        }
        AuthError::AuthExecStart(_)
        | AuthError::ReadTokenFile(..)
        | AuthError::MissingCommand
        | AuthError::ExecPluginFailed
        | AuthError::ExecMissingClusterInfo => error.to_string(),
        _ => "the credentials cannot be used".to_owned(),
    }
}
