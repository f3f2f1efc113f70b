//! The way from Whereabouts that `docs/migration.md` shows, command by command.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::kubernetes::{network as status, pod};
use chaos_tests::plugin::{Call, network};
use chaos_tests::process::{self, Finish};
use chaos_tests::reconciling::{AT_ONCE, Scene, counts, this_machine};
use serde_json::{Value, json};
use tempfile::TempDir;

const GUIDE: &str = include_str!("../../../docs/migration.md");
const SECTION: &str = "## Whereabouts, step by step";

/// A `kubectl` that serves and takes files, as far as the guide uses it.
const KUBECTL: &str = r#"#!/bin/sh
case "$*" in
  "get net-attach-def lan -n default -o json") cat "$CLUSTER/lan" ;;
  "apply -f lan.json") cp lan.json "$CLUSTER/lan" ;;
  "get ippools."*",overlappingrangeipreservations."*" -A -o json") cat "$CLUSTER/whereabouts" ;;
  "get ippools."*" -A -o json") cat "$CLUSTER/whereabouts" ;;
  "get pods,nodes,namespaces -A -o json") cat "$CLUSTER/pods" ;;
  *) echo "kubectl: unknown: $*" >&2; exit 1 ;;
esac
"#;

/// The commands of the guide, in its order.
fn commands() -> Result<Vec<String>> {
    let (_, section) = GUIDE.split_once(SECTION).context("the section is gone")?;
    let (section, _) = section.split_once("\n### ").context("no end")?;
    let commands = section.lines().filter_map(|line| line.strip_prefix("$ "));
    Ok(commands.map(str::to_owned).collect())
}

/// An operator's shell, and a cluster of files.
struct Shell<'a> {
    scene: &'a Scene,
    home: TempDir,
}

impl<'a> Shell<'a> {
    fn new(scene: &'a Scene) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let shell = Self { scene, home };
        for directory in ["bin", "cluster", "work"] {
            std::fs::create_dir(shell.path(directory))?;
        }
        let kubectl = shell.path("bin/kubectl");
        std::fs::write(&kubectl, KUBECTL)?;
        std::fs::set_permissions(&kubectl, Permissions::from_mode(0o755))?;
        std::os::unix::fs::symlink(binaries::ipamctl()?, shell.path("bin/ipamctl"))?;
        Ok(shell)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, content: &Value) -> Result<()> {
        Ok(std::fs::write(self.path(name), content.to_string())?)
    }

    fn run(&self, line: &str) -> Result<String> {
        let lab = &self.scene.lab;
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", path)
            .env("CLUSTER", self.path("cluster"))
            .env("IPAMCTL_ENDPOINTS", lab.etcd.endpoint());
        let output = process::run(command, "", Finish::Normal)?;
        ensure!(output.status.success(), "{line}: {output:?}");
        Ok(output.stdout)
    }
}

fn definition(kind: &str) -> Value {
    let config = lan(kind);
    json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": "lan", "namespace": "default"},
        "spec": {"config": config.to_string()},
    })
}

/// The network's configuration, which changes in its type only.
fn lan(kind: &str) -> Value {
    let ranges = [
        json!({"range": "10.44.0.0/24"}),
        json!({"range": "fd00:44::/112"}),
    ];
    let mut config = network("lan", json!({"network_name": "green", "ipRanges": ranges}));
    config["ipam"]["type"] = kind.into();
    config
}

/// The pods of the sample but the last one, and one that Whereabouts has lost.
fn pods(scene: &Scene) -> Result<Value> {
    let mut items = vec![Value::from(this_machine("n1")?)];
    items[0]["kind"] = "Node".into();
    for number in 0..5 {
        let ips = [
            format!("10.44.0.{}", number + 1),
            format!("fd00:44::{}", number + 1),
        ];
        let ips: Vec<_> = ips.iter().map(String::as_str).collect();
        let (name, uid) = (format!("pod-web-{number}"), format!("uid-{number}"));
        let status = status("default/lan", "net1", &ips);
        items.push(
            pod("default", &name, &uid, "n1")
                .network_status([status])
                .into(),
        );
    }
    let lost = status("default/lan", "net1", &["10.44.0.9"]);
    items.push(
        pod("default", "lost", "uid-lost", "n1")
            .network_status([lost])
            .into(),
    );
    for item in &mut items[1..] {
        scene.kubernetes.put_pod(item.clone())?;
        item["kind"] = "Pod".into();
    }
    items.push(json!({"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "uid-of-the-cluster"}}));
    Ok(json!({"kind": "List", "apiVersion": "v1", "items": items}))
}

#[test]
fn the_guide_brings_a_network_over_and_no_address_is_given_twice() -> Result<()> {
    let scene = Scene::new()?;
    scene.kubernetes.set_cluster_uid("uid-of-the-cluster")?;
    let node = scene.lab.node.config();
    let shell = Shell::new(&scene)?;
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/vectors/whereabouts-0.9.0-export.json");
    std::fs::copy(sample, shell.path("cluster/whereabouts"))?;
    shell.write("cluster/lan", &definition("whereabouts"))?;
    shell.write("work/lan.json", &definition("etcd-ipam"))?;
    shell.write("cluster/pods", &pods(&scene)?)?;
    let net = lan("etcd-ipam");
    let add = |container: &str| Call::attachment("ADD", container, "net1", &net).run(&node);

    let commands = commands()?;
    ensure!(commands.len() >= 10, "{commands:?}");
    let mut last = String::new();
    for command in &commands {
        let thaws = command.starts_with("ipamctl thaw");
        if thaws {
            // A new pod waits, before the import and after it.
            add("waits")?.failure(105)?;
        }
        last = shell.run(command)?;
        if command.starts_with("kubectl apply") {
            add("waits")?.failure(105)?;
        }
        if command.starts_with("ipamctl ls") {
            let listed = last.lines().count() - 1;
            assert_eq!(listed, 11, "{last}");
        }
    }
    // Six allocations of each family are in Whereabouts' objects still.
    assert_eq!(last.trim(), "12");
    assert_eq!(scene.lab.holdings()?.owners(), 6);

    // The pods that come get what nobody has: one address had leaked.
    let first = add("waits")?.success()?.addresses()?;
    assert_eq!(first, ["10.44.0.6/24", "fd00:44::6/112"]);
    let second = add("next")?.success()?.addresses()?;
    assert_eq!(second, ["10.44.0.7/24", "fd00:44::7/112"]);
    let third = add("third")?.success()?.addresses()?;
    let fourth = add("fourth")?.success()?.addresses()?;
    assert_eq!([&third[0], &fourth[0]], ["10.44.0.8/24", "10.44.0.10/24"]);

    // A pod of Whereabouts' ends: its DEL is not ours, and the collector frees what it had. The new
    // ones are not of this cluster, so they go first.
    for container in ["waits", "next", "third", "fourth"] {
        Call::attachment("DEL", container, "net1", &net)
            .run(&node)?
            .silence()?;
    }
    scene.kubernetes.delete_pod("default", "pod-web-3")?;
    scene.kubernetes.delete_pod("default", "lost")?;
    let swept = scene.once(&AT_ONCE)?;
    assert_eq!(swept.released()?, counts([("pod_gone", 2)]));
    assert_eq!(scene.lab.holdings()?.owners(), 4);
    Ok(())
}
