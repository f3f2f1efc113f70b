//! Owner records written past the plugin, spelled as they are documented.

use std::net::IpAddr;

use anyhow::Result;
use serde_json::{Value, json};

use crate::layout::Layout;
use crate::random::hex;
use crate::raw::Raw;

/// What an attachment holds: its owner record, and the address keys that belong to it.
#[derive(Clone, Debug)]
pub struct Record {
    holder: String,
    held: Vec<(String, IpAddr)>,
    value: Value,
}

/// A record of this holder (see [`crate::layout::holder`]) that names no address, no pod and no
/// machine yet.
pub fn record(holder: &str) -> Record {
    Record {
        holder: holder.to_owned(),
        held: Vec::new(),
        value: json!({
            "v": 1,
            "id": hex(),
            "addresses": [],
            "pod": {},
            "started_ms": 1000,
            "created": "2026-01-05T08:00:00.000Z",
            "plugin": "0.1.0",
        }),
    }
}

impl Record {
    /// With one more address of a space, in a network of this prefix length.
    #[must_use]
    pub fn address(mut self, space: &str, ip: impl Into<IpAddr>, prefix: u8) -> Self {
        let ip = ip.into();
        let address = json!({"space": space, "address": ip, "prefix": prefix});
        if let Some(addresses) = self.value["addresses"].as_array_mut() {
            addresses.push(address);
        }
        self.held.push((space.to_owned(), ip));
        self
    }

    /// For this pod.
    #[must_use]
    pub fn pod(self, namespace: &str, name: &str, uid: &str) -> Self {
        let pod = json!({"namespace": namespace, "name": name, "uid": uid});
        self.field("pod", pod)
    }

    /// On this machine, in this boot, by a process that started so long after it (milliseconds).
    #[must_use]
    pub fn started(self, machine_id: &str, boot_id: &str, after_ms: u64) -> Self {
        self.field("machine_id", machine_id)
            .field("boot_id", boot_id)
            .field("started_ms", after_ms)
    }

    /// Made at this time (RFC 3339).
    #[must_use]
    pub fn created(self, time: &str) -> Self {
        self.field("created", time)
    }

    /// With addresses that rest so long after their release (seconds).
    #[must_use]
    pub fn cooldown_s(self, seconds: u64) -> Self {
        self.field("cooldown_s", seconds)
    }

    /// With any field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.value[name] = value.into();
        self
    }

    /// Whose record it is.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The addresses that it names, in its order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.held.iter().map(|(_, ip)| *ip).collect()
    }

    /// The keys and their values: the record, then its addresses.
    pub fn entries(&self, layout: &Layout) -> Vec<(String, String)> {
        let record = (layout.owner(&self.holder), self.value.to_string());
        let held = self.held.iter().map(|(space, ip)| {
            let key = layout.address(space, *ip);
            (key, self.holder.clone())
        });
        [record].into_iter().chain(held).collect()
    }
}

/// Writes records and their addresses, many in one transaction but not all: who looks meanwhile may
/// see a record without some of its addresses.
pub fn write(raw: &Raw, layout: &Layout, records: impl IntoIterator<Item = Record>) -> Result<()> {
    let entries = records
        .into_iter()
        .flat_map(|record| record.entries(layout));
    raw.put_all(entries)
}
