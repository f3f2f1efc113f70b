//! Attachments and their records, as ADDs and the collector write them.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::allocate::Request;
use store::claim::{Claim, Order};
use store::collect::Listed;
use store::inspect::Owner;
use store::names::{Attachment, Space};
use store::record::{Boot, HeldAddress, Kind, OwnerRecord, Pod, SCHEMA};

use super::bench::{Bench, CLUSTER, soon};

pub(crate) fn attachment(container: &str) -> Attachment {
    Attachment {
        cluster: CLUSTER.to_owned(),
        node: "n1".to_owned(),
        network: "net".to_owned(),
        container: container.to_owned(),
        interface: "eth0".to_owned(),
    }
}

fn held(address: &str) -> Result<HeldAddress> {
    let address: IpAddr = address.parse()?;
    Ok(HeldAddress {
        space: Space::Shared("default".to_owned()),
        address: address.into(),
        prefix: if address.is_ipv4() { 24 } else { 64 },
        gateway: None,
    })
}

/// A record of its own random id.
pub(crate) fn record(addresses: &[&str]) -> Result<OwnerRecord> {
    Ok(OwnerRecord {
        v: SCHEMA,
        id: format!("{:032x}", rand::random::<u128>()),
        kind: Kind::Adopted,
        addresses: addresses
            .iter()
            .map(|text| held(text))
            .collect::<Result<_>>()?,
        pod: Pod::default(),
        boot: Boot::default(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        cooldown_s: 0,
        plugin: "test".to_owned(),
        other: serde_json::Map::new(),
    })
}

impl Bench {
    /// What an ADD does: takes these addresses, or stamps the record anew that has them.
    pub(crate) fn add(
        &self,
        container: &str,
        addresses: &[&str],
        cooldown_s: u64,
    ) -> Result<Owner> {
        let claims = addresses.iter().map(|text| Ok(Claim::Exact(held(text)?)));
        let request = Request {
            attachment: &attachment(container),
            claims: &claims.collect::<Result<Vec<_>>>()?,
            order: Order::Lowest,
            record: &OwnerRecord {
                kind: Kind::Allocated,
                cooldown_s,
                ..record(&[])?
            },
        };
        let mut random = StdRng::seed_from_u64(1);
        let added = self.store.allocate(request, &mut random, soon(&self.store));
        self.wait(added)??;
        self.owner(container)?.context("no record after an ADD")
    }

    /// A record as a listing shows it.
    pub(crate) fn owner(&self, container: &str) -> Result<Option<Owner>> {
        let wanted = attachment(container);
        let read = (self.store).owners_of_node(&wanted.cluster, &wanted.node, soon(&self.store));
        let (owners, damaged) = self.wait(read)??;
        anyhow::ensure!(damaged.is_empty(), "{damaged:?}");
        Ok(owners.into_iter().find(|owner| owner.attachment == wanted))
    }

    /// The key of an address.
    pub(crate) fn address(&self, text: &str) -> Result<String> {
        let held = held(text)?;
        Ok(self.store.keys().address(&held.space, held.address))
    }

    /// A key as a listing shows it.
    pub(crate) fn listed(&self, key: &str) -> Result<Listed> {
        let answer = self.raw.ask(async |client| client.get(key, None).await)?;
        let entry = answer.kvs().first().context("no such key")?;
        Ok(Listed {
            key: key.to_owned(),
            mod_revision: entry.mod_revision(),
        })
    }
}
