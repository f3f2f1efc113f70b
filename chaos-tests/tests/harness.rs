//! The harness itself: what it starts, breaks and mends really is started, broken and mended.

use anyhow::{Result, ensure};
use chaos_tests::certs::Authority;
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use chaos_tests::raw::{Access, Raw};

#[test]
fn every_installed_etcd_starts_and_keeps_its_data_over_a_kill() -> Result<()> {
    let versions = etcd_versions();
    ensure!(!versions.is_empty(), "no etcd: run `make test`");
    for install in versions {
        let mut etcd = EtcdServer::start_with(Options {
            install: Some(install),
            ..Options::default()
        })?;
        etcd.raw()?.put("k", "v")?;
        etcd.kill()?;
        assert!(etcd.raw()?.get("k").is_err());
        etcd.restart()?;
        assert_eq!(etcd.raw()?.get("k")?, Some(b"v".to_vec()));
        etcd.stop()?;
        etcd.wipe()?;
        etcd.restart()?;
        assert_eq!(etcd.raw()?.get("k")?, None);
    }
    Ok(())
}

#[test]
fn a_restored_snapshot_has_the_old_keys_and_a_lower_term() -> Result<()> {
    for install in etcd_versions() {
        let mut etcd = EtcdServer::start_with(Options {
            install: Some(install),
            ..Options::default()
        })?;
        etcd.raw()?.put("before", "v")?;
        // Every start of a single member is an election, and so a new term.
        etcd.stop()?;
        etcd.restart()?;
        let snapshot = etcd.snapshot()?;
        etcd.raw()?.put("after", "v")?;
        let term = etcd.raw()?.status()?.raft_term;
        etcd.stop()?;
        etcd.restore(&snapshot)?;
        etcd.restart()?;
        let raw = etcd.raw()?;
        assert_eq!((raw.count("before")?, raw.count("after")?), (1, 0));
        assert!(raw.status()?.raft_term < term);
    }
    Ok(())
}

#[test]
fn a_paused_member_does_not_answer_until_it_is_resumed() -> Result<()> {
    let mut cluster = EtcdCluster::start()?;
    let (leader, follower) = cluster.leader_and_follower()?;
    let raw = follower.raw()?;
    follower.pause()?;
    assert!(raw.put("k", "v").is_err(), "a paused member answered");
    leader.raw()?.put("other", "v")?;
    follower.resume()?;
    raw.get("k")?;
    Ok(())
}

#[test]
fn a_server_with_tls_refuses_a_certificate_of_another_authority() -> Result<()> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let directory = tempfile::tempdir()?;
    let stranger = Authority::new(directory.path(), "stranger")?.client("root")?;
    let access = Access {
        tls: Some((etcd.authority()?, &stranger)),
        ..Access::default()
    };
    let refused = Raw::new(&etcd.endpoint(), access).and_then(|raw| raw.get("k"));
    assert!(refused.is_err());
    etcd.raw()?.put("k", "v")
}

#[test]
fn many_keys_are_written_counted_and_read() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let raw = etcd.raw()?;
    raw.put_all((0..1000).map(|n| (format!("p/{n}"), n.to_string())))?;
    assert_eq!(raw.count("p/")?, 1000);
    assert_eq!(raw.list("p/")?.len(), 1000);
    raw.delete_prefix("p/")?;
    assert_eq!(raw.count("p/")?, 0);
    Ok(())
}

#[test]
fn a_small_quota_raises_the_alarm() -> Result<()> {
    let etcd = EtcdServer::start_with(Options {
        quota_bytes: Some(4 << 20),
        ..Options::default()
    })?;
    let raw = etcd.raw()?;
    assert!(!raw.is_out_of_space()?);
    raw.fill_up("filler/")?;
    assert!(raw.is_out_of_space()?);
    Ok(())
}
