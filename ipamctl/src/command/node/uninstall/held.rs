//! What a node holds, by everybody who may know.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use ipam_plugin::local::LocalName;
use ipam_plugin::local::disk::Disk;
use ipam_plugin::local::journal::Journal;
use ipam_plugin::local::spool::Spool;
use serde::Serialize;
use store::clock::Clock;
use store::record::OwnerRecord;
use store::txn::Etcd;

use super::super::here::Here;
use crate::command::Context;

/// One attachment. The fields' names are those of the JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Held {
    pub(super) network: String,
    pub(super) container: String,
    pub(super) interface: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) addresses: Vec<String>,
    pub(super) known_by: Vec<&'static str>,
}

impl Held {
    /// As people call a pod.
    pub(super) fn pod_name(&self) -> String {
        match (self.namespace.as_str(), self.pod.as_str()) {
            ("", "") => String::new(),
            (namespace, pod) => format!("{namespace}/{pod}"),
        }
    }
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// In the order of networks, containers and interfaces.
    pub(super) held: Vec<Held>,
    /// Files and keys that may stand for more.
    pub(super) unreadable: Vec<PathBuf>,
    /// Whether the store was asked.
    pub(super) is_certain: bool,
}

/// By network, container and interface.
type ByName = BTreeMap<[String; 3], Held>;

impl Holdings {
    /// What store, journal and spool say.
    ///
    /// # Errors
    /// Where the store cannot be asked, or is not the node's.
    pub(super) async fn read<E: Etcd, C: Clock>(
        context: &Context<E, C>,
        here: &Here,
    ) -> anyhow::Result<Self> {
        let store = &context.store;
        let found = store.birth_certificate(context.deadline()).await?;
        let found = found
            .with_context(|| format!("there is no store under the prefix {}", context.prefix))?;
        let found = found.context("the store's birth certificate cannot be read")?;
        if let Some(known) = here.store_id.as_ref().filter(|known| **known != found.id) {
            bail!(
                "this is store {}, and the node belongs to store {known}",
                found.id
            );
        }
        let owners = store.owners_of_node(&here.cluster, &here.node, context.deadline());
        let (owners, damaged) = owners.await?;
        let mut all = ByName::new();
        for owner in &owners {
            let of = &owner.attachment;
            let name = [&of.network, &of.container, &of.interface];
            note(&mut all, name, Some(&owner.record), "store");
        }
        let mut holdings = of_node(here, all);
        holdings
            .unreadable
            .extend(damaged.into_iter().map(|damaged| damaged.key.into()));
        holdings.is_certain = true;
        Ok(holdings)
    }

    /// What journal and spool say alone.
    pub(super) fn of_node(here: &Here) -> Self {
        of_node(here, ByName::new())
    }
}

fn of_node(here: &Here, mut all: ByName) -> Holdings {
    let (entries, unreadable) = Journal::new(Disk, &here.state_dir).entries();
    for entry in &entries {
        note(&mut all, parts(&entry.name), Some(&entry.record), "journal");
    }
    let (spooled, unread) = Spool::new(Disk, &here.spool_dir).entries_and_unreadable();
    for spooled in &spooled {
        note(&mut all, parts(&spooled.entry.name), None, "spool");
    }
    Holdings {
        held: all.into_values().collect(),
        unreadable: [unreadable, unread].concat(),
        is_certain: false,
    }
}

const fn parts(name: &LocalName) -> [&String; 3] {
    [&name.network, &name.container, &name.interface]
}

fn note(
    all: &mut ByName,
    name: [&String; 3],
    record: Option<&OwnerRecord>,
    known_by: &'static str,
) {
    let held = all.entry(name.map(String::clone)).or_insert_with(|| {
        let [network, container, interface] = name.map(String::clone);
        Held {
            network,
            container,
            interface,
            ..Held::default()
        }
    });
    if !held.known_by.contains(&known_by) {
        held.known_by.push(known_by);
    }
    let Some(record) = record.filter(|_| held.addresses.is_empty()) else {
        return;
    };
    let addresses = record.addresses.iter().map(|held| held.address.to_string());
    held.addresses = addresses.collect();
    held.namespace.clone_from(&record.pod.namespace);
    held.pod.clone_from(&record.pod.name);
}
