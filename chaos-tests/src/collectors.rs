//! What tests of the collector begin with: a Kubernetes cluster whose pods hold addresses in a
//! store, and collectors between the two.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binaries;
use crate::collector::{Collector, Source};
use crate::etcd::EtcdServer;
use crate::kubernetes::{Kubernetes, network, node, pod};
use crate::layout::Layout;
use crate::process::{self, Finish, Output};
use crate::raw::Raw;
use crate::record::{self, Record, record};

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// A schedule that is not due while a test runs.
pub const NEVER: &str = "0 0 29 2 *";

/// The node that all pods are on.
pub const NODE: &str = "n1";

/// A cluster with one node, and one pod that holds nothing: no cluster is without pods.
///
/// Its other pods are known by numbers: pod 7 is `test/pod-7`, its uid is `uid-7`, its container
/// `c7`, and it holds 10.90.0.7 on the network `net`.
#[derive(Debug)]
pub struct Cluster {
    /// Its API.
    pub kubernetes: Kubernetes,
    name: String,
    endpoint: String,
    raw: Raw,
    layout: Layout,
    /// Has the collectors' configuration.
    home: TempDir,
}

/// Who leads a cluster's collectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The leader's name.
    pub identity: String,
    /// The election key's create revision.
    pub token: i64,
}

impl Cluster {
    /// The cluster `default` with its store in this server.
    pub fn new(etcd: &EtcdServer) -> Result<Self> {
        Self::named("default", etcd)
    }

    /// A cluster of another name.
    pub fn named(name: &str, etcd: &EtcdServer) -> Result<Self> {
        let kubernetes = Kubernetes::start()?;
        kubernetes.put_node(node(NODE))?;
        kubernetes.put_pod(pod("test", "bystander", "", NODE))?;
        let cluster = Self {
            kubernetes,
            name: name.to_owned(),
            endpoint: etcd.endpoint(),
            raw: etcd.raw()?,
            layout: Layout::default(),
            home: tempfile::tempdir()?,
        };
        let mut config = json!({
            "cluster": name,
            "cron-schedule": NEVER,
            "election-ttl": "1m",
            "grace-period": "0s",
        });
        if let (Ok(authority), Ok(identity)) = (etcd.authority(), etcd.root_identity()) {
            config["ca-file"] = json!(authority.ca_file);
            config["cert-file"] = json!(identity.cert_file);
            config["key-file"] = json!(identity.key_file);
        }
        std::fs::write(cluster.config(), config.to_string())?;
        Ok(cluster)
    }

    /// What its collectors are configured with unless they are told otherwise: a schedule that is
    /// never due, a lease that outlasts a test, no grace period, and how etcd lets them in.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("lease-gc.json")
    }

    /// Where its pods are known from.
    pub fn source(&self) -> Source {
        Source::Kubernetes(self.kubernetes.kubeconfig())
    }

    /// Starts a collector of this name, with more arguments.
    pub fn collector(&self, identity: &str, more: &[&str]) -> Result<Collector> {
        self.collector_at(&self.endpoint, &self.source(), identity, more)
    }

    /// Starts a collector that reaches etcd here and knows the pods from there.
    pub fn collector_at(
        &self,
        endpoint: &str,
        source: &Source,
        identity: &str,
        more: &[&str],
    ) -> Result<Collector> {
        let config = self.config().display().to_string();
        let own = ["--config", &config, "--identity", identity];
        Collector::start(&[endpoint.to_owned()], source, &[&own, more].concat())
    }

    /// Runs a collector that ends by itself, with more arguments.
    pub fn run_to_end(&self, endpoint: &str, more: &[&str]) -> Result<Output> {
        let mut command = Command::new(binaries::collector()?);
        command
            .args(["--endpoints", endpoint])
            .arg("--config")
            .arg(self.config())
            .arg("--kubeconfig")
            .arg(self.kubernetes.kubeconfig())
            .args(more)
            .env_clear();
        process::run(command, "", Finish::Normal)
    }

    /// Writes records of these pods into the store, whether they live or not.
    pub fn hold(&self, numbers: impl IntoIterator<Item = u8>) -> Result<()> {
        let records = numbers.into_iter().map(|number| self.record(number));
        record::write(&self.raw, &self.layout, records)
    }

    /// The record of a pod.
    pub fn record(&self, number: u8) -> Record {
        let machine = Value::from(node(NODE));
        let info = |field: &str| machine["status"]["nodeInfo"][field].as_str().unwrap_or("");
        record(&self.holder(number))
            .address("default", address(number), 24)
            .pod("test", &pod_name(number), &format!("uid-{number}"))
            .started(info("machineID"), info("bootID"), 1000)
    }

    fn holder(&self, number: u8) -> String {
        format!("{}/{NODE}/net/c{number}/eth0", self.name)
    }

    /// The key of a pod's record.
    pub fn owner_key(&self, number: u8) -> String {
        self.layout.owner(&self.holder(number))
    }

    /// Lets these pods live.
    pub fn live(&self, numbers: impl IntoIterator<Item = u8>) -> Result<()> {
        for number in numbers {
            let ip = address(number).to_string();
            let pod = pod("test", &pod_name(number), &format!("uid-{number}"), NODE);
            let status = network("net", "net1", &[&ip]);
            self.kubernetes.put_pod(pod.network_status([status]))?;
        }
        Ok(())
    }

    /// Lets a pod die.
    pub fn end(&self, number: u8) -> Result<()> {
        self.kubernetes.delete_pod("test", &pod_name(number))
    }

    /// The pods that have a record.
    pub fn held(&self) -> Result<BTreeSet<u8>> {
        let before = format!("{}{}/{NODE}/net/c", self.layout.owners(), self.name);
        let number = |(key, _): (Vec<u8>, Vec<u8>)| {
            let key = String::from_utf8(key)?;
            let rest = key.strip_prefix(&before).context("another's record")?;
            let number = rest.strip_suffix("/eth0").context("another interface")?;
            Ok(number.parse()?)
        };
        let records = self.raw.list(&before)?;
        records.into_iter().map(number).collect()
    }

    /// Waits until these pods have a record, and no others.
    pub fn wait_until_held(&self, numbers: impl IntoIterator<Item = u8>) -> Result<()> {
        let numbers: BTreeSet<_> = numbers.into_iter().collect();
        wait_until(&format!("records of {numbers:?}"), || {
            Ok(self.held()? == numbers)
        })
    }

    /// Who leads now.
    pub fn leader(&self) -> Result<Option<Leader>> {
        let key = self.layout.leader(&self.name);
        let answer = self.raw.ask(async |client| client.get(key, None).await)?;
        let Some(entry) = answer.kvs().first() else {
            return Ok(None);
        };
        let value: Value = serde_json::from_slice(entry.value())?;
        Ok(Some(Leader {
            identity: value["identity"].as_str().context("nobody")?.to_owned(),
            token: entry.create_revision(),
        }))
    }

    /// Waits for a leader other than these.
    pub fn wait_for_leader(&self, but: &[&str]) -> Result<Leader> {
        let mut found = None;
        wait_until("another leads", || {
            let leader = self.leader()?;
            found = leader.filter(|leader| !but.contains(&leader.identity.as_str()));
            Ok(found.is_some())
        })?;
        found.context("nobody leads")
    }
}

/// Waits until a collector that leads has swept for the first time.
pub fn wait_for_first_sweep(collector: &mut Collector) -> Result<()> {
    collector.wait_until("the first sweep is done", |it| Ok(it.sweeps()? > 0.0))
}

/// Waits until a collector knows that it is a candidate only.
pub fn wait_until_it_follows(collector: &mut Collector) -> Result<()> {
    collector.wait_until("it follows", |it| {
        Ok(!logged(it, "another leads")?.is_empty())
    })
}

/// Lets a collector that has swept before do two sweeps more: one suspects, the other confirms.
pub fn collect(collector: &mut Collector) -> Result<()> {
    collector.sweep_now()?;
    collector.sweep_now()
}

/// Lets a collector that has swept before suspect, and confirm; comes back when it releases.
pub fn begin_to_collect(collector: &mut Collector) -> Result<()> {
    collector.sweep_now()?;
    collector.signal(Signal::SIGHUP)?;
    collector.wait_until("it releases", |it| Ok(!logged(it, "released")?.is_empty()))
}

/// The address of a pod.
pub fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 90, 0, number).into()
}

fn pod_name(number: u8) -> String {
    format!("pod-{number}")
}

/// The lines of a collector's log that say this.
pub fn logged(collector: &Collector, message: &str) -> Result<Vec<Value>> {
    Ok(saying(&collector.log()?, message))
}

/// The lines of a log that say this.
pub fn saying(log: &[Value], message: &str) -> Vec<Value> {
    let lines = log.iter().filter(|line| line["message"] == message);
    lines.cloned().collect()
}

/// A metric of a collector: the sum over the series that have at least these labels.
pub fn metric(collector: &Collector, name: &str, labels: &[(&str, &str)]) -> Result<Option<f64>> {
    Ok(collector.metrics()?.value(name, labels))
}

/// How many of a collector's sweeps ended so.
pub fn ended(collector: &Collector, result: &str) -> Result<Option<f64>> {
    metric(collector, "etcd_ipam_sweeps_total", &[("result", result)])
}

/// Writes a kubeconfig that leads elsewhere, and nobody is there.
pub fn lead_astray(kubeconfig: &Path) -> Result<()> {
    let mut config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    Ok(std::fs::write(kubeconfig, config.to_string())?)
}

/// Waits until something holds. Fails after a minute.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    while !holds().with_context(|| format!("waiting until {what}"))? {
        ensure!(Instant::now() < patience, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
