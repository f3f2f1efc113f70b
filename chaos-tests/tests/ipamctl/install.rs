//! `ipamctl node install`, and the plugin that it installed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::host::{Host, mode};
use chaos_tests::lab::Lab;
use chaos_tests::layout::Layout;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

fn net() -> Value {
    network("net", json!({"range": "10.60.0.0/24"}))
}

/// What the installer says that it did.
fn installed(output: &Output) -> Result<Value> {
    ensure!(output.status.success(), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

/// What it says when it did not.
fn refused(output: Output) -> Result<String> {
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(output.stdout.is_empty(), "{output:?}");
    Ok(output.stderr)
}

fn eventually(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    while !is_so()? {
        ensure!(Instant::now() < patience, "it never was so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn a_pod_gets_an_address_by_what_was_installed() -> Result<()> {
    let (etcd, host) = Host::of_secure_etcd()?;
    let raw = etcd.raw()?;
    let said = host.install(&etcd, &host.tls_flags())?;
    let done = installed(&said)?;
    assert_eq!(done["changed"], json!(["plugin", "credentials", "config"]));
    let store: Value = serde_json::from_slice(
        &raw.get(Layout::default().store())?
            .context("there is no store")?,
    )?;
    assert_eq!(done["store_id"], store["id"]);

    let own = host.own_dir();
    let config = host.configured()?;
    assert_eq!(config["node_name"], "n1");
    assert_eq!(config["cluster"], "default");
    assert_eq!(config["etcd"]["store_id"], store["id"]);
    assert_eq!(config["etcd"]["prefix"], "/etcd-ipam");
    assert_eq!(config["etcd"]["endpoints"], json!([etcd.endpoint()]));
    for (key, source, name) in [
        ("ca_file", "source/ca", "ca.crt"),
        ("cert_file", "source/cert", "client.crt"),
        ("key_file", "source/key", "client.key"),
    ] {
        let path = own.join("credentials").join(name);
        assert_eq!(config["etcd"][key], path.display().to_string());
        assert_eq!(fs::read(&path)?, fs::read(host.path(source))?);
        assert_eq!(mode(&path)?, 0o600, "{name}");
    }
    assert_eq!(mode(&host.plugin())?, 0o755);
    assert_eq!(fs::read(host.plugin())?, fs::read(binaries::plugin()?)?);
    assert_eq!(mode(&host.config())?, 0o600);
    assert_eq!(mode(&own)?, 0o700);
    assert_eq!(mode(&own.join("credentials"))?, 0o700);

    host.add("c", &net())?.success()?;
    assert_eq!(raw.count(&Layout::default().owner("default/n1/net/c"))?, 1);
    host.del("c", &network("net", json!({})))?.silence()?;
    assert_eq!(raw.count(&Layout::default().owners())?, 0);
    Ok(())
}

#[test]
fn what_has_not_changed_is_not_written_again() -> Result<()> {
    let (etcd, host) = Host::of_secure_etcd()?;
    installed(&host.install(&etcd, &host.tls_flags())?)?;
    let files = || -> Result<Vec<u64>> {
        let paths = [
            host.plugin(),
            host.config(),
            host.own_dir().join("credentials/client.key"),
        ];
        paths
            .iter()
            .map(|path| Ok(fs::metadata(path)?.ino()))
            .collect()
    };
    let before = files()?;
    let again = installed(&host.install(&etcd, &host.tls_flags())?)?;
    assert_eq!(again["changed"], json!([]));
    assert_eq!(files()?, before);
    Ok(())
}

/// Another version of the plugin: what is appended to a program is not loaded.
fn another_version(at: &Path) -> Result<()> {
    fs::copy(binaries::plugin()?, at)?;
    fs::OpenOptions::new()
        .append(true)
        .open(at)?
        .write_all(b"another")?;
    Ok(())
}

#[test]
fn a_plugin_that_runs_is_not_disturbed_by_its_successor() -> Result<()> {
    let mut lab = Lab::new()?;
    let host = Host::new("n1")?;
    installed(&host.install(&lab.etcd, &[])?)?;
    let successor = host.path("successor");
    another_version(&successor)?;
    let plugin = format!("--plugin={}", successor.display());

    lab.etcd.pause()?;
    thread::scope(|scope| -> Result<()> {
        let running = scope.spawn(|| host.add("c", &net()));
        let lock = host.path("state/lock");
        eventually("the plugin runs", || {
            Ok(lock.is_dir() && fs::read_dir(&lock)?.count() > 0)
        })?;
        let done = installed(&host.install(&lab.etcd, &[plugin])?)?;
        assert_eq!(done["changed"], json!(["plugin"]));
        lab.etcd.resume()?;
        let answer = running.join().map_err(|_| anyhow::anyhow!("a panic"))??;
        answer.success()?;
        Ok(())
    })?;
    assert_eq!(fs::read(host.plugin())?, fs::read(&successor)?);
    host.del("c", &net())?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn renewed_certificates_reach_the_plugin_and_its_old_pods() -> Result<()> {
    let (mut etcd, host) = Host::of_secure_etcd()?;
    let flags = host.tls_flags();
    let installer = host.keep_installed(&etcd, &flags)?;
    eventually("it is installed", || Ok(host.config().is_file()))?;
    host.add("old", &net())?.success()?;

    // A new authority for everybody: nothing works any more with what was there before.
    etcd.stop()?;
    etcd.renew_certificates()?;
    etcd.restart()?;
    let authority = etcd.authority()?;
    host.supply(authority, &authority.client("n1")?)?;
    let key = host.own_dir().join("credentials/client.key");
    eventually("they are installed", || {
        Ok(fs::read(&key)? == fs::read(host.path("source/key"))?)
    })?;
    host.add("new", &net())?.success()?;
    // Its journal names the certificates of its day.
    host.del("old", &network("net", json!({})))?.silence()?;
    let owners = etcd.raw()?.list(&Layout::default().owners())?;
    assert_eq!(owners.len(), 1, "{owners:?}");
    let generations = fs::read_dir(host.own_dir())?.filter(|entry| {
        entry.as_ref().is_ok_and(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("credentials.")
        })
    });
    assert_eq!(generations.count(), 1);
    ensure!(installer.stop()?.success(), "{}", host.log());
    assert!(!host.log().contains("PRIVATE KEY"));
    Ok(())
}

#[test]
fn certificates_that_let_nobody_in_do_not_replace_those_that_do() -> Result<()> {
    let (etcd, host) = Host::of_secure_etcd()?;
    installed(&host.install(&etcd, &host.tls_flags())?)?;
    let authority = etcd.authority()?;
    let good = fs::read(host.path("source/key"))?;
    let stranger_dir = tempfile::tempdir()?;
    let stranger = chaos_tests::certs::Authority::new(stranger_dir.path(), "stranger")?;
    let other = authority.client("another")?;
    for problem in [
        "half renewed",
        "a stranger's",
        "of nobody's authority",
        "missing",
    ] {
        match problem {
            "half renewed" => {
                fs::copy(&other.key_file, host.path("source/key"))?;
            }
            "a stranger's" => host.supply(authority, &stranger.client("n1")?)?,
            "of nobody's authority" => host.supply(&stranger, &authority.client("n1")?)?,
            _ => fs::remove_file(host.path("source/cert"))?,
        }
        let why = refused(host.install(&etcd, &host.tls_flags())?)?;
        assert!(!why.contains("PRIVATE KEY"), "{why}");
        let key = host.own_dir().join("credentials/client.key");
        assert_eq!(fs::read(key)?, good, "{problem}");
        host.add("c", &net())?.success().context(problem)?;
    }
    Ok(())
}

#[test]
fn a_store_that_is_gone_or_another_is_refused_and_the_known_one_stays() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    installed(&host.install(&lab.etcd, &[])?)?;
    let before = fs::read(host.config())?;

    lab.raw.delete(lab.layout.store())?;
    let why = refused(host.install(&lab.etcd, &[])?)?;
    assert!(why.contains("the store is gone"), "{why}");
    assert_eq!(lab.raw.get(lab.layout.store())?, None, "it was created");
    assert_eq!(fs::read(host.config())?, before);

    ctl::init(&[lab.etcd.endpoint()], &[])?;
    let why = refused(host.install(&lab.etcd, &["--cluster=other".to_owned()])?)?;
    assert!(why.contains("belongs to store"), "{why}");
    assert_eq!(fs::read(host.config())?, before);
    host.add("c", &net())?.failure(104)?;

    // Its own store is not believed to be another for being frozen.
    let store_id = host.configured()?["etcd"]["store_id"].clone();
    let own = json!({"schema": 1, "id": store_id, "sealed_term": 1, "epoch": 0});
    lab.raw.put(lab.layout.store(), own.to_string())?;
    lab.raw.put(lab.layout.freeze(), r#"{"reason": "drill"}"#)?;
    installed(&host.install(&lab.etcd, &[])?)?;
    Ok(())
}

#[test]
fn while_etcd_is_away_only_a_node_that_knows_its_store_is_installed() -> Result<()> {
    let mut lab = Lab::new()?;
    let known = Host::new("n1")?;
    installed(&known.install(&lab.etcd, &[])?)?;
    let store_id = known.configured()?["etcd"]["store_id"].clone();
    lab.etcd.stop()?;

    fs::remove_file(known.plugin())?;
    let done = installed(&known.install(&lab.etcd, &["--cluster=west".to_owned()])?)?;
    assert_eq!(done["changed"], json!(["plugin", "config"]));
    assert_eq!(done["store_id"], store_id);
    assert_eq!(known.configured()?["cluster"], "west");

    let fresh = Host::new("n2")?;
    let why = refused(fresh.install(&lab.etcd, &[])?)?;
    assert!(why.contains("no etcd endpoint can be reached"), "{why}");
    assert!(!fresh.config().exists());
    let installer = fresh.keep_installed(&lab.etcd, &[])?;
    eventually("it waits", || Ok(fresh.log().contains("waiting")))?;
    lab.etcd.restart()?;
    eventually("it is installed", || Ok(fresh.config().is_file()))?;
    assert_eq!(fresh.configured()?["etcd"]["store_id"], store_id);
    ensure!(installer.stop()?.success(), "{}", fresh.log());
    Ok(())
}

#[test]
fn an_installer_that_stays_waits_for_a_store_and_repairs_what_is_damaged() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let host = Host::new("n1")?;
    let mut installer = host.keep_installed(&etcd, &[])?;
    eventually("it waits", || Ok(host.log().contains("ipamctl init")))?;
    assert!(!host.config().exists());
    ctl::init(&[etcd.endpoint()], &[])?;
    eventually("it is installed", || Ok(host.config().is_file()))?;
    fs::write(host.plugin(), "cut off")?;
    let whole = fs::read(binaries::plugin()?)?;
    eventually("it is repaired", || Ok(fs::read(host.plugin())? == whole))?;

    etcd.raw()?.delete(Layout::default().store())?;
    eventually("it says so", || {
        Ok(host.log().contains("the store is gone"))
    })?;
    ensure!(installer.ended()?.is_none(), "{}", host.log());
    ensure!(installer.stop()?.success(), "{}", host.log());
    Ok(())
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_written() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    let file = host.path("file");
    fs::write(&file, "{")?;
    let path = |path: &Path| path.display().to_string();
    fs::write(host.path("unknown"), r#"{"log_levle": "debug"}"#)?;
    for (flag, value, word) in [
        ("--plugin", path(&host.path("none")), "none cannot be read"),
        ("--defaults", path(&file), "not one JSON object"),
        ("--defaults", path(&host.path("unknown")), "log_levle"),
        ("--node-config", path(&file), "--defaults"),
        ("--host-conf-dir", "etc/cni".to_owned(), "absolute"),
        ("--prefix", "/elsewhere".to_owned(), "ipamctl init"),
        ("--cert-file", path(&file), "belong together"),
        ("--ca-file", path(&host.path("none")), "none cannot be read"),
    ] {
        // The last of two flags would be a mistake of its own.
        let mut arguments = host.arguments(&lab.etcd);
        arguments.retain(|argument| !argument.starts_with(flag));
        arguments.extend(["--once".to_owned(), format!("{flag}={value}")]);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let why = refused(ctl::run(&[], &arguments)?)?;
        assert!(why.contains(word), "{flag}: {why}");
        assert!(!host.config().exists(), "{flag}");
    }
    for (missing, word) in [
        ("--node-name", "--node-name"),
        ("--endpoints", "--endpoints"),
    ] {
        let mut arguments = host.arguments(&lab.etcd);
        arguments.retain(|argument| !argument.starts_with(missing));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let why = refused(ctl::run(&[], &[&arguments[..], &["--once"]].concat())?)?;
        assert!(why.contains(word), "{missing}: {why}");
    }
    let incomplete = ctl::run(&[], &["node", "install"])?;
    assert_eq!(incomplete.status.code(), Some(2), "{incomplete:?}");
    Ok(())
}

#[test]
fn a_nodes_file_that_cannot_be_read_is_not_replaced() -> Result<()> {
    let lab = Lab::new()?;
    let host = Host::new("n1")?;
    installed(&host.install(&lab.etcd, &[])?)?;
    fs::write(host.config(), "{")?;
    let why = refused(host.install(&lab.etcd, &[])?)?;
    assert!(why.contains("which store this node belongs to"), "{why}");
    assert_eq!(fs::read(host.config())?, b"{");
    Ok(())
}

#[test]
fn a_node_that_is_told_its_store_takes_no_other() -> Result<()> {
    let lab = Lab::new()?;
    let store: Value = serde_json::from_slice(
        &lab.raw
            .get(lab.layout.store())?
            .context("there is no store")?,
    )?;
    let id = store["id"].as_str().context("it has no id")?;
    let told = |id: &str| [format!("--store-id={id}")];

    let host = Host::new("n1")?;
    let said = refused(host.install(&lab.etcd, &told("another"))?)?;
    ensure!(said.contains("another") && said.contains(id), "{said}");
    assert!(!host.config().exists());
    installed(&host.install(&lab.etcd, &told(id))?)?;
    assert_eq!(host.configured()?["etcd"]["store_id"], id);
    // What is pinned stays, whatever is said later.
    let said = refused(host.install(&lab.etcd, &told("another"))?)?;
    ensure!(said.contains("etcd-ipam.conf"), "{said}");
    assert_eq!(host.configured()?["etcd"]["store_id"], id);

    // Where etcd has been wiped before the node's first installation, it is noticed all the same.
    let wiped = EtcdServer::start()?;
    let fresh = Host::new("n2")?;
    let said = refused(fresh.install(&wiped, &told(id))?)?;
    ensure!(said.contains("gone"), "{said}");
    assert!(!fresh.config().exists());
    Ok(())
}

#[test]
fn a_node_that_is_told_its_store_needs_no_etcd_to_be_installed() -> Result<()> {
    let mut lab = Lab::new()?;
    lab.etcd.pause()?;
    let host = Host::new("n1")?;
    installed(&host.install(&lab.etcd, &["--store-id=s1".to_owned()])?)?;
    assert_eq!(host.configured()?["etcd"]["store_id"], "s1");
    Ok(())
}
