//! The rights that `docs/operations.md` lists suffice for all that the collector does, and those in
//! Kubernetes are all needed.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::ctl;
use chaos_tests::documented;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::kubernetes::{Kubernetes, Request, network, node, pod};
use chaos_tests::layout::{DEFAULT_PREFIX, Layout, holder};
use chaos_tests::raw::Raw;
use chaos_tests::record::{self, Record, record};
use etcd_client::Permission;
use serde_json::{Value, json};

const DOCUMENTATION: &str = include_str!("../../docs/operations.md");

/// Certificates let in; passwords are not used.
const PASSWORD: &str = "not used";

/// In so many sweeps everything has happened, however slow the machine is.
const SWEEPS: usize = 200;

/// An etcd that wants certificates, and a cluster in which there is everything that a collector acts
/// on.
struct Scene {
    etcd: EtcdServer,
    raw: Raw,
    kubernetes: Kubernetes,
    layout: Layout,
}

impl Scene {
    fn new() -> Result<Self> {
        let etcd = EtcdServer::start_with(Options {
            tls: true,
            ..Options::default()
        })?;
        let scene = Self {
            raw: etcd.raw()?,
            etcd,
            kubernetes: Kubernetes::start()?,
            layout: Layout::default(),
        };
        let flags = scene.flags("root", &[])?;
        ctl::init(&scene.endpoints(), &texts(&flags))?;
        for name in ["n1", "n2"] {
            scene.kubernetes.put_node(node(name))?;
        }
        let missing = [network("net", "net1", &["10.86.0.3"])];
        let missing = pod("test", "missing", "uid-missing", "n1").network_status(missing);
        scene.kubernetes.put_pod(missing)?;
        let records = [
            leaked("n1", 1).cooldown_s(1),
            // Its node will go.
            leaked("n2", 2),
        ];
        record::write(&scene.raw, &scene.layout, records)?;
        let range = format!("{}range/default/10.86.0.1-10.86.0.254", scene.layout.root());
        let configured = json!({
            "v": 1,
            "prefix": 24,
            "bounds": ["10.86.0.1", "10.86.0.254"],
            "seen": "2026-01-05T08:00:00Z",
        });
        scene.raw.put(range, configured.to_string())?;
        Ok(scene)
    }

    fn endpoints(&self) -> [String; 1] {
        [self.etcd.endpoint()]
    }

    /// The flags with which a user gets in, and others.
    fn flags(&self, user: &str, more: &[&str]) -> Result<Vec<String>> {
        let authority = self.etcd.authority()?;
        let identity = authority.client(user)?;
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut flags = vec![
            flag("ca-file", &authority.ca_file),
            flag("cert-file", &identity.cert_file),
            flag("key-file", &identity.key_file),
        ];
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        Ok(flags)
    }

    /// From now on everybody may do what is documented for them, and nothing else.
    fn demand_rights(&self) -> Result<()> {
        let of_operators = vec![
            Permission::read(format!("{DEFAULT_PREFIX}/v1/")).with_prefix(),
            Permission::read_write(self.layout.sweep_request("default")),
        ];
        let users = [
            ("lease-gc", documented_permissions()?),
            ("operator", of_operators),
        ];
        self.raw.ask(async |client| {
            client.user_add("root", PASSWORD, None).await?;
            client.user_grant_role("root", "root").await?;
            for (user, permissions) in users {
                client.role_add(user).await?;
                for permission in permissions {
                    client.role_grant_permission(user, permission).await?;
                }
                client.user_add(user, PASSWORD, None).await?;
                client.user_grant_role(user, user).await?;
            }
            client.auth_enable().await
        })?;
        Ok(())
    }

    /// Whether the leaked records are gone, and what is held is held by the pod that lives.
    fn is_tidy(&self) -> Result<bool> {
        let owners = self.raw.list(&self.layout.owners())?;
        let addresses = self.raw.count(&self.layout.addresses())?;
        let [(_, owner)] = owners.as_slice() else {
            return Ok(false);
        };
        Ok(addresses == 1 && String::from_utf8_lossy(owner).contains("uid-missing"))
    }
}

fn texts(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// What a pod holds that is gone.
fn leaked(node: &str, number: u8) -> Record {
    let (name, uid) = (format!("gone-{number}"), format!("uid-gone-{number}"));
    record(&holder(node, "net", &name))
        .address("default", [10, 86, 0, number], 24)
        .pod("test", &name, &uid)
}

/// The rights of the documented commands.
fn documented_permissions() -> Result<Vec<Permission>> {
    let mut found = Vec::new();
    for line in DOCUMENTATION.lines() {
        let Some((_, right)) = line.split_once("grant-permission etcd-ipam-gc ") else {
            continue;
        };
        let words: Vec<_> = right.split_whitespace().collect();
        let [kind, "--prefix", prefix, ..] = words[..] else {
            anyhow::bail!("{line}");
        };
        let prefix = prefix.replace("$p", &format!("{DEFAULT_PREFIX}/v1"));
        let permission = match kind {
            "read" => Permission::read(prefix),
            "readwrite" => Permission::read_write(prefix),
            _ => anyhow::bail!("{line}"),
        };
        found.push(permission.with_prefix());
    }
    ensure!(found.len() >= 4, "few rights are documented: {found:?}");
    Ok(found)
}

/// What a request needs the right for.
fn verb(request: &Request) -> Result<[String; 3]> {
    let segments: Vec<_> = request.path.trim_matches('/').split('/').collect();
    let (group, rest) = match segments[..] {
        ["api", "v1", ref rest @ ..] => ("", rest),
        ["apis", group, "v1", ref rest @ ..] => (group, rest),
        _ => anyhow::bail!("{request:?}"),
    };
    let (["namespaces", _, resource, ..] | [resource, ..]) = rest else {
        anyhow::bail!("{request:?}");
    };
    let verb = format!("{:?}", request.verb).to_lowercase();
    Ok([group.to_owned(), (*resource).to_owned(), verb])
}

#[test]
fn the_documented_rights_are_enough_and_those_in_kubernetes_are_all_used() -> Result<()> {
    let scene = Scene::new()?;
    scene.demand_rights()?;
    let more = [
        "--cron-schedule=0 0 29 2 *",
        "--grace-period=0s",
        "--node-gone-grace=0s",
        "--enable-pod-watch",
    ];
    let flags = scene.flags("lease-gc", &more)?;
    let source = Source::Kubernetes(scene.kubernetes.kubeconfig());
    let mut collector = Collector::start(&scene.endpoints(), &source, &texts(&flags))?;
    collector.wait_until("it was elected and has swept", |collector| {
        Ok(collector.sweeps()? >= 1.0)
    })?;
    scene.kubernetes.delete_node("n2")?;
    let mut sweeps = 0;
    while !scene.is_tidy()? {
        ensure!(sweeps < SWEEPS, "never tidy: {:?}", collector.log()?);
        sweeps += 1;
        thread::sleep(Duration::from_millis(100));
        collector.sweep_now()?;
    }

    let operator = scene.flags("operator", &[])?;
    let asked = ctl::run(
        &scene.endpoints(),
        &[&["gc"][..], &texts(&operator)].concat(),
    )?;
    ensure!(asked.status.success(), "{asked:?}");

    collector.wait_until("the history was written", |collector| {
        Ok(collector.stdout_lines()?.len() >= 2)
    })?;
    let (status, log) = collector.stop()?;
    ensure!(status.success(), "{status}: {log:?}");
    assert_eq!(scene.raw.get(scene.layout.leader("default"))?, None);
    let denied = log.iter().map(Value::to_string);
    let denied: Vec<_> = denied.filter(|line| line.contains("denied")).collect();
    ensure!(denied.is_empty(), "{denied:?}");

    let requests = scene.kubernetes.requests();
    let used: BTreeSet<_> = requests.iter().map(verb).collect::<Result<_>>()?;
    assert_eq!(used, documented::collector_verbs()?);
    Ok(())
}
