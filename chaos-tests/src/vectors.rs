//! Runs the vectors of `fixtures/vectors`: cases of how an IPAM plugin must behave, as data.

pub mod cni;
mod expectation;
pub mod whereabouts;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::node::Node;

/// What the cases are run against.
pub struct Target<'a> {
    /// The node that the calls come from.
    pub node: &'a Node,
    /// What is merged into the `ipam` section of every call.
    pub extra: Map<String, Value>,
}

/// Reads one file of the fixtures.
fn load<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/vectors")
        .join(name);
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&text)?)
}

/// Runs every case and fails with the list of those that failed, and why.
fn run_all<C>(
    cases: &[C],
    id: impl Fn(&C) -> &str,
    run: impl Fn(usize, &C) -> Result<()>,
) -> Result<()> {
    let failures: Vec<_> = cases
        .iter()
        .enumerate()
        .filter_map(|(number, case)| {
            let error = run(number, case).err()?;
            Some(format!("{}: {error:#}", id(case)))
        })
        .collect();
    if cases.is_empty() {
        bail!("no case was run");
    }
    if !failures.is_empty() {
        bail!(
            "{} of {} cases failed:\n{}",
            failures.len(),
            cases.len(),
            failures.join("\n")
        );
    }
    Ok(())
}
