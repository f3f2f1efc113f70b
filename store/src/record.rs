//! The values behind the keys: versioned JSON that a newer version may have added fields to.
//!
//! What a reader does not know it keeps (`other`), so writing a record back loses nothing. What it
//! cannot read at all counts as taken and is never deleted automatically.

mod holder;
mod meta;
mod owner;
mod range;
mod report;

use serde::{Serialize, de::DeserializeOwned};

pub use self::holder::{Cooldown, Holder, Reservation};
pub use self::meta::{FreezeRecord, StoreRecord};
pub use self::owner::{Boot, HeldAddress, Kind, OwnerRecord, Pod};
pub use self::range::RangeRecord;
pub use self::report::{Claim, LARGEST_REPORT, ReportRecord, ReportTooLarge};

/// The version of the records that this code writes and the highest that it reads.
pub const SCHEMA: u32 = 1;

/// A value larger than this is not one of ours and is not parsed (bytes).
pub(crate) const LARGEST_VALUE: usize = 64 * 1024;

/// Why a value could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DamagedValue {
    /// It is larger than any record of ours.
    #[error("the value has {0} bytes, more than any record")]
    TooLarge(usize),
    /// It is not the JSON that belongs there.
    #[error("the value is not such a record")]
    Json(#[source] serde_json::Error),
    /// A newer version wrote it in a way that this one does not know.
    #[error("the record's version is {0}, and this program reads up to {SCHEMA}")]
    Version(u32),
}

pub(crate) fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, DamagedValue> {
    parse_up_to(LARGEST_VALUE, value)
}

fn parse_up_to<T: DeserializeOwned>(largest: usize, value: &[u8]) -> Result<T, DamagedValue> {
    if value.len() > largest {
        return Err(DamagedValue::TooLarge(value.len()));
    }
    serde_json::from_slice(value).map_err(DamagedValue::Json)
}

fn to_json<T: Serialize>(record: &T) -> String {
    // Records hold strings, numbers and maps with string keys: JSON can always say those.
    serde_json::to_string(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = OwnerRecord::parse(&bytes);
            let _ = Holder::parse(&bytes);
            let _ = StoreRecord::parse(&bytes);
            let _ = RangeRecord::parse(&bytes);
            let _ = FreezeRecord::parse(&bytes);
            let _ = ReportRecord::parse(&bytes);
        }
    }
}
