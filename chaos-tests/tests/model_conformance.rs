//! The model of etcd, compared with the servers that it stands for.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::conformance;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use chaos_tests::model::{Model, Version};
use store::coordination::{Coordination as _, LeaseId, Watch as _};
use store::etcd::{Client, Settings};
use store::key::KeyRange;
use store::txn::{Etcd as _, Get, Op, Txn, View};

/// Of one version.
const SEQUENCES: u64 = 40;

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
            in_memory: true,
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

/// Every etcd that the model knows, with the model of it.
fn pairs() -> impl Iterator<Item = Result<(EtcdServer, Model)>> {
    etcd_versions().into_iter().map(|install| {
        let version = Version::of(&install).context("the model knows no such etcd")?;
        let server = EtcdServer::start_with(Options {
            install: Some(install),
            in_memory: true,
            ..Options::default()
        })?;
        Ok((server, Model::new(version)))
    })
}

fn client(server: &EtcdServer) -> Client {
    Client::new(Settings {
        endpoints: vec![server.endpoint()],
        ..Settings::default()
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

fn write(then: Vec<Op>) -> Txn {
    Txn {
        then,
        ..Txn::default()
    }
}

fn put(key: &str) -> Op {
    Op::Put(key.into(), key.into())
}

#[test]
fn a_lease_takes_its_keys_as_in_the_model() -> Result<()> {
    for pair in pairs() {
        let (server, mut model) = pair?;
        let all = KeyRange {
            start: "a".into(),
            end: "z".into(),
        };
        let told = runtime()?.block_on(async {
            let client = client(&server);
            let lease = client.grant(Duration::from_secs(1)).await?;
            model.number_next_lease(lease.0);
            model.grant(Duration::from_secs(1), Duration::ZERO).ok();
            let leased = ["c", "b"].map(|key| Op::PutLeased(key.into(), Vec::new(), lease));
            let kept = Op::PutLeased("d".into(), Vec::new(), LeaseId(0));
            let txn = write(leased.into_iter().chain([kept, put("a")]).collect());
            client.txn(&txn).await?;
            model.txn(&txn).ok();
            let mut watch = client.watch(&all, 3).await?;
            let told = watch.next().await?.changes;
            anyhow::ensure!(!client.keep_alive(lease).await?, "it lives on");
            Ok(told)
        })?;
        model.expire(Duration::from_secs(2));
        assert_eq!(Ok(told), model.told(&all, 3));
    }
    Ok(())
}

#[test]
fn a_restored_server_stands_where_the_model_says() -> Result<()> {
    for pair in pairs() {
        let (mut server, mut model) = pair?;
        let runtime = runtime()?;
        let ask = |server: &EtcdServer, model: &mut Model, txn: &Txn| {
            let theirs = runtime.block_on(async { client(server).txn(txn).await });
            let ours = model.txn(txn).map_err(|no| no.into_error(""));
            assert_eq!(format!("{theirs:?}"), format!("{ours:?}"));
        };
        ask(&server, &mut model, &write(vec![put("a"), put("b")]));
        let (snapshot, saved) = (server.snapshot()?, model.clone());
        server.stop()?;
        server.restart()?;
        model.elect(Duration::ZERO);
        ask(&server, &mut model, &write(vec![put("c")]));
        server.stop()?;
        server.restore(&snapshot)?;
        server.restart()?;
        model.restore(saved, 0, Duration::ZERO);
        let all = KeyRange {
            start: "a".into(),
            end: "z".into(),
        };
        let read = Txn::read([Get::range(all, View::Entries, 0)]);
        ask(&server, &mut model, &read);
        ask(&server, &mut model, &write(vec![put("d")]));
    }
    Ok(())
}
