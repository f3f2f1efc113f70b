//! The values behind the keys: versioned JSON that a newer version may have added fields to.
//!
//! What a reader does not know it keeps (`other`), so writing a record back loses nothing. What it
//! cannot read at all counts as taken and is never deleted automatically.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::key;
use crate::names::{Attachment, Space};
use crate::range::{Range, Span};

/// The version of the records that this code writes and the highest that it reads.
pub const SCHEMA: u32 = 1;

/// A value larger than this is not one of ours and is not parsed (bytes).
const LARGEST_VALUE: usize = 64 * 1024;

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

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, DamagedValue> {
    if value.len() > LARGEST_VALUE {
        return Err(DamagedValue::TooLarge(value.len()));
    }
    serde_json::from_slice(value).map_err(DamagedValue::Json)
}

fn to_json<T: Serialize>(record: &T) -> String {
    // Records hold strings, numbers and maps with string keys: JSON can always say those.
    serde_json::to_string(record).unwrap_or_default()
}

/// One address that an attachment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAddress {
    /// Where it is unique.
    #[serde(with = "space_text")]
    pub space: Space,
    /// The address.
    pub address: Address,
    /// The length of its network's prefix.
    pub prefix: u8,
    /// The gateway that was handed out with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Address>,
}

/// A space is written into records as it stands in keys.
mod space_text {
    use super::{Space, key};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(space: &Space, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&key::space_segment(space))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Space, D::Error> {
        let text = String::deserialize(from)?;
        key::parse_space(&text).ok_or_else(|| D::Error::custom("not the name of an address space"))
    }
}

/// The Kubernetes pod behind an attachment, as far as the runtime said. Never used as an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// `K8S_POD_NAMESPACE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `K8S_POD_NAME`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `K8S_POD_UID`; for a static pod its config hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// One life of a machine, and when in it the ADD's process started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// `/etc/machine-id`, empty where unknown.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        rename = "machine_id"
    )]
    pub machine: String,
    /// `/proc/sys/kernel/random/boot_id`, empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "boot_id")]
    pub id: String,
    /// `CLOCK_BOOTTIME` of that boot when the process started (milliseconds).
    #[serde(default)]
    pub started_ms: u64,
}

/// What an attachment holds, and for whom. Written and deleted with its addresses in one
/// transaction, so that one compare on it guards them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRecord {
    /// The record's version.
    pub v: u32,
    /// Random, made once per process: two lives of one attachment never look alike.
    pub id: String,
    /// What it holds, in the order of the answer.
    pub addresses: Vec<HeldAddress>,
    /// For whom.
    #[serde(default)]
    pub pod: Pod,
    /// Where and when.
    #[serde(flatten)]
    pub boot: Boot,
    /// Wall clock, for people (RFC 3339).
    pub created: String,
    /// How long a released address rests before another gets it (seconds).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cooldown_s: u64,
    /// The version of the program that wrote it.
    pub plugin: String,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this signature"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl OwnerRecord {
    /// Reads an owner key's value.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        let record: Self = parse(value)?;
        if record.v > SCHEMA {
            Err(DamagedValue::Version(record.v))
        } else {
            Ok(record)
        }
    }

    /// The value to write.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// When the record was made, or `None` where it does not say so readably.
    pub fn created_at(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.created).ok()
    }
}

/// What stands as an address key's value.
///
/// An attachment is written as its owner key's suffix. Everything else is a JSON object, whose `{`
/// sorts behind every character of an encoded name: sorted by value, whatever is not an attachment
/// comes last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A container's interface holds it.
    Attachment(Attachment),
    /// Nobody holds it, and it rests before somebody may.
    Cooldown(Cooldown),
    /// An operator keeps it.
    Reservation(Map<String, Value>),
}

/// A released address that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// When it was released, by the releaser's wall clock (RFC 3339).
    pub released: String,
    /// How long it is to rest (seconds).
    pub cooldown_s: u64,
    /// Who held it: a holder's name.
    pub was: String,
}

impl Cooldown {
    /// Whether the rest has lasted more than twice its length at `now`, so that an ADD which finds
    /// nothing else may end it. Twice, because the two clocks may differ.
    pub fn is_long_over(&self, now: SystemTime) -> bool {
        let rest = Duration::from_secs(self.cooldown_s.saturating_mul(2));
        humantime::parse_rfc3339(&self.released)
            .is_ok_and(|released| now.duration_since(released).is_ok_and(|since| since > rest))
    }
}

/// The JSON form of a holder that is not an attachment.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum OtherHolder {
    Cooldown(Cooldown),
    Reservation(Map<String, Value>),
    Quarantine(Map<String, Value>),
}

impl Holder {
    /// Reads an address key's value.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        if value.first() == Some(&b'{') {
            return Ok(match parse(value)? {
                OtherHolder::Cooldown(cooldown) => Self::Cooldown(cooldown),
                OtherHolder::Reservation(why) | OtherHolder::Quarantine(why) => {
                    Self::Reservation(why)
                }
            });
        }
        if value.len() > LARGEST_VALUE {
            return Err(DamagedValue::TooLarge(value.len()));
        }
        std::str::from_utf8(value)
            .ok()
            .and_then(key::parse_holder_name)
            .map(Self::Attachment)
            .ok_or_else(|| DamagedValue::Json(serde::de::Error::custom("not a holder's name")))
    }
}

/// The value that makes an address rest.
pub fn cooldown_value(cooldown: Cooldown) -> String {
    to_json(&OtherHolder::Cooldown(cooldown))
}

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
}

impl FreezeRecord {
    /// Reads the value; an unreadable freeze freezes all the same.
    pub fn parse(value: &[u8]) -> Self {
        parse(value).unwrap_or_else(|_| Self {
            reason: "the reason cannot be read".to_owned(),
        })
    }
}

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
        let network = crate::address::Network::new(self.bounds.first(), self.prefix)?;
        Some(Range::new(
            network,
            self.bounds,
            self.gateway,
            self.excludes.clone(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> OwnerRecord {
        OwnerRecord {
            v: 1,
            id: "0123456789abcdef0123456789abcdef".into(),
            addresses: vec![HeldAddress {
                space: Space::Shared("default".into()),
                address: "192.168.20.11".parse().unwrap(),
                prefix: 24,
                gateway: Some("192.168.20.1".parse().unwrap()),
            }],
            pod: Pod {
                namespace: "shop".into(),
                name: "web-0".into(),
                uid: "u".into(),
            },
            boot: Boot {
                machine: "m".into(),
                id: "b".into(),
                started_ms: 12,
            },
            created: "2026-11-20T12:00:00Z".into(),
            cooldown_s: 0,
            plugin: "0.1.0".into(),
            other: Map::new(),
        }
    }

    #[test]
    fn an_owner_record_reads_back() {
        let record = record();
        assert_eq!(
            OwnerRecord::parse(record.to_json().as_bytes()).unwrap(),
            record
        );
    }

    #[test]
    fn what_a_newer_version_added_survives() {
        let mut value: Value = serde_json::from_str(&record().to_json()).unwrap();
        value["sticky"] = Value::from("yes");
        let read = OwnerRecord::parse(value.to_string().as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&read.to_json()).unwrap(),
            value
        );
    }

    #[test]
    fn a_record_of_a_later_version_is_not_misread() {
        let later = OwnerRecord { v: 2, ..record() };
        let error = OwnerRecord::parse(later.to_json().as_bytes()).unwrap_err();
        assert!(matches!(error, DamagedValue::Version(2)));
    }

    #[test]
    fn whatever_is_not_an_attachment_sorts_behind_all_attachments() {
        let cooldown = cooldown_value(Cooldown {
            released: "2026-11-20T12:00:00Z".into(),
            cooldown_s: 60,
            was: "zzz/z/z/z/z".into(),
        });
        assert!(cooldown.as_str() > "zzz/z/z/z/z");
        assert!(matches!(
            Holder::parse(cooldown.as_bytes()),
            Ok(Holder::Cooldown(_))
        ));
    }

    #[test]
    fn a_rest_is_long_over_after_twice_its_length() {
        let cooldown = Cooldown {
            released: "2026-11-20T12:00:00Z".into(),
            cooldown_s: 60,
            was: String::new(),
        };
        let at = |text| humantime::parse_rfc3339(text).unwrap();
        assert!(!cooldown.is_long_over(at("2026-11-20T12:02:00Z")));
        assert!(cooldown.is_long_over(at("2026-11-20T12:02:01Z")));
        assert!(!cooldown.is_long_over(at("2026-11-20T11:00:00Z")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = OwnerRecord::parse(&bytes);
            let _ = Holder::parse(&bytes);
            let _ = StoreRecord::parse(&bytes);
            let _ = RangeRecord::parse(&bytes);
            let _ = FreezeRecord::parse(&bytes);
        }
    }
}
