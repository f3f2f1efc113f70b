//! Numbers as programs can read them.

use serde::{Serialize, Serializer};

/// The largest integer up to which every double is exact (RFC 8259, section 6): what readers may
/// make of a JSON number.
const EXACT: u64 = 1 << 53;

/// How many addresses. In JSON a number up to 2^53, and beyond it a string of decimal digits: an
/// IPv6 range holds more addresses than many readers of JSON can count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u128);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(number) if number <= EXACT => serializer.serialize_u64(number),
            _ => serializer.collect_str(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_double_cannot_hold_are_strings() {
        for (count, json) in [
            (0, "0"),
            (9_007_199_254_740_992, "9007199254740992"),
            (9_007_199_254_740_993, "\"9007199254740993\""),
            (u128::MAX, "\"340282366920938463463374607431768211455\""),
        ] {
            assert_eq!(serde_json::to_string(&Count(count)).unwrap(), json);
        }
    }
}
