//! Who holds what, read from etcd at one revision, and whether it makes sense.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::layout::Layout;
use crate::raw::Raw;

/// The address keys and the owner records of a store.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Attachment by address key. Rests and reservations, which are JSON, are nobody's.
    addresses: BTreeMap<String, String>,
    /// Record by holder.
    owners: BTreeMap<String, Value>,
}

impl Holdings {
    /// Reads a store.
    pub fn read(raw: &Raw, layout: &Layout) -> Result<Self> {
        let mut holdings = Self::default();
        for (key, value) in raw.list(layout.root())? {
            let key = String::from_utf8(key)?;
            if key.starts_with(&layout.addresses()) {
                if value.starts_with(b"{") {
                    continue;
                }
                holdings.addresses.insert(key, String::from_utf8(value)?);
            } else if let Some(holder) = key.strip_prefix(&layout.owners()) {
                let record = serde_json::from_slice(&value)
                    .with_context(|| format!("the record of {holder}"))?;
                holdings.owners.insert(holder.to_owned(), record);
            }
        }
        Ok(holdings)
    }

    /// Every address names a holder whose record names it, and every record holds what it names.
    pub fn check(&self, layout: &Layout) -> Result<()> {
        let mut named = BTreeSet::new();
        for (holder, record) in &self.owners {
            for key in keys_of(record, layout)? {
                let found = self.addresses.get(&key);
                ensure!(
                    found == Some(holder),
                    "{holder} claims {key}, which is held by {found:?}"
                );
                named.insert(key);
            }
        }
        for (key, holder) in &self.addresses {
            ensure!(named.contains(key), "no record of {holder} names {key}");
        }
        Ok(())
    }

    /// How many attachments hold something.
    pub fn owners(&self) -> usize {
        self.owners.len()
    }

    /// How many addresses are held by attachments.
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// A holder's record; `null` without one.
    pub fn record(&self, holder: &str) -> &Value {
        self.owners.get(holder).unwrap_or(&Value::Null)
    }

    /// The addresses that a holder's record names, in its order; none without a record.
    pub fn of(&self, holder: &str) -> Result<Vec<String>> {
        let Some(record) = self.owners.get(holder) else {
            return Ok(Vec::new());
        };
        let addresses = record["addresses"].as_array().context("no addresses")?;
        let text = |held: &Value| {
            let address = held["address"].as_str().context("no address")?;
            Ok(format!("{address}/{}", held["prefix"]))
        };
        addresses.iter().map(text).collect()
    }
}

/// The address keys that a record names.
fn keys_of(record: &Value, layout: &Layout) -> Result<Vec<String>> {
    let addresses = record["addresses"].as_array().context("no addresses")?;
    let key = |held: &Value| {
        let space = held["space"].as_str().context("no space")?;
        let address = held["address"].as_str().context("no address")?;
        let ip: std::net::IpAddr = address.parse()?;
        Ok(layout.address(space, ip))
    };
    addresses.iter().map(key).collect()
}
