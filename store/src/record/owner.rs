//! The owner record: what an attachment holds, and for whom.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DamagedValue, SCHEMA, parse, to_json};
use crate::address::Address;
use crate::key;
use crate::names::Space;

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

/// How an owner record came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// An ADD took the addresses. Written as no kind at all.
    #[default]
    Allocated,
    /// The collector wrote down what a live pod names and the store lacked. No container stands
    /// behind it, and it never counts as newer than another record.
    Adopted,
    /// An operator brought it over from another plugin, whose ADD took the addresses. It says
    /// nothing of when that was, and so never counts as newer than another record.
    Imported,
    /// What a newer version made.
    Other(String),
}

impl Kind {
    const ADOPTED: &str = "adopted";
    const IMPORTED: &str = "imported";

    /// Whether an ADD made the record.
    pub fn is_allocated(&self) -> bool {
        *self == Self::Allocated
    }
}

impl From<String> for Kind {
    fn from(text: String) -> Self {
        match text.as_str() {
            "" => Self::Allocated,
            Self::ADOPTED => Self::Adopted,
            Self::IMPORTED => Self::Imported,
            _ => Self::Other(text),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Allocated => Self::new(),
            Kind::Adopted => Kind::ADOPTED.to_owned(),
            Kind::Imported => Kind::IMPORTED.to_owned(),
            Kind::Other(text) => text,
        }
    }
}

/// What an attachment holds, and for whom. Written and deleted with its addresses in one
/// transaction, so that one compare on it guards them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRecord {
    /// The record's version.
    pub v: u32,
    /// Random, made once per process: two lives of one attachment never look alike.
    pub id: String,
    /// How it came to be.
    #[serde(default, skip_serializing_if = "Kind::is_allocated")]
    pub kind: Kind,
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

    /// The value to write, but for its addresses: for many records that differ in nothing else.
    pub(crate) fn template(&self) -> Template {
        let mut record = self.clone();
        record.addresses.clear();
        let json = record.to_json();
        let (head, tail) = json.split_once(NO_ADDRESSES).unwrap_or((&json, ""));
        Template {
            head: head.to_owned(),
            tail: tail.to_owned(),
        }
    }

    /// When the record was made, or `None` where it does not say so readably.
    pub fn created_at(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.created).ok()
    }
}

/// A record's list of addresses where it has none. No string before it holds this: there a quotation mark
/// has a backslash before it.
const NO_ADDRESSES: &str = "\"addresses\":[]";

/// An owner record's JSON around its addresses.
#[derive(Debug)]
pub(crate) struct Template {
    head: String,
    tail: String,
}

impl Template {
    /// The value of the record with these addresses.
    pub(crate) fn with<'a>(&self, addresses: impl Iterator<Item = &'a HeldAddress>) -> String {
        let addresses: Vec<_> = addresses.collect();
        let Self { head, tail } = self;
        format!("{head}\"addresses\":{}{tail}", to_json(&addresses))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> OwnerRecord {
        OwnerRecord {
            v: 1,
            id: "0123456789abcdef0123456789abcdef".into(),
            kind: Kind::Allocated,
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
    fn a_template_gives_what_the_record_gives() {
        let mut record = record();
        record.kind = Kind::Other("\"addresses\":[]".into());
        record
            .other
            .insert("addresses ".into(), json!({"addresses": []}));
        let template = record.template();
        for count in 1..3 {
            record.addresses = vec![record.addresses[0].clone(); count];
            assert_eq!(template.with(record.addresses.iter()), record.to_json());
        }
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
    fn the_kind_is_written_where_no_add_made_the_record_and_reads_back() {
        let kinds = [
            (Kind::Allocated, Value::Null),
            (Kind::Adopted, "adopted".into()),
            (Kind::Imported, "imported".into()),
            (Kind::Other("lent".into()), "lent".into()),
        ];
        for (kind, written) in kinds {
            let record = OwnerRecord { kind, ..record() };
            let json = record.to_json();
            let value: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["kind"], written);
            assert_eq!(OwnerRecord::parse(json.as_bytes()).unwrap(), record);
        }
    }

    #[test]
    fn a_record_of_a_later_version_is_not_misread() {
        let later = OwnerRecord { v: 2, ..record() };
        let error = OwnerRecord::parse(later.to_json().as_bytes()).unwrap_err();
        assert!(matches!(error, DamagedValue::Version(2)));
    }
}
