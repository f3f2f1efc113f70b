//! The model of etcd, compared with the servers that it stands for.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::conformance;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use chaos_tests::model::Version;

/// Of one version.
const SEQUENCES: u64 = 100;

#[test]
fn the_model_answers_as_every_etcd_does() -> Result<()> {
    let first: u64 = match std::env::var("CHAOS_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => 1,
    };
    let count = match std::env::var("CHAOS_SEQUENCES") {
        Ok(count) => count.parse()?,
        Err(_) => SEQUENCES,
    };
    for install in etcd_versions() {
        let version = Version::of(&install).context("the model knows no such etcd")?;
        let series = install.series();
        let server = EtcdServer::start_with(Options {
            install: Some(install),
            ..Options::default()
        })?;
        let began = std::time::Instant::now();
        let found = conformance::run(&server, version, first..first + count, Duration::MAX)?;
        println!(
            "{series}: {} sequences, {} requests, {} void, in {:?}",
            found.sequences,
            found.requests,
            found.void.len(),
            began.elapsed()
        );
        for why in &found.void {
            println!("void: {why}");
        }
        for difference in &found.differences {
            println!("{difference}");
        }
        assert!(found.differences.is_empty(), "{series} answers otherwise");
        assert!(found.sequences > 0, "nothing was compared");
    }
    Ok(())
}
