//! `ipamctl explain`: says what an ADD would do, and the ADD then does it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::node::Node;
use chaos_tests::plugin::{Call, network};
use chaos_tests::process::Output;
use chaos_tests::record::{self, record};
use chaos_tests::{ctl, raw};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A lab, and files with configurations.
struct Desk {
    lab: Lab,
    home: TempDir,
}

impl Desk {
    fn new() -> Result<Self> {
        Self::with(json!({}))
    }

    /// With this in the node's file.
    fn with(node: Value) -> Result<Self> {
        Ok(Self {
            lab: Lab::with(chaos_tests::etcd::Options::default(), node)?,
            home: tempfile::tempdir()?,
        })
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.home.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Explains a network as the lab's node sees it, whatever comes of it.
    fn run(&self, network: &Value, more: &[&str]) -> Result<Output> {
        self.run_on(&self.lab.node, &network.to_string(), more)
    }

    fn run_on(&self, node: &Node, network: &str, more: &[&str]) -> Result<Output> {
        let path = self.file("network.json", network)?;
        let (path, node) = (path.display().to_string(), node.config());
        let node = node.display().to_string();
        let arguments = ["explain", "--config", &path, "--node-config", &node];
        ctl::run(&[], &[&arguments, more].concat())
    }

    /// Explains a network for programs.
    fn explain(&self, network: &Value, more: &[&str]) -> Result<Value> {
        let output = self.run(network, &[more, &["-o", "json"]].concat())?;
        let report: Value = serde_json::from_str(&output.stdout)
            .with_context(|| format!("ipamctl explain: {output:?}"))?;
        let explained = report["networks"][0].clone();
        let fails = explained["verdict"]["result"] == "fails";
        let status = if fails { 3 } else { 0 };
        ensure!(output.status.code() == Some(status), "{output:?}");
        Ok(explained)
    }

    /// Fails unless the ADD of `container` does what was foretold.
    fn comes_true(&self, explained: &Value, container: &str, network: &Value) -> Result<()> {
        let answer = self.lab.node.add(container, network)?;
        let verdict = &explained["verdict"];
        if verdict["result"] == "fails" {
            let error = answer.failure()?;
            ensure!(error.code == verdict["code"], "{error:?} is not {verdict}");
            let message = verdict["message"].as_str().unwrap_or_default();
            ensure!(message.starts_with(&error.msg), "{error:?} is not {verdict}");
        } else {
            let addresses = json!(answer.success()?.addresses()?);
            ensure!(addresses == verdict["addresses"], "{addresses} is not {verdict}");
        }
        Ok(())
    }
}
