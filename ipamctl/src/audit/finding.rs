//! One thing that does not fit.

use serde::{Deserialize, Serialize};
use store::address::Address;

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An address names a holder that has no record.
    OrphanedAddress,
    /// An address names a holder whose record does not claim it.
    UnclaimedAddress,
    /// A record claims an address whose key is gone.
    MissingAddress,
    /// A record claims an address that another holds, or that two records claim.
    Duplicate,
    /// An attachment has records on two nodes.
    TwoNodes,
    /// A key or a value that is not what belongs there; it counts as taken.
    Unreadable,
    /// A record whose pod is gone.
    Leaked,
    /// A living pod uses an address that another holds.
    Conflict,
    /// A living pod uses an address that nobody holds.
    Unrecorded,
    /// An address is held that lies in no known range of its space.
    OutsideRanges,
    /// Two ranges of one space overlap and differ in prefix or gateway.
    OverlappingRanges,
    /// A record that a newer version made.
    NewerRecord,
    /// A key under the prefix that is none of the store's.
    UnknownKey,
}

/// What `ipamctl repair` does about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Deletes the address key.
    DeleteAddress,
    /// Writes the address key again.
    PutAddress,
    /// Releases the record with its addresses.
    Release,
    /// Deletes the key.
    DeleteKey,
}

/// One thing that does not fit. The fields' names are those of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The key that it is about: of an address, a record or a range.
    pub key: String,
    /// The revision that last wrote the key; 0 if it does not exist.
    pub mod_revision: i64,
    /// The SHA-256 of its value; empty if it does not exist.
    pub value_sha256: String,
    /// The address, where it is about one.
    pub address: Option<Address>,
    /// Its space.
    pub space: Option<String>,
    /// Who holds it, as the store names it.
    pub holder: Option<String>,
    /// For people.
    pub detail: String,
    /// What would repair it, if anything can.
    pub repair: Option<Repair>,
}

impl Kind {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrphanedAddress => "orphaned_address",
            Self::UnclaimedAddress => "unclaimed_address",
            Self::MissingAddress => "missing_address",
            Self::Duplicate => "duplicate",
            Self::TwoNodes => "two_nodes",
            Self::Unreadable => "unreadable",
            Self::Leaked => "leaked",
            Self::Conflict => "conflict",
            Self::Unrecorded => "unrecorded",
            Self::OutsideRanges => "outside_ranges",
            Self::OverlappingRanges => "overlapping_ranges",
            Self::NewerRecord => "newer_record",
            Self::UnknownKey => "unknown_key",
        }
    }

    /// Whether it only wants to be known.
    pub const fn is_remark(self) -> bool {
        matches!(
            self,
            Self::OutsideRanges | Self::OverlappingRanges | Self::NewerRecord | Self::UnknownKey
        )
    }

    /// What to do about it, for people.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::OrphanedAddress => "repair deletes the address key, unless a pod uses it",
            Self::UnclaimedAddress => {
                "delete the holder's pod, or release the holder (`ipamctl release --attachment`); \
                 the address is orphaned then"
            }
            Self::MissingAddress => "repair writes the address key again",
            Self::Duplicate => {
                "delete the pod whose record this is, so that it comes back with another address"
            }
            Self::TwoNodes => {
                "release the one on the node where the container is not (`ipamctl release \
                 --attachment`)"
            }
            Self::Unreadable => "look at the value; repair --delete-unreadable deletes the key",
            Self::Leaked => "the collector releases it, or repair does",
            Self::Conflict => {
                "delete one of the two pods, so that it comes back with another address"
            }
            Self::Unrecorded => {
                "the collector writes it down (unless --no-adopt), or restart the pod"
            }
            Self::OutsideRanges => "none is needed; the range was changed or forgotten",
            Self::OverlappingRanges => "make the networks' configurations agree",
            Self::NewerRecord => "use an ipamctl of that version",
            Self::UnknownKey => "none is needed; it keeps nobody from an address",
        }
    }
}

impl Repair {
    /// What it does, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::DeleteAddress => "delete the address key",
            Self::PutAddress => "write the address key again",
            Self::Release => "release the record",
            Self::DeleteKey => "delete the key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_same_name_everywhere() {
        for kind in [
            Kind::OrphanedAddress,
            Kind::UnclaimedAddress,
            Kind::MissingAddress,
            Kind::Duplicate,
            Kind::TwoNodes,
            Kind::Unreadable,
            Kind::Leaked,
            Kind::Conflict,
            Kind::Unrecorded,
            Kind::OutsideRanges,
            Kind::OverlappingRanges,
            Kind::NewerRecord,
            Kind::UnknownKey,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
