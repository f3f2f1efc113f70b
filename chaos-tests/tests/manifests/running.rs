//! What the manifests run, run with exactly the manifests' arguments and variables.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::guarded::{COLLECTOR, Guarded};
use chaos_tests::http::{Answer, Client};
use chaos_tests::kubernetes::Kubernetes;
use chaos_tests::layout::Layout;
use chaos_tests::loopback::Place;
use chaos_tests::plugin::network;
use chaos_tests::process::{self, Finish};
use serde_json::{Value, json};

use crate::container::{Container, NODE, Surroundings};
use crate::objects::{Objects, SINGLE_FILE, list};
use crate::{names, rights, types};

/// What takes a node's installation away.
const UNINSTALL: &str = include_str!("../../../deploy/uninstall-node.yaml");

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// The user of a certificate that all nodes share, as the guide has it.
const ALL_NODES: &str = "etcd-ipam-node";

/// An etcd that keeps to its roles, and the API of the cluster.
struct Scene {
    etcd: Guarded,
    kubernetes: Kubernetes,
    store_id: Option<String>,
}

impl Scene {
    fn without_store() -> Result<Self> {
        let etcd = EtcdServer::start_with(Options {
            tls: true,
            ..Options::default()
        })?;
        Ok(Self {
            etcd: Guarded {
                raw: etcd.raw()?,
                etcd,
            },
            kubernetes: Kubernetes::start()?,
            store_id: None,
        })
    }

    /// With the store that the Job has created and written down, and with users.
    fn with_store() -> Result<Self> {
        let mut scene = Self::without_store()?;
        scene.initialise()?;
        let etcd = &scene.etcd;
        let roles = ["etcd-roles", "--apply", "--shared", "--node", NODE];
        etcd.done("root", &roles)?;
        etcd.demand_users()?;
        Ok(scene)
    }

    fn initialise(&mut self) -> Result<()> {
        let mut job = self.container("init")?;
        // In a cluster it finds the API by itself.
        job.set("KUBECONFIG", self.kubeconfig());
        let output = job.run()?;
        ensure!(output.status.success(), "{output:?}");
        let map = self
            .kubernetes
            .config_map("kube-system", "etcd-ipam-store")?;
        let map = map.context("nothing is written down")?;
        let id = map["data"]["store_id"].as_str();
        self.store_id = Some(id.with_context(|| format!("{map}"))?.to_owned());
        Ok(())
    }

    fn kubeconfig(&self) -> String {
        self.kubernetes.kubeconfig().display().to_string()
    }

    /// A container, with the certificate of the user that it is meant to be.
    fn container(&self, name: &str) -> Result<Container> {
        let (manifest, user) = match name {
            "init" => (SINGLE_FILE, "root"),
            "lease-gc" => (SINGLE_FILE, COLLECTOR),
            "uninstall" => (UNINSTALL, NODE),
            _ => (SINGLE_FILE, NODE),
        };
        let around = Surroundings {
            endpoints: self.etcd.etcd.endpoint(),
            store_id: self.store_id.clone(),
            ca_file: self.etcd.etcd.authority()?.ca_file.clone(),
            identity: self.etcd.identity(user)?,
        };
        Container::new(&Objects::parse(manifest)?, name, &around)
    }
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(Instant::now() < patience, "it never was so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_installer_installs_a_node_and_keeps_it() -> Result<()> {
    let scene = Scene::with_store()?;
    let install = scene.container("install")?;
    let output = install.run()?;
    ensure!(output.status.success(), "{output:?}");
    let file = install
        .mounted("/host/conf")?
        .join("etcd-ipam.d/etcd-ipam.conf");
    let config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    assert_eq!(config["node_name"], NODE, "{config}");
    assert_eq!(
        config["etcd"]["store_id"].as_str(),
        scene.store_id.as_deref()
    );
    assert_eq!(config["log_file"], "/var/log/etcd-ipam.log", "{config}");
    // As the host sees it.
    let key = config["etcd"]["key_file"].as_str().unwrap_or_default();
    assert!(key.starts_with("/etc/cni/net.d/etcd-ipam.d/"), "{config}");
    let plugin = install.mounted("/host/bin")?.join("etcd-ipam");
    assert_eq!(fs::read(&plugin)?, fs::read(binaries::plugin()?)?);

    let mut keep = scene.container("keep")?;
    for at in ["/host/bin", "/host/conf"] {
        keep.mount(at, install.mounted(at)?)?;
    }
    fs::remove_file(&plugin)?;
    let daemon = keep.start()?;
    eventually("the plugin is back", || Ok(plugin.is_file().then_some(())))?;
    // The file is there only when it is whole, and told to end is heard only by who listens.
    eventually("it says so", || {
        Ok(keep.log()?.contains("installed").then_some(()))
    })?;
    let status = daemon.stop()?;
    ensure!(status.success(), "{status}: {}", keep.log()?);
    assert!(plugin.is_file());
    Ok(())
}

#[test]
fn nodes_may_share_a_certificate() -> Result<()> {
    let scene = Scene::with_store()?;
    let node = scene.etcd.node(ALL_NODES)?;
    let config = fs::read_to_string(node.config())?;
    let config: Value = serde_json::from_str(&config)?;
    for name in [NODE, "worker-2"] {
        node.configure(name, config.clone())?;
        let net = network("net", json!({"range": "10.62.0.0/24"}));
        node.add("c", &net)?.success()?;
        node.del("c", &net)?.silence()?;
    }
    Ok(())
}

#[test]
fn what_was_installed_is_uninstalled() -> Result<()> {
    let scene = Scene::with_store()?;
    let install = scene.container("install")?;
    let output = install.run()?;
    ensure!(output.status.success(), "{output:?}");
    let [bin, conf] = ["/host/bin", "/host/conf"].map(|at| install.mounted(at));
    let (bin, conf) = (bin?, conf?);
    let mut uninstall = scene.container("uninstall")?;
    uninstall.mount("/opt/cni/bin", bin)?;
    uninstall.mount("/etc/cni/net.d", conf)?;
    // The node's file has the host's paths, where that container has them too.
    let file = conf.join("etcd-ipam.d/etcd-ipam.conf");
    let mut config = fs::read_to_string(&file)?;
    for at in ["/etc/cni/net.d", "/run/etcd-ipam", "/var/lib/etcd-ipam"] {
        config = config.replace(at, &uninstall.mounted(at)?.display().to_string());
    }
    let mut config: Value = serde_json::from_str(&config)?;
    for (key, at) in [
        ("state_dir", "/run/etcd-ipam"),
        ("spool_dir", "/var/lib/etcd-ipam"),
    ] {
        config[key] = uninstall.mounted(at)?.display().to_string().into();
    }
    fs::write(&file, config.to_string())?;
    let output = uninstall.run()?;
    ensure!(output.status.success(), "{output:?}");
    assert!(!bin.join("etcd-ipam").exists(), "{output:?}");
    assert!(!conf.join("etcd-ipam.d").exists(), "{output:?}");
    Ok(())
}

#[test]
fn a_node_is_uninstalled_where_it_was_installed() -> Result<()> {
    let pod = Objects::parse(UNINSTALL)?;
    types::check(&pod)?;
    names::check(&pod)?;
    let objects = Objects::of_single_file()?;
    let part = |objects: &Objects, container: &str, part: &str| -> Result<Value> {
        let mut containers = objects.containers();
        let (pod, found) = containers
            .find(|(_, found)| found["name"] == container)
            .context("no container")?;
        Ok(match part {
            "volumes" => pod[part].clone(),
            part => found[part].clone(),
        })
    };
    for same in ["image", "resources", "securityContext"] {
        assert_eq!(
            part(&pod, "uninstall", same)?,
            part(&objects, "keep", same)?
        );
    }
    let volumes = part(&pod, "uninstall", "volumes")?;
    for installed in list(&part(&objects, "keep", "volumes")?) {
        let path = &installed["hostPath"]["path"];
        if !path.is_null() {
            let mut paths = list(&volumes).map(|volume| &volume["hostPath"]["path"]);
            assert!(paths.any(|found| found == path), "not mounted: {path}");
        }
    }
    Ok(())
}

#[test]
fn the_job_creates_the_store_once_and_whatever_needs_it_waits() -> Result<()> {
    let mut scene = Scene::without_store()?;
    for name in ["install", "keep", "lease-gc"] {
        let error = scene.container(name).err().context("it starts")?;
        assert!(error.to_string().contains("waits"), "{error:#}");
    }
    scene.initialise()?;
    let first = scene.store_id.clone();
    scene.initialise()?;
    assert_eq!(scene.store_id, first);
    // Applied again after etcd has lost its data.
    let raw = scene.etcd.etcd.raw()?;
    raw.delete(Layout::default().store())?;
    assert!(scene.initialise().is_err());
    let left = raw.get(Layout::default().store())?;
    assert_eq!(left, None, "a store was made anew");

    // Only what its Role allows.
    let role = rights::granted(&Objects::of_single_file()?, "etcd-ipam-init");
    for request in scene.kubernetes.requests() {
        let verb = format!("{:?}", request.verb).to_lowercase();
        let right = ["", "configmaps", &verb].map(str::to_owned);
        assert!(role.contains(&right), "{request:?}");
        let path = "/api/v1/namespaces/kube-system/configmaps";
        assert!(request.path.starts_with(path), "{request:?}");
    }
    Ok(())
}

#[test]
fn the_collector_runs_and_answers_its_probes() -> Result<()> {
    let scene = Scene::with_store()?;
    let mut collector = scene.container("lease-gc")?;
    let objects = Objects::of_single_file()?;
    let mut containers = objects.containers();
    let (_, container) = containers
        .find(|(_, container)| container["name"] == "lease-gc")
        .context("no collector")?;
    let port = list(&container["ports"])
        .find(|port| port["name"] == "http")
        .and_then(|port| port["containerPort"].as_u64())
        .context("no port")?;
    // The one that it listens on unless told otherwise, on an address that nobody else has here.
    let own = help("lease-gc", &[])?;
    assert!(own.contains(&format!("0.0.0.0:{port}")), "{own}");
    let address: SocketAddr = (Place::free()?.ip, u16::try_from(port)?).into();
    collector.set("LEASE_GC_LISTEN", format!("{address}"));
    // In a cluster it finds the API by itself.
    collector.set("LEASE_GC_KUBECONFIG", scene.kubeconfig());
    let mut daemon = collector.start()?;
    let mut get = |path: &str| -> Result<Answer> {
        eventually(path, || {
            ensure!(daemon.ended()?.is_none(), "{}", collector.log()?);
            let answer = Client::plain(address).get(path).ok();
            Ok(answer.filter(|answer| answer.status == 200))
        })
    };
    for probe in ["livenessProbe", "readinessProbe"] {
        let probe = &container[probe]["httpGet"];
        assert_eq!(probe["port"], "http", "{probe}");
        get(probe["path"].as_str().context("no path")?)?;
    }
    get("/metrics")?;
    let status = daemon.stop()?;
    ensure!(status.success(), "{status}: {}", collector.log()?);
    Ok(())
}

/// What a program says to `--help`.
fn help(program: &str, command: &[&str]) -> Result<String> {
    let program = match program {
        "lease-gc" => binaries::collector()?,
        _ => binaries::ipamctl()?,
    };
    let mut line = Command::new(program);
    line.args(command).arg("--help").env_clear();
    let output = process::run(line, "", Finish::Normal)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(output.stdout)
}

#[test]
fn every_variable_is_one_that_the_program_reads() -> Result<()> {
    let scene = Scene::with_store()?;
    let containers: [(&str, &str, &[&str]); 4] = [
        ("install", "ipamctl", &["node", "install"]),
        ("keep", "ipamctl", &["node", "install"]),
        ("init", "ipamctl", &["init"]),
        ("lease-gc", "lease-gc", &[]),
    ];
    for (name, program, command) in containers {
        let container = scene.container(name)?;
        let help = help(program, command)?;
        let words: BTreeSet<_> = help
            .split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter))
            .collect();
        for variable in container.variables() {
            // The collector has a variable for every flag.
            let word = match variable.strip_prefix("LEASE_GC_") {
                Some(rest) => format!("--{}", rest.to_lowercase().replace('_', "-")),
                None => variable.to_owned(),
            };
            assert!(words.contains(&*word), "{name}: {variable}\n{help}");
        }
    }
    Ok(())
}
