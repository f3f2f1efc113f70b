//! Calls `ipamctl`.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::binaries;
use crate::process::{self, Finish, Output};

/// Runs `ipamctl` with these arguments, whatever comes of it.
pub fn run(endpoints: &[String], arguments: &[&str]) -> Result<Output> {
    run_with(endpoints, arguments, "")
}

/// The same, with this standard input.
pub fn run_with(endpoints: &[String], arguments: &[&str], stdin: &str) -> Result<Output> {
    let mut command = Command::new(binaries::ipamctl()?);
    command
        .args(arguments)
        .env_clear()
        .env("IPAMCTL_ENDPOINTS", endpoints.join(","));
    process::run(command, stdin, Finish::Normal)
}

/// Creates the store.
pub fn init(endpoints: &[String], more: &[&str]) -> Result<()> {
    let output = run(endpoints, &[&["init"], more].concat())?;
    ensure!(output.status.success(), "ipamctl init: {output:?}");
    Ok(())
}

/// What `ls` or `ranges` lists.
pub fn list(endpoints: &[String], verb: &str) -> Result<Vec<Value>> {
    let output = run(endpoints, &[verb, "-o", "json"])?;
    ensure!(output.status.success(), "ipamctl {verb}: {output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("ipamctl {verb}: {output:?}"))
}
