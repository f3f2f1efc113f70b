//! `ipamctl node uninstall` in a container. It needs the host's directories of journal and spool
//! where the host has them.

use anyhow::{Context as _, Result};
use chaos_tests::engine::{Engine, Spec};
use chaos_tests::etcd::EtcdServer;
use chaos_tests::host::Host;
use chaos_tests::layout::Layout;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

use crate::installer::{arguments, install_once, installer, secure};
use crate::shop::{IMAGE, engine};

const BIN_DIR: &str = "/opt/cni/bin";

/// Everything where the host has it.
fn uninstaller(host: &Host) -> Spec {
    ["root/bin", "root/net.d", "state", "spool"]
        .map(|name| host.path(name))
        .into_iter()
        .fold(Spec::confined("uninstall", IMAGE).user(0), |spec, path| {
            spec.mount(&path, &path.display().to_string())
        })
}

fn uninstall(engine: &Engine, host: &Host, more: &[&str]) -> Result<Output> {
    let path = |name: &str| host.path(name).display().to_string();
    let directories = [
        format!("--bin-dir={}", path("root/bin")),
        format!("--conf-dir={}", path("root/net.d")),
    ];
    let given = ["node", "uninstall", "-o", "json", "--yes", "--timeout=5s"];
    let directories = directories.iter().map(String::as_str);
    let all = given.into_iter().chain(directories);
    let all: Vec<_> = all.chain(more.iter().copied()).collect();
    engine.run(&uninstaller(host), &all)
}

fn ended(output: &Output, status: i32) -> Result<Value> {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

/// A node that was installed and holds one address.
fn occupied(engine: &Engine) -> Result<(EtcdServer, Host, Value)> {
    let (etcd, store_id, host) = secure()?;
    let spec = installer(&etcd, &store_id, &host, BIN_DIR);
    let said = install_once(engine, &spec, &arguments(&host, BIN_DIR))?;
    assert!(said.status.success(), "{said:?}");
    for dir in ["state", "spool"] {
        std::fs::create_dir_all(host.path(dir))?;
    }
    let net = network("net", json!({"range": "10.63.0.0/24"}));
    host.add("c", &net)?.success()?;
    Ok((etcd, host, net))
}

#[test]
fn a_node_is_uninstalled_once_its_last_pod_has_ended() -> Result<()> {
    let Some(engine) = engine("a_node_is_uninstalled_once_its_last_pod_has_ended")? else {
        return Ok(());
    };
    let (_etcd, host, net) = occupied(&engine)?;
    let refused = ended(&uninstall(&engine, &host, &[])?, 3)?;
    assert_eq!(refused["held"][0]["pod"], "pod-c");
    assert_eq!(refused["held"][0]["known_by"], json!(["store", "journal"]));
    assert!(host.plugin().exists() && host.config().exists());

    let waits = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| uninstall(&engine, &host, &["--wait=1m"]));
        host.del("c", &net)?.silence()?;
        let waited = waiting.join();
        waited.map_err(|_| anyhow::anyhow!("a thread panicked"))?
    })?;
    assert_eq!(ended(&waits, 0)?["held"], json!([]));
    assert!(!host.plugin().exists() && !host.own_dir().exists());
    Ok(())
}

#[test]
fn force_leaves_what_running_pods_need_to_end() -> Result<()> {
    let Some(engine) = engine("force_leaves_what_running_pods_need_to_end")? else {
        return Ok(());
    };
    let (etcd, host, net) = occupied(&engine)?;
    ended(&uninstall(&engine, &host, &["--force"])?, 0)?;
    assert!(host.plugin().exists());
    assert_eq!(host.configured()?.get("etcd"), None);
    host.add("d", &net)?.failure(7)?;
    host.del("c", &network("net", json!({})))?.silence()?;
    let owners = Layout::default().owners();
    assert_eq!(etcd.raw()?.count(&owners)?, 0);
    Ok(())
}
