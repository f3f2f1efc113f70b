//! The role that `ipamctl etcd-roles` makes suffices for all that the collector does, and the rights in
//! Kubernetes that `docs/operations.md` lists are all needed.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::documented;
use chaos_tests::guarded::{COLLECTOR, Guarded, OPERATOR};
use chaos_tests::kubernetes::{Kubernetes, Request, network, node, pod};
use chaos_tests::layout::{Layout, holder};
use chaos_tests::record::{self, Record, record};
use serde_json::{Value, json};

/// In so many sweeps everything has happened, however slow the machine is.
const SWEEPS: usize = 200;

/// An etcd that wants certificates, and a cluster in which there is everything that a collector acts
/// on.
struct Scene {
    guarded: Guarded,
    kubernetes: Kubernetes,
    layout: Layout,
}

impl Scene {
    fn new() -> Result<Self> {
        let scene = Self {
            guarded: Guarded::new(&[])?,
            kubernetes: Kubernetes::start()?,
            layout: Layout::default(),
        };
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
        record::write(&scene.guarded.raw, &scene.layout, records)?;
        let range = format!("{}range/default/10.86.0.1-10.86.0.254", scene.layout.root());
        let configured = json!({
            "v": 1,
            "prefix": 24,
            "bounds": ["10.86.0.1", "10.86.0.254"],
            "seen": "2026-01-05T08:00:00Z",
        });
        scene.guarded.raw.put(range, configured.to_string())?;
        Ok(scene)
    }

    /// Whether the leaked records are gone, and what is held is held by the pod that lives.
    fn is_tidy(&self) -> Result<bool> {
        let owners = self.guarded.raw.list(&self.layout.owners())?;
        let addresses = self.guarded.raw.count(&self.layout.addresses())?;
        let [(_, owner)] = owners.as_slice() else {
            return Ok(false);
        };
        Ok(addresses == 1 && String::from_utf8_lossy(owner).contains("uid-missing"))
    }
}

/// What a pod holds that is gone.
fn leaked(node: &str, number: u8) -> Record {
    let (name, uid) = (format!("gone-{number}"), format!("uid-gone-{number}"));
    record(&holder(node, "net", &name))
        .address("default", [10, 86, 0, number], 24)
        .pod("test", &name, &uid)
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
fn its_role_is_enough_and_the_documented_rights_in_kubernetes_are_all_used() -> Result<()> {
    let scene = Scene::new()?;
    let mut flags = scene.guarded.flags(COLLECTOR)?;
    let more = [
        "--cron-schedule=0 0 29 2 *",
        "--grace-period=0s",
        "--node-gone-grace=0s",
        "--enable-pod-watch",
    ];
    flags.extend(more.map(str::to_owned));
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let source = Source::Kubernetes(scene.kubernetes.kubeconfig());
    let endpoints = [scene.guarded.etcd.endpoint()];
    let mut collector = Collector::start(&endpoints, &source, &flags)?;
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

    scene.guarded.done(OPERATOR, &["gc"])?;

    collector.wait_until("the history was written", |collector| {
        Ok(collector.stdout_lines()?.len() >= 2)
    })?;
    let (status, log) = collector.stop()?;
    ensure!(status.success(), "{status}: {log:?}");
    assert_eq!(scene.guarded.raw.get(scene.layout.leader("default"))?, None);
    let denied = log.iter().map(Value::to_string);
    let denied: Vec<_> = denied.filter(|line| line.contains("denied")).collect();
    ensure!(denied.is_empty(), "{denied:?}");

    let requests = scene.kubernetes.requests();
    let used: BTreeSet<_> = requests.iter().map(verb).collect::<Result<_>>()?;
    assert_eq!(used, documented::collector_verbs()?);
    Ok(())
}
