//! A machine of the cluster, as far as the plugin sees one: a config file, a spool, a state.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::answer::Answer;
use crate::plugin::Call;

/// A simulated node.
#[derive(Debug)]
pub struct Node {
    home: TempDir,
}

impl Node {
    /// A node of this name that knows these endpoints.
    pub fn new(name: &str, endpoints: &[String]) -> Result<Self> {
        Self::with_config(name, json!({"etcd": {"endpoints": endpoints}}))
    }

    /// A node with more in its file; what the file lacks to be a node of its own is added.
    pub fn with_config(name: &str, config: Value) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("node-").tempdir()?;
        let node = Self { home };
        node.configure(name, config)?;
        Ok(node)
    }

    /// Writes the node's file anew.
    pub fn configure(&self, name: &str, mut config: Value) -> Result<()> {
        config["node_name"] = name.into();
        config["spool_dir"] = path_text(&self.home.path().join("spool"));
        config["state_dir"] = path_text(&self.home.path().join("state"));
        config["log_file"] = path_text(&self.home.path().join("log"));
        std::fs::write(self.config(), config.to_string())?;
        Ok(())
    }

    /// The node's config file.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("node.json")
    }

    /// The lines of the plugin's log.
    pub fn log(&self) -> Vec<String> {
        // No log was written, so it has no lines.
        let text = std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The files that say what was not released yet; none that a killed DEL left half written.
    pub fn spool(&self) -> Result<Vec<PathBuf>> {
        let mut found = files(&self.home.path().join("spool"))?;
        found.retain(|path| path.extension().is_none_or(|end| end != "tmp"));
        Ok(found)
    }

    /// The files that the plugin keeps until the machine boots again.
    pub fn state(&self) -> Result<Vec<PathBuf>> {
        files(&self.home.path().join("state"))
    }

    /// Boots the machine: what is on tmpfs is gone.
    pub fn reboot(&self) -> Result<()> {
        let state = self.home.path().join("state");
        if state.exists() {
            std::fs::remove_dir_all(state)?;
        }
        Ok(())
    }

    /// Runs any call on this node.
    pub fn run(&self, call: &Call) -> Result<Answer> {
        call.run(&self.config())
    }

    /// ADD for interface `eth0` of a container.
    pub fn add(&self, container: &str, network: &Value) -> Result<Answer> {
        self.run(&Call::attachment("ADD", container, "eth0", network))
    }

    /// DEL for interface `eth0` of a container.
    pub fn del(&self, container: &str, network: &Value) -> Result<Answer> {
        self.run(&Call::attachment("DEL", container, "eth0", network))
    }

    /// CHECK for interface `eth0` of a container, whose ADD gave `result`.
    pub fn check(&self, container: &str, network: &Value, result: &Value) -> Result<Answer> {
        let mut config = network.clone();
        config["prevResult"] = result.clone();
        self.run(&Call::attachment("CHECK", container, "eth0", &config))
    }

    /// GC: of this network, these containers are alive.
    pub fn gc(&self, alive: &[&str], network: &Value) -> Result<Answer> {
        let attachments = alive
            .iter()
            .map(|container| json!({"containerID": container, "ifname": "eth0"}));
        let mut config = network.clone();
        config["cni.dev/valid-attachments"] = attachments.collect();
        self.run(&Call::new("GC", &config))
    }

    /// STATUS.
    pub fn status(&self, network: &Value) -> Result<Answer> {
        self.run(&Call::new("STATUS", network))
    }
}

fn path_text(path: &Path) -> Value {
    path.display().to_string().into()
}

/// All files below a directory; none if it does not exist.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if directory.exists() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                found.extend(files(&path)?);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}
