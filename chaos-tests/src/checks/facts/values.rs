//! The values of etcd's keys, read as they are documented.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;

use super::names::{Names, Place, Who};

/// The version of owner records that is documented.
const VERSION: u32 = 1;

/// An owner record.
#[derive(Debug)]
pub struct Record<'a> {
    /// What it names, in its order.
    pub places: Vec<Place>,
    /// Random, one per process.
    pub id: &'a str,
    /// How it came to be; empty where an ADD made it.
    pub kind: &'a str,
    /// For whom.
    pub pod: PodNames<'a>,
    /// In which boot of its node.
    pub boot: &'a str,
    /// When in that boot its ADD began (milliseconds).
    pub started: u64,
}

/// The pod of an owner record.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodNames<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

#[derive(Deserialize)]
struct RawRecord<'a> {
    v: u32,
    id: &'a str,
    #[serde(default)]
    kind: &'a str,
    #[serde(borrow)]
    addresses: Vec<Held<'a>>,
    #[serde(borrow, default)]
    pod: PodNames<'a>,
    #[serde(default)]
    boot_id: &'a str,
    #[serde(default)]
    started_ms: u64,
}

#[derive(Deserialize)]
struct Held<'a> {
    space: &'a str,
    address: IpAddr,
}

impl<'a> Record<'a> {
    /// Reads an owner key's value. `None`: not what is documented.
    pub fn read(value: &'a str, names: &mut Names<'a>) -> Option<Self> {
        let raw: RawRecord<'a> = serde_json::from_str(value).ok()?;
        let place = |held: &Held<'a>| names.address(held.space, held.address);
        (raw.v == VERSION && !raw.id.is_empty() && !raw.addresses.is_empty()).then(|| Self {
            places: raw.addresses.iter().map(place).collect(),
            id: raw.id,
            kind: raw.kind,
            pod: raw.pod,
            boot: raw.boot_id,
            started: raw.started_ms,
        })
    }
}

/// Who stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An attachment.
    Who(Who),
    /// Nobody: it rests, by the word of whoever released it since then (seconds since 1970).
    Resting(u64),
    /// Nobody: an operator keeps it.
    Nobody,
    /// Something that is not documented.
    Unreadable,
}

impl Holder {
    /// Reads an address key's value.
    pub fn read<'a>(value: &'a str, names: &mut Names<'a>) -> Self {
        #[derive(Deserialize)]
        struct Other<'a> {
            kind: &'a str,
            released: Option<Timestamp>,
        }
        if !value.starts_with('{') {
            return names.holder(value).map_or(Self::Unreadable, Self::Who);
        }
        match serde_json::from_str(value) {
            Ok(Other {
                kind: "cooldown",
                released: Some(released),
            }) => Self::Resting(released.as_second().try_into().unwrap_or_default()),
            Ok(Other {
                kind: "reservation" | "quarantine",
                ..
            }) => Self::Nobody,
            _ => Self::Unreadable,
        }
    }
}

/// The identity in an election key's value.
pub(super) fn identity(value: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Leader<'a> {
        identity: &'a str,
    }
    let leader: Leader<'_> = serde_json::from_str(value).ok()?;
    Some(leader.identity)
}

/// The Raft term in the store's birth certificate.
pub(super) fn sealed_term(value: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Store {
        sealed_term: u64,
    }
    let store: Store = serde_json::from_str(value).ok()?;
    Some(store.sealed_term)
}

/// Whether the value of a collector's `last` says that a sweep judged everything.
pub(super) fn sweep_judged(value: &str) -> bool {
    #[derive(Deserialize)]
    struct Last<'a> {
        result: &'a str,
    }
    serde_json::from_str(value)
        .is_ok_and(|last: Last<'_>| !matches!(last.result, "void" | "interrupted"))
}
