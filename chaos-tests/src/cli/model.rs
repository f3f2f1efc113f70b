//! The model of etcd beside real servers.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Conclusion, say};
use crate::conformance;
use crate::etcd::{EtcdServer, Options};
use crate::install;
use crate::model::Version;

/// Compares for so many seconds with every version of etcd that can be started here.
pub(super) fn run(seconds: u64) -> Result<Conclusion> {
    let installs = install::etcd_versions();
    let share = u32::try_from(installs.len().max(1))?;
    let time = Duration::from_secs(seconds) / share;
    let first = rand::random::<u64>() >> 1;
    let mut conclusion = Conclusion::Passed;
    for install in &installs {
        let version = Version::of(install).context("the model knows no such etcd")?;
        let server = EtcdServer::start_with(Options {
            install: Some(install.clone()),
            ..Options::default()
        })?;
        let found = conformance::run(&server, version, first.., time)?;
        say(&format!(
            "model: etcd {}: {} sequences, {} requests, {} void, {} differences",
            install.series(),
            found.sequences,
            found.requests,
            found.void.len(),
            found.differences.len()
        ));
        for difference in &found.differences {
            say(&format!("  {difference}"));
            conclusion = Conclusion::Failed;
        }
        if found.sequences == 0 {
            conclusion = conclusion.max(Conclusion::Void);
        }
    }
    if installs.is_empty() {
        say("skipped: model: no etcd can be started here");
        return Ok(Conclusion::Skipped);
    }
    Ok(conclusion)
}
