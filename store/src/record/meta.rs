//! The values that belong to the whole store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DamagedValue, parse, to_json};

/// The store's birth certificate, the value of `meta/store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRecord {
    /// The version of the keyspace.
    pub schema: u32,
    /// Random, made once by `init`.
    pub id: String,
    /// A Raft term that the store has reached. An answer of a lower term comes from a restored
    /// snapshot: a restore keeps the keys and restarts the term.
    pub sealed_term: u64,
    /// Grows with every recovery.
    pub epoch: u64,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl StoreRecord {
    /// Reads the value of `meta/store`.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        parse(value)
    }

    /// The value to write.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Why no address may be given out: the value of `meta/freeze`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeRecord {
    /// For people.
    #[serde(default)]
    pub reason: String,
    /// Who froze the store, for people; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Since when, by that one's wall clock (RFC 3339); empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl FreezeRecord {
    /// Reads the value; an unreadable freeze freezes all the same.
    pub fn parse(value: &[u8]) -> Self {
        parse(value).unwrap_or_else(|_| Self {
            reason: "the reason cannot be read".to_owned(),
            ..Self::default()
        })
    }

    /// The value to write.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
