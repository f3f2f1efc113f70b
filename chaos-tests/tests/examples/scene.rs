//! A store, a node that uses it, and the networks of an example.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::machine::Machine;
use chaos_tests::skip::skipped;
use serde_json::Value;

/// A node, and the store.
pub(crate) struct Scene {
    pub(crate) node: Machine,
    etcd: EtcdServer,
}

impl Scene {
    /// `None`, and said so, where such machines cannot be had.
    pub(crate) fn new(test: &str, plugins: &[&str]) -> Result<Option<Self>> {
        if let Some(reason) = Machine::obstacle(&["ping"], plugins)? {
            skipped(test, &reason);
            return Ok(None);
        }
        let etcd = EtcdServer::start()?;
        ctl::init(&[etcd.endpoint()], &[])?;
        let node = Self::machine(&etcd, "node-a")?;
        Ok(Some(Self { node, etcd }))
    }

    fn machine(etcd: &EtcdServer, name: &str) -> Result<Machine> {
        let mut machine = Machine::start(name)?;
        machine.use_store(etcd)?;
        Ok(machine)
    }

    /// Another node that uses the same store.
    pub(crate) fn another_node(&self, name: &str) -> Result<Machine> {
        Self::machine(&self.etcd, name)
    }

    /// How many addresses are taken.
    pub(crate) fn held(&self) -> Result<usize> {
        Ok(self.states()?.len())
    }

    /// What `ipamctl ls` calls each address that is taken.
    pub(crate) fn states(&self) -> Result<Vec<String>> {
        let listed = ctl::list(&[self.etcd.endpoint()], "ls")?;
        let state = |one: &Value| one["state"].as_str().map(str::to_owned);
        listed
            .iter()
            .map(|one| state(one).context("no state"))
            .collect()
    }
}

/// The configuration of a network of `deploy/examples`.
pub(crate) fn network(example: &str, name: &str) -> Result<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let text = fs::read_to_string(directory.join(example))?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text)?;
    let found = objects.iter().find(|object| {
        object["kind"] == "NetworkAttachmentDefinition" && object["metadata"]["name"] == name
    });
    let config = found.and_then(|object| object["spec"]["config"].as_str());
    let config = config.with_context(|| format!("{example} has no network {name}"))?;
    Ok(serde_json::from_str(config)?)
}
