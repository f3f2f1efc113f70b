//! What can go wrong with a call, sorted by what may be done about it.

use std::error::Error as _;
use std::path::PathBuf;

use tonic::{Code, Status};

/// What rustls says when the server ends a TLS handshake, for example because it does not take the
/// client's certificate: TLS 1.3 tells that only when the first request is already on its way.
const ALERT: &str = "received fatal alert";

/// A call to etcd that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EtcdError {
    /// Nothing was sent: no endpoint could be reached.
    #[error("no etcd endpoint can be reached ({0})")]
    Unreachable(String),
    /// It may or may not have been applied.
    #[error("etcd at {endpoint} did not answer ({reason}); the outcome is unknown")]
    Unknown {
        /// Whom it was sent to.
        endpoint: String,
        /// What happened instead of an answer.
        reason: String,
    },
    /// etcd refused it for now and did not apply it.
    #[error("etcd at {endpoint} is overloaded: {reason}")]
    Overloaded {
        /// Who answered.
        endpoint: String,
        /// etcd's words.
        reason: String,
    },
    /// A NOSPACE alarm: etcd refuses transactions with a put in their outermost level. What it applies
    /// while it runs out of space is answered in the same way.
    #[error(
        "etcd at {0} is out of space (NOSPACE alarm): raise its quota or compact and defragment \
         it, then disarm the alarm"
    )]
    NoSpace(String),
    /// The answer is larger than any that is read: somebody put the largest values there.
    #[error("the answer of etcd at {0} is too large; look for huge values under the prefix")]
    AnswerTooLarge(String),
    /// The lease has ended or was never granted.
    #[error("etcd at {0} has no such lease")]
    LeaseEnded(String),
    /// What was asked for lies before the oldest revision that etcd still has.
    #[error("etcd at {endpoint} has compacted the revision that was asked for")]
    Compacted {
        /// Who answered.
        endpoint: String,
        /// The oldest revision that it still has; 0 where it does not say.
        oldest: i64,
    },
    /// The transaction is longer than this etcd accepts (`--max-txn-ops`).
    #[error("etcd at {0} takes fewer operations in a transaction (--max-txn-ops)")]
    TooManyOperations(String),
    /// etcd will not do this for this user, now or later.
    #[error("etcd at {endpoint} denies the request: {reason}; check the user, its role and prefix")]
    Denied {
        /// Who answered.
        endpoint: String,
        /// etcd's words.
        reason: String,
    },
    /// A file that the settings name cannot be used.
    #[error("{what} {} cannot be used: {reason}", path.display())]
    File {
        /// The setting.
        what: &'static str,
        /// Its value.
        path: PathBuf,
        /// Why not, without the words that runtimes take for success.
        reason: String,
    },
    /// The settings themselves are wrong.
    #[error("etcd settings: {0}")]
    Settings(String),
}

impl EtcdError {
    /// Whether the same call may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Unknown { .. } | Self::Overloaded { .. }
        )
    }

    /// Whether the call may have been applied although it failed.
    pub const fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. } | Self::AnswerTooLarge(_) | Self::NoSpace(_)
        )
    }

    /// The same failure, where an earlier try of the same call may have been applied.
    pub(crate) fn into_unknown(self) -> Self {
        match self {
            Self::Unknown { .. } | Self::AnswerTooLarge(_) | Self::NoSpace(_) => self,
            other => Self::Unknown {
                endpoint: "an earlier endpoint".to_owned(),
                reason: format!("a later try failed: {other}"),
            },
        }
    }

    /// Sorts the client's error on a call to `endpoint`.
    ///
    /// A status is final only where etcd itself says that nothing was applied; everything else may
    /// have been committed (etcd documentation, "KV API guarantees": a timeout says nothing).
    pub(crate) fn from_client(error: &etcd_client::Error, endpoint: &str) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => Self::from_status(status, endpoint),
            // The client's own words for an answer with a time to live of 0.
            etcd_client::Error::LeaseKeepAliveError(reason) if reason == "lease not found" => {
                Self::LeaseEnded(endpoint.to_owned())
            }
            other => Self::Unknown {
                endpoint: endpoint.to_owned(),
                reason: other.to_string(),
            },
        }
    }

    fn from_status(status: &Status, endpoint: &str) -> Self {
        let endpoint = endpoint.to_owned();
        let reason = status.message().to_owned();
        match status.code() {
            Code::ResourceExhausted if reason.contains("space exceeded") => Self::NoSpace(endpoint),
            Code::ResourceExhausted => Self::Overloaded { endpoint, reason },
            Code::OutOfRange if reason.contains("message length too large") => {
                Self::AnswerTooLarge(endpoint)
            }
            Code::NotFound if reason.contains("lease not found") => Self::LeaseEnded(endpoint),
            Code::OutOfRange if reason.contains("compacted") => Self::Compacted {
                endpoint,
                oldest: 0,
            },
            Code::InvalidArgument if reason.contains("too many operations") => {
                Self::TooManyOperations(endpoint)
            }
            // The users were changed while this process was signed in: signing in again helps.
            Code::InvalidArgument if reason.contains("auth store is old") => {
                Self::Overloaded { endpoint, reason }
            }
            // A token ends some minutes after its last use, and with a restart of its member.
            Code::Unauthenticated if reason.contains("invalid auth token") => {
                Self::Overloaded { endpoint, reason }
            }
            Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument => {
                Self::Denied { endpoint, reason }
            }
            _ => {
                let cause = status.source().map(innermost).unwrap_or_default();
                if cause.contains(ALERT) {
                    return Self::Denied {
                        endpoint,
                        reason: cause,
                    };
                }
                let reason = if cause.is_empty() {
                    reason
                } else {
                    format!("{reason}: {cause}")
                };
                Self::Unknown { endpoint, reason }
            }
        }
    }
}

/// Whether TLS failed on what the peer sent: a certificate that is not accepted, or no TLS at all.
/// Trying again does not help then. rustls' errors come as `InvalidData`.
pub(crate) fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

/// The cause at the bottom of a chain, which is the one that says something.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
