//! `ipamctl node uninstall`: nothing goes that a pod still needs.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::host::Host;
use chaos_tests::lab::Lab;
use chaos_tests::layout::{Layout, holder};
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use chaos_tests::record::{self, record};
use serde_json::{Value, json};

fn net() -> Value {
    network("net", json!({"range": "10.61.0.0/24"}))
}

/// What a DEL may be given: names.
fn bare() -> Value {
    network("net", json!({}))
}

fn uninstall(host: &Host, etcd: &EtcdServer, more: &[&str]) -> Result<Output> {
    let directories = host.directories();
    let given = ["node", "uninstall", "-o", "json", "--timeout", "1s"];
    let directories = directories.iter().map(String::as_str);
    let arguments: Vec<_> = given
        .into_iter()
        .chain(directories)
        .chain(more.iter().copied())
        .collect();
    ctl::run(&[etcd.endpoint()], &arguments)
}

/// What is done, if it ends with this status.
fn ended(output: &Output, status: i32) -> Result<Value> {
    ensure!(output.status.code() == Some(status), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

fn install(host: &Host, etcd: &EtcdServer, more: &[String]) -> Result<()> {
    let output = host.install(etcd, more)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

fn is_gone(host: &Host) -> bool {
    !host.plugin().exists() && !host.own_dir().exists()
}

#[test]
fn a_node_that_holds_nothing_is_left_as_it_was() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    install(&host, &lab.etcd, &[])?;
    host.add("c", &net())?.success()?;
    host.del("c", &net())?.silence()?;
    // Another node's is no reason to stay.
    let other = record(&holder("n10", "net", "c")).address("default", [10, 61, 0, 9], 24);
    record::write(&lab.raw, &lab.layout, [other])?;

    let asked = uninstall(&host, &lab.etcd, &[])?;
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert!(host.plugin().exists() && host.config().exists());

    let done = ended(&uninstall(&host, &lab.etcd, &["--yes"])?, 0)?;
    assert_eq!(done["held"], json!([]));
    assert_eq!(done["left"], json!([]));
    assert_eq!(done["removed"].as_array().map(Vec::len), Some(3), "{done}");
    assert!(is_gone(&host));
    // Whoever does it again finds nothing to do.
    let again = uninstall(&host, &lab.etcd, &["--yes", "--node-name", "n1"])?;
    assert_eq!(ended(&again, 0)?["removed"], json!([]));
    Ok(())
}

#[test]
fn what_a_node_still_holds_is_listed_and_keeps_the_plugin() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    install(&host, &lab.etcd, &[])?;
    let ip = host.add("c", &net())?.success()?.ip()?;
    let lost = record(&holder("n1", "other", "lost")).address("default", [10, 61, 0, 9], 24);
    record::write(&lab.raw, &lab.layout, [lost])?;

    let listed = ended(&uninstall(&host, &lab.etcd, &["--yes", "--wait=100ms"])?, 3)?;
    assert_eq!(
        listed,
        json!({"removed": [], "left": [], "held": [
            {"network": "net", "container": "c", "interface": "eth0", "namespace": "test",
             "pod": "pod-c", "addresses": [ip], "known_by": ["store", "journal"]},
            {"network": "other", "container": "lost", "interface": "eth0", "namespace": "",
             "pod": "", "addresses": ["10.61.0.9"], "known_by": ["store"]},
        ]})
    );
    assert!(host.plugin().exists() && host.config().exists());

    // The journal alone is enough: the store may have forgotten.
    lab.raw.delete_prefix(&lab.layout.owners())?;
    let listed = ended(&uninstall(&host, &lab.etcd, &["--yes"])?, 3)?;
    assert_eq!(listed["held"][0]["known_by"], json!(["journal"]));
    Ok(())
}

#[test]
fn a_release_that_waits_needs_the_plugin() -> Result<()> {
    let mut lab = Lab::new()?;
    let host = Host::new("n1")?;
    install(&host, &lab.etcd, &[])?;
    host.add("c", &net())?.success()?;
    lab.etcd.stop()?;
    host.del("c", &net())?.silence()?;
    lab.etcd.restart()?;
    lab.raw.delete_prefix(&lab.layout.owners())?;
    let listed = ended(&uninstall(&host, &lab.etcd, &["--yes"])?, 3)?;
    assert_eq!(listed["held"][0]["known_by"], json!(["spool"]));
    for damaged in fs::read_dir(host.path("spool"))? {
        fs::write(damaged?.path(), "{")?;
    }
    let unknown = uninstall(&host, &lab.etcd, &["--yes"])?;
    assert_eq!(ended(&unknown, 3)?["held"], json!([]));
    assert!(unknown.stderr.contains("cannot be read"), "{unknown:?}");
    assert!(host.plugin().exists() && host.config().exists());
    Ok(())
}

#[test]
fn it_waits_for_the_last_pod() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    install(&host, &lab.etcd, &[])?;
    host.add("c", &net())?.success()?;
    std::thread::scope(|scope| -> Result<()> {
        let waiting = scope.spawn(|| uninstall(&host, &lab.etcd, &["--yes", "--wait"]));
        host.del("c", &net())?.silence()?;
        let done = waiting.join().map_err(|_| anyhow::anyhow!("a panic"))??;
        assert_eq!(ended(&done, 0)?["held"], json!([]));
        Ok(())
    })?;
    assert!(is_gone(&host));
    Ok(())
}

#[test]
fn by_force_no_pod_begins_and_every_pod_can_end() -> Result<()> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let raw = etcd.raw()?;
    let host = Host::new("n1")?;
    host.supply(etcd.authority()?, etcd.root_identity()?)?;
    let flags = host.tls_flags();
    let tls: Vec<_> = flags.iter().map(String::as_str).collect();
    ctl::init(&[etcd.endpoint()], &tls)?;
    install(&host, &etcd, &flags)?;
    host.add("c", &net())?.success()?;

    let force = [&tls[..], &["--force", "--yes"]].concat();
    let done = ended(&uninstall(&host, &etcd, &force)?, 0)?;
    assert_eq!(done["held"][0]["container"], "c");
    assert_eq!(done["left"].as_array().map(Vec::len), Some(3), "{done}");
    assert_eq!(host.configured()?.get("etcd"), None);
    host.add("d", &net())?.failure(7)?;
    host.del("c", &bare())?.silence()?;
    assert_eq!(raw.count(&Layout::default().owners())?, 0);

    // The spool would have kept it from going, had anything been left there.
    let last = [&tls[..], &["--yes", "--node-name", "n1"]].concat();
    ended(&uninstall(&host, &etcd, &last)?, 0)?;
    assert!(is_gone(&host));
    Ok(())
}

#[test]
fn nothing_goes_while_nobody_knows_what_is_held() -> Result<()> {
    let mut lab = Lab::new()?;
    let host = Host::new("n1")?;
    install(&host, &lab.etcd, &[])?;
    host.add("c", &net())?.success()?;
    let wrong_store = json!({"schema": 1, "id": "other", "sealed_term": 1, "epoch": 0});
    let store = lab.raw.get(lab.layout.store())?.context("no store")?;
    for (what, value) in [
        ("another", wrong_store.to_string()),
        ("damaged", "{".to_owned()),
    ] {
        lab.raw.put(lab.layout.store(), value)?;
        let refused = uninstall(&host, &lab.etcd, &["--yes"])?;
        assert_eq!(refused.status.code(), Some(1), "{what}: {refused:?}");
    }
    lab.raw.put(lab.layout.store(), store)?;
    let config = fs::read(host.config())?;
    fs::write(host.config(), "{")?;
    assert_eq!(
        uninstall(&host, &lab.etcd, &["--yes"])?.status.code(),
        Some(1)
    );
    fs::write(host.config(), config)?;

    lab.etcd.stop()?;
    let refused = uninstall(&host, &lab.etcd, &["--yes"])?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert!(host.plugin().exists() && host.config().exists());
    let forced = ended(&uninstall(&host, &lab.etcd, &["--yes", "--force"])?, 0)?;
    assert_eq!(forced["held"][0]["known_by"], json!(["journal"]));
    assert!(host.plugin().exists());

    lab.etcd.restart()?;
    host.del("c", &bare())?.silence()?;
    lab.ensure_all_is_free()
}
