//! What etcd says when it does not do what it is asked.

use store::etcd::EtcdError;

/// Why a request was refused. Nothing of it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A key is empty.
    EmptyKey,
    /// A transaction writes a key twice.
    DuplicateKey,
    /// A transaction is too long (`--max-txn-ops`).
    TooManyOperations,
    /// A request is too large (`--max-request-bytes`).
    TooLarge,
    /// The alarm for want of space stands.
    NoSpace,
    /// There is no such lease.
    NoLease,
    /// The lease is to be longer than etcd allows.
    LeaseTooLong,
    /// The revision was compacted.
    Compacted,
    /// There is no such revision yet.
    FutureRevision,
}

impl Refused {
    /// What a client makes of it.
    pub fn into_error(self, endpoint: &str) -> EtcdError {
        let endpoint = endpoint.to_owned();
        let denied = |endpoint, reason: &str| EtcdError::Denied {
            endpoint,
            reason: format!("etcdserver: {reason}"),
        };
        match self {
            Self::EmptyKey => denied(endpoint, "key is not provided"),
            Self::DuplicateKey => denied(endpoint, "duplicate key given in txn request"),
            Self::TooLarge => denied(endpoint, "request is too large"),
            Self::TooManyOperations => EtcdError::TooManyOperations(endpoint),
            Self::NoSpace => EtcdError::NoSpace(endpoint),
            Self::NoLease => EtcdError::LeaseEnded(endpoint),
            Self::Compacted => EtcdError::Compacted {
                endpoint,
                oldest: 0,
            },
            Self::FutureRevision => EtcdError::Unknown {
                endpoint,
                reason: "etcdserver: mvcc: required revision is a future revision".to_owned(),
            },
            Self::LeaseTooLong => EtcdError::Unknown {
                endpoint,
                reason: "etcdserver: too large lease TTL".to_owned(),
            },
        }
    }
}
