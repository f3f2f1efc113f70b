//! What was configured for a range.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DamagedValue, SCHEMA, parse, to_json};
use crate::address::{Address, Network};
use crate::range::{Range, Span};

/// What was configured for a range: for listings and metrics, never for safety.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// The record's version.
    pub v: u32,
    /// The network's prefix length.
    pub prefix: u8,
    /// First and last address as configured.
    pub bounds: Span,
    /// What is never given out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<Span>,
    /// The gateway, never given out either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Address>,
    /// When a node last used it (RFC 3339).
    pub seen: String,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl RangeRecord {
    /// The record of `range`, used at `seen` (RFC 3339).
    pub fn new(range: &Range, seen: String) -> Self {
        Self {
            v: SCHEMA,
            prefix: range.network().length(),
            bounds: range.bounds(),
            excludes: range.excludes().to_vec(),
            gateway: range.gateway(),
            seen,
            other: Map::new(),
        }
    }

    /// Reads a range key's value.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        parse(value)
    }

    /// The value to write.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// The range that was configured; `None` where the prefix does not fit the family.
    pub fn range(&self) -> Option<Range> {
        let network = Network::new(self.bounds.first(), self.prefix)?;
        Some(Range::new(
            network,
            self.bounds,
            self.gateway,
            self.excludes.clone(),
        ))
    }
}
