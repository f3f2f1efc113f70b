//! Why an allocation fails.

use std::fmt;

use super::chain::MAX_CLAIMS;
use crate::address::Address;
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::record::DamagedValue;

/// How full a pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Addresses that attachments hold.
    pub allocated: u128,
    /// Released ones that rest.
    pub resting: u128,
    /// Kept by an operator, or under a value that cannot be read.
    pub reserved: u128,
    /// Whether more rest or are kept than were looked at.
    pub at_least: bool,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            allocated,
            resting,
            reserved,
            at_least,
        } = self;
        let least = if *at_least { "at least " } else { "" };
        write!(
            f,
            "{allocated} allocated, {least}{resting} resting, {least}{reserved} reserved"
        )
    }
}

/// Why nothing was allocated. Whatever the error, nothing of the attempt is left in the store,
/// except where [`AllocateError::may_be_left`] says so.
#[derive(Debug, thiserror::Error)]
pub enum AllocateError {
    /// The store may not give out addresses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A pool has not enough free addresses.
    #[error(
        "{pool} {}: {usage}; widen the range, or see with `ipamctl explain` who holds it",
        if *need > 1 { format!("has fewer than {need} free addresses") } else { "is full".into() }
    )]
    Exhausted {
        /// The pool's ranges.
        pool: String,
        /// How many addresses were wanted at once.
        need: usize,
        /// By what.
        usage: Usage,
    },
    /// A claimed address has another holder.
    #[error("{address} is taken by {holder}; `ipamctl who {address}` says more")]
    Taken {
        /// The address.
        address: Address,
        /// Who holds it.
        holder: String,
    },
    /// The attachment has an owner record that does not fit the addresses it names.
    #[error(
        "the owner record {key} claims {address}, which it does not hold; delete the pod, so that \
         its DEL clears the record"
    )]
    Inconsistent {
        /// The owner key.
        key: String,
        /// The address.
        address: Address,
    },
    /// The attachment has an owner record that cannot be read.
    #[error("the owner record {key} is damaged; it counts as taken until an operator deletes it")]
    DamagedOwner {
        /// The owner key.
        key: String,
        /// What is wrong with its value.
        source: DamagedValue,
    },
    /// More claims than fit a transaction.
    #[error("{0} addresses are asked for at once, at most {MAX_CLAIMS} can be given")]
    TooManyClaims(usize),
    /// Others were faster, until the deadline.
    #[error("every address that was tried was taken by another first, until time ran out")]
    Contended,
    /// etcd could not be asked, or refused.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The attempt may stand in the store: it may have been applied, and could not be undone.
    #[error("{error}; what was written may be left behind until the next DEL or collection")]
    LeftBehind {
        /// What went wrong first.
        #[source]
        error: Box<AllocateError>,
    },
}

impl AllocateError {
    /// Whether something of the attempt may be left in the store.
    pub const fn may_be_left(&self) -> bool {
        matches!(self, Self::LeftBehind { .. })
    }
}
