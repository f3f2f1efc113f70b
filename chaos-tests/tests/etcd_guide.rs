//! `docs/etcd.md`, run from its first command to its last on three members, with nodes, the collector
//! and the operator of the project.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::collector::{Collector, Source};
use chaos_tests::daemon::{Daemon, Output};
use chaos_tests::install::{self, Install};
use chaos_tests::kubernetes::{Kubernetes, node as kubernetes_node, pod};
use chaos_tests::loopback::Place;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use chaos_tests::process::{self, Finish};
use chaos_tests::skip::{lacks, skipped};
use serde_json::{Value, json};
use tempfile::TempDir;

const GUIDE: &str = include_str!("../../docs/etcd.md");
const TEST: &str = "the_guide_works_as_it_stands";

/// A cluster that is not well after so many looks, of which each may take 5 s, never will be.
const TRIES: usize = 24;

/// The commands of each section that has some, in the order of the page.
fn sections() -> Vec<(String, Vec<String>)> {
    let sections = GUIDE.split("\n## ").skip(1);
    let sections = sections.map(|section| {
        let title = section.lines().next().unwrap_or_default().to_owned();
        let text = section.replace(" \\\n", " ");
        let commands = text.lines().map(str::trim_start);
        let commands = commands.filter_map(|line| line.strip_prefix("$ "));
        (title, commands.map(str::to_owned).collect::<Vec<_>>())
    });
    sections
        .filter(|(_, commands)| !commands.is_empty())
        .collect()
}

/// The machines of the guide.
struct Machines {
    home: TempDir,
    places: [Place; 3],
    members: [Option<Daemon>; 3],
    /// The sections whose commands were run.
    done: BTreeSet<String>,
}

impl Machines {
    fn new(install: &Install) -> Result<Self> {
        let machines = Self {
            home: tempfile::Builder::new().prefix("etcd-guide-").tempdir()?,
            places: [Place::free()?, Place::free()?, Place::free()?],
            members: [None, None, None],
            done: BTreeSet::new(),
        };
        for directory in ["bin", "work", "data"] {
            std::fs::create_dir(machines.path(directory))?;
        }
        for tool in ["etcd", "etcdctl", "etcdutl"] {
            symlink(
                install.directory.join(tool),
                machines.path("bin").join(tool),
            )?;
        }
        symlink(binaries::ipamctl()?, machines.path("bin/ipamctl"))?;
        let kubectl = machines.path("bin/kubectl");
        let script = "#!/bin/sh\n[ \"$*\" = 'get nodes -o name' ] && echo node/node-1\n";
        std::fs::write(&kubectl, script)?;
        std::fs::set_permissions(
            &kubectl,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        symlink(deploy, machines.path("work/deploy"))?;
        Ok(machines)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The commands of a section.
    fn commands(&mut self, title: &str) -> Result<Vec<String>> {
        let sections = sections();
        let section = sections.into_iter().find(|(name, _)| name == title);
        let (title, commands) = section.with_context(|| format!("no section {title}"))?;
        self.done.insert(title);
        Ok(commands)
    }

    /// The same text with the addresses that the machines have here.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, place) in self.places.iter().enumerate() {
            text = text.replace(&format!("10.0.0.{}", number + 1), &place.ip.to_string());
        }
        text
    }

    /// Runs a command on the operator's machine.
    fn run(&self, line: &str) -> Result<String> {
        let exports = sections()
            .iter()
            .flat_map(|(_, commands)| commands.clone())
            .filter(|line| line.starts_with("export "))
            .collect::<Vec<_>>()
            .join("\n");
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("bash");
        command
            .args(["-euc", &self.here(&format!("{exports}\n{line}"))])
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", path);
        let output = process::run(command, "", Finish::Normal)?;
        ensure!(output.status.success(), "{line}: {output:?}");
        Ok(output.stdout)
    }

    /// The whole section, in one shell.
    fn run_all(&mut self, title: &str) -> Result<String> {
        let commands = self.commands(title)?;
        self.run(&commands.join("\n"))
    }

    /// What a member's own commands are on its machine: the first line names it.
    fn on_member(&self, number: usize, first: &str, line: &str) -> String {
        let name = format!("etcd-{}", number + 1);
        let first = first
            .replace("etcd-1", &name)
            .replace("10.0.0.1", &format!("10.0.0.{}", number + 1));
        let path = |kind: &str| self.path(&format!("work/etcd-certificates/{kind}/{name}"));
        let line = line
            .replace("/var/lib/etcd", &self.data(number).display().to_string())
            .replace("/etc/etcd/server", &path("servers").display().to_string())
            .replace("/etc/etcd/peer", &path("peers").display().to_string());
        self.here(&format!("{first}\n{line}"))
    }

    fn data(&self, number: usize) -> PathBuf {
        self.path(&format!("data/etcd-{}", number + 1))
    }

    fn start(&mut self, number: usize, state: &str) -> Result<()> {
        let commands = self.commands("Start the members")?;
        let [first, etcd] = &commands[..2] else {
            anyhow::bail!("{commands:?}");
        };
        ensure!(etcd.starts_with("etcd "), "{etcd}");
        let first = first.replace("state=new", &format!("state={state}"));
        let etcd = format!("exec {}/{etcd}", self.path("bin").display());
        let script = self.on_member(number, &first, &etcd);
        let log = self.path(&format!("data/log-{number}"));
        let arguments = ["-c".to_owned(), script];
        let output = Output::together(&log)?;
        let daemon = Daemon::start(Path::new("/bin/sh"), &arguments, self.home.path(), output)?;
        self.members[number] = Some(daemon);
        Ok(())
    }

    /// Waits until every member answers.
    fn wait(&self) -> Result<()> {
        let mut last = Ok(String::new());
        for _ in 0..TRIES {
            last = self.run("etcdctl endpoint health");
            if last.is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(500));
        }
        last.map(drop)
    }

    fn endpoints(&self) -> [String; 3] {
        self.places
            .map(|place| format!("https://{}:{}", place.ip, Place::CLIENT_PORT))
    }

    /// The flags or keys with which a user gets in: its authority's, its certificate and its key.
    fn files(&self, user: &str) -> [String; 3] {
        let directory = self.path(&format!("work/etcd-certificates/clients/{user}"));
        ["ca.crt", "tls.crt", "tls.key"].map(|name| directory.join(name).display().to_string())
    }

    /// What stands in the file of `node-1`, for the store below a prefix.
    fn node_config(&self, prefix: &str, store: &str) -> Value {
        let [ca_file, cert_file, key_file] = self.files("node-1");
        json!({"timeout": "5s", "etcd": {
            "endpoints": self.endpoints(), "prefix": prefix, "store_id": store,
            "ca_file": ca_file, "cert_file": cert_file, "key_file": key_file,
        }})
    }

    /// The id of the store below a prefix.
    fn store(&self, prefix: &str) -> Result<String> {
        let said = self.run(&format!("ipamctl --prefix {prefix} init -o json"))?;
        let said: Value = serde_json::from_str(&said)?;
        let term = said["sealed_term"].as_u64();
        ensure!(term >= Some(64), "not armed: {said}");
        Ok(said["id"].as_str().context("no id")?.to_owned())
    }

    /// The collector sweeps with the certificate that was made for it.
    fn sweep(&self, prefix: &str) -> Result<()> {
        let kubernetes = Kubernetes::start()?;
        kubernetes.put_node(kubernetes_node("node-1"))?;
        kubernetes.put_pod(pod("test", "some", "uid-some", "node-1"))?;
        let [ca, cert, key] = self.files("etcd-ipam-lease-gc");
        let flags = [
            format!("--ca-file={ca}"),
            format!("--cert-file={cert}"),
            format!("--key-file={key}"),
            // Nothing is dead, and nothing is waited for.
            "--grace-period=0s".to_owned(),
            format!("--prefix={prefix}"),
        ];
        let flags = flags.each_ref().map(String::as_str);
        let source = Source::Kubernetes(kubernetes.kubeconfig());
        let swept = Collector::once(&self.endpoints(), &source, &flags)?;
        ensure!(swept.status.success(), "{swept:?}");
        Ok(())
    }
}

#[test]
fn the_guide_works_as_it_stands() -> Result<()> {
    let install = install::newest()?;
    if !install.directory.join("etcdutl").is_file() {
        let reason = install::why_missing("3.5");
        skipped(TEST, &format!("the guide uses etcdutl; {reason}"));
        return Ok(());
    }
    if lacks(TEST, &["bash", "openssl", "jq", "awk"]) {
        return Ok(());
    }
    let mut machines = Machines::new(&install)?;
    for line in machines.commands("Certificates")? {
        // A peer is let in from the addresses of its certificate only. On loopback all come from one.
        let is_member = line.contains("certificates.sh server");
        let source = if is_member { " 127.0.0.1" } else { "" };
        machines.run(&(line + source))?;
    }
    for number in 0..3 {
        machines.start(number, "new")?;
    }
    machines.wait()?;
    machines.run_all("Create the store")?;
    machines.run_all("Users and roles")?;
    let store = machines.store("/etcd-ipam")?;

    let net = network("net", json!({"range": "10.89.0.0/24"}));
    let node = Node::with_config("node-1", machines.node_config("/etcd-ipam", &store))?;
    let kept = node.add("kept", &net)?.success()?;
    machines.sweep("/etcd-ipam")?;
    machines.run_all("Compact and defragment")?;

    machines.run_all("Back up")?;
    node.add("forgotten", &net)?.success()?;
    restore(&mut machines, &node, &net)?;

    let net_again = node.add("new", &net)?.success()?;
    // Nobody else was left, so the numbers begin anew.
    assert_eq!(net_again.ips()?, kept.ips()?);

    machines.members[2] = None;
    std::fs::remove_dir_all(machines.data(2))?;
    machines.run_all("Replace a member")?;
    machines.start(2, "existing")?;
    machines.wait()?;

    let renewing = machines.commands("Renew certificates")?;
    let [renew, show] = &renewing[..] else {
        anyhow::bail!("{renewing:?}");
    };
    let before = machines.run(show)?;
    ensure!(before.contains("serial="), "{before}");
    machines.run(renew)?;
    assert_ne!(machines.run(show)?, before);
    node.del("new", &net)?.silence()?;
    machines.sweep("/etcd-ipam-2")?;

    let all: BTreeSet<_> = sections().into_iter().map(|(title, _)| title).collect();
    assert_eq!(machines.done, all);
    Ok(())
}

/// Everything is lost but the snapshot, and the networks move to another store.
fn restore(machines: &mut Machines, node: &Node, net: &Value) -> Result<()> {
    let mut commands = machines.commands("Restore")?.into_iter();
    let mut take = || commands.next().context("too few commands");
    let (first, restoring) = (take()?, take()?);
    for number in 0..3 {
        machines.members[number] = None;
        std::fs::remove_dir_all(machines.data(number))?;
    }
    for number in 0..3 {
        machines.run(&machines.on_member(number, &first, &restoring))?;
    }
    for number in 0..3 {
        machines.start(number, "new")?;
    }
    machines.wait()?;
    node.add("early", net)?.failure(104)?;

    let [freeze, init, freeze_new, roles] = [take()?, take()?, take()?, take()?];
    machines.run(&freeze)?;
    machines.run(&init)?;
    // The term is raised by now, and the freeze keeps nodes from the old store.
    node.add("early", net)?.failure(105)?;
    machines.run(&freeze_new)?;
    machines.run(&roles)?;

    let store = machines.store("/etcd-ipam-2")?;
    node.configure("node-1", machines.node_config("/etcd-ipam-2", &store))?;
    node.add("early", net)?.failure(105)?;
    for gone in ["kept", "forgotten"] {
        node.del(gone, net)?.silence()?;
    }
    assert_eq!(node.spool()?, [""; 0].map(PathBuf::from));
    let left = machines.run("ipamctl ls -o json")?;
    assert_eq!(serde_json::from_str::<Value>(&left)?, json!([]), "{left}");

    machines.run(&take()?)?;
    let pruned = machines.run(&take()?)?;
    ensure!(
        pruned.contains("/etcd-ipam/v1/owner/default/node-1/"),
        "{pruned}"
    );
    ensure!(commands.next().is_none(), "more commands than are run");
    Ok(())
}
