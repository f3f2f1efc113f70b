//! What an ADD asks for.

use crate::names::Space;
use crate::range::Range;
use crate::record::HeldAddress;

/// One address that an ADD asks for. An ADD gets all of its claims or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Any free address of these ranges, which are one pool: the first is used up first.
    Any(Vec<PoolRange>),
    /// Exactly this address, or the ADD fails.
    Exact(HeldAddress),
}

/// A range and the space in which its addresses are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRange {
    /// Where an address of the range has at most one holder.
    pub space: Space,
    /// Which addresses may be given out.
    pub range: Range,
}

/// In which order free addresses are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The lowest free address, as users of Whereabouts expect: .11, .12, .13.
    #[default]
    Lowest,
    /// A random free address: less reuse, less contention, one round trip less.
    Spread,
}
