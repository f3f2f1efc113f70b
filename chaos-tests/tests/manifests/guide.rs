//! What the guide to the installation shows works, and it leaves out nothing that somebody must do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::process::{self, Finish};
use chaos_tests::skip::lacks;
use serde_json::Value;

use crate::chart;
use crate::kustomize::{Kustomize, deploy};
use crate::objects::{Objects, list, name};
use crate::{names, types, values};

const GUIDE: &str = include_str!("../../../docs/install.md");

const ENDPOINTS: &str = "https://10.0.0.1:2379,https://10.0.0.2:2379,https://10.0.0.3:2379";

/// The block of the guide in which this stands, without its fences.
fn block(with: &str) -> Result<&'static str> {
    let mut blocks = GUIDE.split("```").skip(1).step_by(2);
    let block = blocks.find(|block| block.contains(with));
    let block = block.with_context(|| format!("no block with {with}"))?;
    Ok(block.split_once('\n').context("an empty block")?.1)
}

/// What a command of the guide prints that ends in `kubectl apply -f -`.
fn applied(command: &str) -> Result<Objects> {
    let (command, _) = command
        .split_once("| kubectl apply -f -")
        .context("nothing is applied")?;
    Objects::parse(&shell(command, &deploy().join(".."))?)
}

/// What a command prints that is run in this directory.
fn shell(command: &str, directory: &Path) -> Result<String> {
    let mut shell = Command::new("bash");
    shell.args(["-euc", command]).current_dir(directory);
    let output = process::run(shell, "", Finish::Normal)?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "{command}: {output:?}"
    );
    Ok(output.stdout)
}

fn images(objects: &Objects) -> BTreeSet<&str> {
    let containers = objects.containers();
    containers
        .filter_map(|(_, container)| container["image"].as_str())
        .collect()
}

#[test]
fn the_kustomization_is_one() -> Result<()> {
    let Some(kustomize) = Kustomize::or_skip("the_kustomization_is_one") else {
        return Ok(());
    };
    let home = tempfile::Builder::new()
        .prefix("kustomization-")
        .tempdir()?;
    let clone = home.path().join("etcd-ipam");
    fs::create_dir(&clone)?;
    copy(&deploy(), &clone.join("deploy"))?;
    fs::write(
        home.path().join("kustomization.yaml"),
        block("newName: registry.example")?,
    )?;
    let objects = kustomize.build(home.path())?;
    types::check(&objects)?;
    names::check(&objects)?;
    assert_eq!(objects.setting("etcd-ipam", "endpoints")?, ENDPOINTS);
    let digest = format!(
        "registry.example/platform/etcd-ipam@sha256:{}",
        "0".repeat(64)
    );
    assert_eq!(images(&objects), [digest.as_str()].into());
    assert!(objects.has("PodMonitor", "etcd-ipam-lease-gc"));
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[test]
fn the_single_file_is_edited_as_it_says() -> Result<()> {
    let command = block("$ sed -e")?.trim_start_matches("$ ");
    let objects = applied(command)?;
    types::check(&objects)?;
    assert_eq!(objects.setting("etcd-ipam", "endpoints")?, ENDPOINTS);
    let image = concat!(
        "registry.example/platform/etcd-ipam:",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(images(&objects), [image].into());
    Ok(())
}

#[test]
fn the_charts_values_are_allowed_and_render() -> Result<()> {
    let mut all = chart::defaults()?;
    let given: Value = serde_saphyr::from_str(block("certificatesOnHost: ")?)?;
    merge(&mut all, &given);
    assert_eq!(values::allowed(&all)?, Ok(()));
    let objects = chart::objects(&all, "kube-system")?;
    assert_eq!(objects.setting("etcd-ipam", "endpoints")?, ENDPOINTS);
    assert!(objects.has("PodMonitor", "etcd-ipam-lease-gc"));
    Ok(())
}

/// As Helm merges given values into the defaults.
fn merge(into: &mut Value, given: &Value) {
    match (into, given) {
        (Value::Object(into), Value::Object(given)) => {
            for (key, value) in given {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, given) => into.clone_from(given),
    }
}

#[test]
fn a_node_is_uninstalled_by_its_name() -> Result<()> {
    let block = block("deploy/uninstall-node.yaml | ")?;
    let command = block
        .lines()
        .map(str::trim_start)
        .find(|line| line.starts_with("sed "))
        .context("no command")?;
    let objects = applied(&format!("node=worker-1; {command}"))?;
    let pod = objects.get("Pod", "etcd-ipam-uninstall-worker-1")?;
    assert_eq!(pod["spec"]["nodeName"], "worker-1");
    assert!(!pod.to_string().contains("NODE/"), "{pod}");
    let label = &pod["metadata"]["labels"]["app.kubernetes.io/component"];
    assert!(block.contains(&format!(
        "-l app.kubernetes.io/component={}",
        label.as_str().context("no label")?
    )));
    Ok(())
}

#[test]
fn everything_that_somebody_must_make_or_may_choose_is_named() -> Result<()> {
    let objects = Objects::of_single_file()?;
    let mut wanted = secrets(&objects);
    for object in objects.of_kind("ConfigMap") {
        wanted.insert(name(object).to_owned());
        for key in object["data"].as_object().into_iter().flatten() {
            let (key, _) = key;
            if !key.starts_with("LEASE_GC_") {
                wanted.insert(key.clone());
            }
        }
    }
    for folder in ["components", "overlays"] {
        for entry in fs::read_dir(deploy().join("kustomize").join(folder))? {
            wanted.insert(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    // The one file is that overlay.
    wanted.remove("single-file");
    wanted.remove("dev-etcd");
    assert!(GUIDE.contains("`deploy/kustomize/overlays/dev-etcd`"));
    for name in wanted {
        assert!(GUIDE.contains(&format!("`{name}`")), "nothing of {name}");
    }
    Ok(())
}

/// The secrets that somebody must make.
fn secrets(objects: &Objects) -> BTreeSet<String> {
    let volumes = objects.workloads();
    let volumes = volumes.flat_map(|(_, pod)| list(&pod["volumes"]));
    let names = volumes.filter_map(|volume| volume["secret"]["secretName"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn the_etcd_for_development_gets_the_certificates_that_it_wants() -> Result<()> {
    let test = "the_etcd_for_development_gets_the_certificates_that_it_wants";
    if lacks(test, &["openssl"]) {
        return Ok(());
    }
    let Some(kustomize) = Kustomize::or_skip(test) else {
        return Ok(());
    };
    let objects = kustomize.build(&deploy().join("kustomize/overlays/dev-etcd"))?;
    let mut dialled = BTreeSet::from([objects.setting("etcd-ipam", "server_name")?]);
    for endpoint in objects.setting("etcd-ipam", "endpoints")?.split(',') {
        let host = endpoint.strip_prefix("https://");
        let host = host.and_then(|host| host.strip_suffix(":2379"));
        dialled.insert(host.with_context(|| endpoint.to_owned())?);
    }
    let block = block("certificates.sh server")?;
    let words = block.split_whitespace();
    let named: BTreeSet<_> = words.filter(|word| word.contains(".svc")).collect();
    assert_eq!(named, dialled);

    // The commands as they stand there, but for what needs a cluster.
    let home = tempfile::Builder::new().prefix("certificates-").tempdir()?;
    let script = deploy().join("etcd/certificates.sh").canonicalize()?;
    let commands = block.replace("\\\n", " ");
    let mut made = BTreeSet::new();
    for command in commands.lines().map(|line| line.trim_start_matches("$ ")) {
        if let Some(arguments) = command.strip_prefix("./certificates.sh ") {
            let line = format!("{} {arguments}", script.display());
            let line = line.replace("| kubectl apply -f -", "");
            let output = shell(&line, home.path())?;
            if arguments.starts_with("secrets") {
                let secrets = Objects::parse(&output)?;
                types::check(&secrets)?;
                made.extend(secrets.iter().map(|secret| name(secret).to_owned()));
            }
        } else if command.contains(" create secret generic ") {
            let words: Vec<_> = command.split_whitespace().collect();
            let [.., secret, "--from-file", directory] = words[..] else {
                bail!("{command}");
            };
            let directory = home.path().join("etcd-certificates").join(directory);
            for file in ["ca.crt", "tls.crt", "tls.key"] {
                ensure!(directory.join(file).is_file(), "{command}: no {file}");
            }
            made.insert(secret.to_owned());
        }
    }
    assert_eq!(made, secrets(&objects));
    Ok(())
}
