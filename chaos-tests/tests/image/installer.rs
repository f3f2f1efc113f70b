//! The installer, as the `DaemonSet` runs it: as root without any capability, on a file system that it
//! may not write to but for the host's directories.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::engine::{Engine, Spec};
use chaos_tests::etcd::EtcdServer;
use chaos_tests::host::{Host, mode};
use chaos_tests::layout::Layout;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

use crate::shop::{IMAGE, engine};

/// A server that wants certificates, the id of its store, and a host that has the node's.
pub(crate) fn secure() -> Result<(EtcdServer, String, Host)> {
    let (etcd, host) = Host::of_secure_etcd()?;
    let store = etcd.raw()?.get(Layout::default().store())?;
    let store: Value = serde_json::from_slice(&store.context("there is no store")?)?;
    let id = store["id"].as_str().context("it has no id")?.to_owned();
    Ok((etcd, id, host))
}

/// The installer for a host, whose plugins are in `bin_dir` below the container's `/host`.
pub(crate) fn installer(etcd: &EtcdServer, store_id: &str, host: &Host, bin_dir: &str) -> Spec {
    [
        ("NODE_NAME", "n1"),
        ("IPAMCTL_ENDPOINTS", &etcd.endpoint()),
        ("IPAMCTL_STORE_ID", store_id),
        ("IPAMCTL_CA_FILE", "/etc/etcd-ipam/tls/ca"),
        ("IPAMCTL_CERT_FILE", "/etc/etcd-ipam/tls/cert"),
        ("IPAMCTL_KEY_FILE", "/etc/etcd-ipam/tls/key"),
    ]
    .into_iter()
    .fold(Spec::confined("node", IMAGE), |spec, (name, value)| {
        spec.env(name, value)
    })
    .user(0)
    .mount(&host.path("root/bin"), &format!("/host{bin_dir}"))
    .mount(&host.path("root/net.d"), "/host/etc/cni/net.d")
    .read_only(&host.path("source"), "/etc/etcd-ipam/tls")
    .read_only(&host.path("defaults"), "/defaults")
}

pub(crate) fn arguments(host: &Host, bin_dir: &str) -> Vec<String> {
    vec![
        "node".to_owned(),
        "install".to_owned(),
        format!("--bin-dir=/host{bin_dir}"),
        "--conf-dir=/host/etc/cni/net.d".to_owned(),
        format!("--host-conf-dir={}", host.path("root/net.d").display()),
        "--defaults=/defaults".to_owned(),
    ]
}

/// Runs the installer to its end, as an init container does.
pub(crate) fn install_once(engine: &Engine, spec: &Spec, arguments: &[String]) -> Result<Output> {
    let arguments = arguments.iter().map(String::as_str);
    engine.run(spec, &arguments.chain(["--once"]).collect::<Vec<_>>())
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    Ok(one.exists() && fs::read(one)? == fs::read(other)?)
}

#[test]
fn the_installer_keeps_a_node_up_to_date_until_it_is_told_to_end() -> Result<()> {
    let test = "the_installer_keeps_a_node_up_to_date_until_it_is_told_to_end";
    let Some(engine) = engine(test)? else {
        return Ok(());
    };
    let (etcd, store_id, host) = secure()?;
    let spec = installer(&etcd, &store_id, &host, "/opt/cni/bin");
    let mut arguments = arguments(&host, "/opt/cni/bin");
    arguments.push("--every=1s".to_owned());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let container = engine.start(&spec, &arguments)?;
    let config = host.config();
    container.wait_until("the node's file is there", || Ok(config.exists()))?;
    let plugin = binaries::plugin()?;
    ensure!(same(&host.plugin(), &plugin)?, "another plugin");
    assert_eq!(mode(&host.plugin())?, 0o755);
    assert_eq!(host.configured()?["node_name"], "n1");
    assert_eq!(host.configured()?["etcd"]["store_id"], store_id);
    let key = host.own_dir().join("credentials/client.key");
    assert_eq!((mode(&key)?, mode(&host.own_dir())?), (0o600, 0o700));

    // What was installed is what a runtime of the host can use.
    let net = network("net", json!({"range": "10.62.0.0/24"}));
    let raw = etcd.raw()?;
    let owner = Layout::default().owner("default/n1/net/c");
    host.add("c", &net)?.success()?;
    assert_eq!(raw.count(&owner)?, 1);
    host.del("c", &network("net", json!({})))?.silence()?;
    assert_eq!(raw.count(&owner)?, 0);

    let authority = etcd.authority()?;
    host.supply(authority, &authority.client("n1")?)?;
    let renewed = host.path("source/key");
    container.wait_until("the renewed key is installed", || same(&key, &renewed))?;
    fs::write(host.plugin(), "damaged")?;
    fs::remove_file(&config)?;
    container.wait_until("plugin and file are back", || {
        Ok(same(&host.plugin(), &plugin)? && config.exists())
    })?;
    assert_eq!(host.configured()?["etcd"]["store_id"], store_id);

    let log = container.log()?;
    assert_eq!(container.stop()?, 0, "{log}");
    assert!(host.plugin().exists() && config.exists());
    host.add("d", &net)?.success()?;
    host.del("d", &net)?.silence()?;
    Ok(())
}

#[test]
fn an_init_container_installs_once_where_a_platform_keeps_its_plugins() -> Result<()> {
    let test = "an_init_container_installs_once_where_a_platform_keeps_its_plugins";
    let Some(engine) = engine(test)? else {
        return Ok(());
    };
    let (etcd, store_id, host) = secure()?;
    for bin_dir in ["/home/kubernetes/bin", "/usr/libexec/cni"] {
        let spec = installer(&etcd, &store_id, &host, bin_dir);
        let said = install_once(&engine, &spec, &arguments(&host, bin_dir))?;
        ensure!(said.status.success(), "{said:?}");
        ensure!(same(&host.plugin(), &binaries::plugin()?)?, "{said:?}");
        fs::remove_file(host.plugin())?;
    }
    Ok(())
}

#[test]
fn a_node_that_is_not_let_in_or_sees_another_store_is_not_installed() -> Result<()> {
    let test = "a_node_that_is_not_let_in_or_sees_another_store_is_not_installed";
    let Some(engine) = engine(test)? else {
        return Ok(());
    };
    let (etcd, store_id, host) = secure()?;
    let bin_dir = "/opt/cni/bin";
    let other = installer(&etcd, "another", &host, bin_dir);
    let refused = install_once(&engine, &other, &arguments(&host, bin_dir))?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains(&store_id), "{refused:?}");

    // A directory of plugins that is not mounted, as with a misspelled setting.
    let spec = installer(&etcd, &store_id, &host, "/opt/cni/bin");
    let nowhere = install_once(&engine, &spec, &arguments(&host, "/elsewhere"))?;
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("/host/elsewhere"), "{nowhere:?}");
    assert!(!host.config().exists());
    Ok(())
}
