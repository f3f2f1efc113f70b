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
use chaos_tests::http::{Answer, Client};
use chaos_tests::kubernetes::Kubernetes;
use chaos_tests::layout::Layout;
use chaos_tests::loopback::Place;
use chaos_tests::process::{self, Finish};
use serde_json::Value;

use crate::container::{Container, NODE, Surroundings};
use crate::objects::{Objects, list};
use crate::rights;

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// An etcd that wants certificates, and the API of the cluster.
struct Scene {
    etcd: EtcdServer,
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
            etcd,
            kubernetes: Kubernetes::start()?,
            store_id: None,
        })
    }

    /// With the store that the Job has created and written down.
    fn with_store() -> Result<Self> {
        let mut scene = Self::without_store()?;
        scene.initialise()?;
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

    fn container(&self, name: &str) -> Result<Container> {
        let around = Surroundings {
            endpoints: self.etcd.endpoint(),
            store_id: self.store_id.clone(),
            authority: self.etcd.authority()?,
            identity: self.etcd.root_identity()?,
        };
        Container::new(&Objects::of_single_file()?, name, &around)
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
    keep.share_mounts(&install);
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
    scene.etcd.raw()?.delete(Layout::default().store())?;
    assert!(scene.initialise().is_err());
    let left = scene.etcd.raw()?.get(Layout::default().store())?;
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
