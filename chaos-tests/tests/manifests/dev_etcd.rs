//! The etcd of the overlay for development: three processes with exactly its container's arguments,
//! but with addresses of this machine where a cluster has names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::certs::Identity;
use chaos_tests::daemon::{Daemon, Output};
use chaos_tests::http::Client;
use chaos_tests::install;
use chaos_tests::kubernetes::Kubernetes;
use chaos_tests::loopback::Place;
use chaos_tests::process::{self, Finish};
use chaos_tests::skip::lacks;
use serde_json::Value;
use tempfile::TempDir;

use crate::container::{Container, Surroundings};
use crate::kustomize::{Kustomize, deploy};
use crate::objects::{Objects, list, name, texts};

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// The `StatefulSet`, and the name that its members' certificates are made for.
const SET: &str = "etcd-ipam-etcd";

/// Where a member's probes look.
const HEALTH_PORT: u16 = 2381;

/// The members that run, as the `StatefulSet` has them.
struct Members {
    // Dropped before the directory that they write into.
    daemons: Vec<Daemon>,
    places: Vec<Place>,
    home: TempDir,
}

impl Members {
    fn start(stateful_set: &Value) -> Result<Self> {
        let count = stateful_set["spec"]["replicas"].as_u64();
        let count = count.context("no count")?;
        let home = tempfile::Builder::new().prefix("dev-etcd-").tempdir()?;
        let places: Vec<_> = (0..count).map(|_| Place::free()).collect::<Result<_>>()?;
        // The members reach each other from the machine's usual loopback address.
        let hosts = places.iter().map(|place| place.ip.to_string());
        let hosts: Vec<_> = hosts.chain(["127.0.0.1".to_owned()]).collect();
        make_certificates(home.path(), "authorities")?;
        make_certificates(home.path(), "client root")?;
        make_certificates(home.path(), &format!("server {SET} {}", hosts.join(" ")))?;
        let mut members = Self {
            daemons: Vec::new(),
            places,
            home,
        };
        for number in 0..members.places.len() {
            let daemon = members.launch(stateful_set, number)?;
            members.daemons.push(daemon);
        }
        Ok(members)
    }

    fn launch(&self, stateful_set: &Value, number: usize) -> Result<Daemon> {
        let spec = &stateful_set["spec"];
        let container = &spec["template"]["spec"]["containers"][0];
        ensure!(texts(&container["command"]).eq(["etcd"]), "{container}");
        let (set, service) = (name(stateful_set), spec["serviceName"].as_str());
        let domain = format!("{}.kube-system.svc", service.context("no service")?);
        let data = self.home.path().join(format!("data-{number}"));
        std::fs::create_dir(&data)?;
        let certificate = |kind: &str| {
            let directory = self.certificates().join(kind).join(SET);
            format!("={}/", directory.display())
        };
        let arguments = texts(&container["args"]).map(|argument| {
            let mut argument = argument
                .replace("$(POD_NAME)", &format!("{set}-{number}"))
                .replace("0.0.0.0", &self.places[number].ip.to_string())
                .replace("=/tls/", &certificate("servers"))
                .replace("=/peer-tls/", &certificate("peers"))
                .replace("=/data/", &format!("={}/", data.display()));
            for (other, place) in self.places.iter().enumerate() {
                let known_as = format!("{set}-{other}.{domain}");
                argument = argument.replace(&known_as, &place.ip.to_string());
            }
            argument
        });
        let arguments: Vec<_> = arguments.collect();
        let rest = arguments.iter().find(|argument| argument.contains(".svc"));
        ensure!(rest.is_none(), "a name is left: {rest:?}");
        let program = install::newest()?.directory.join("etcd");
        let output = Output::together(&self.log(number))?;
        Daemon::start(&program, &arguments, self.home.path(), output)
    }

    fn certificates(&self) -> PathBuf {
        self.home.path().join("etcd-certificates")
    }

    fn log(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("log-{number}"))
    }

    fn endpoints(&self) -> String {
        let urls = self.places.iter();
        let urls = urls.map(|place| format!("https://{}:{}", place.ip, Place::CLIENT_PORT));
        urls.collect::<Vec<_>>().join(",")
    }

    /// Waits until every member answers its probe with 200.
    fn wait_until_healthy(&mut self, path: &str) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        for (number, place) in self.places.iter().enumerate() {
            let client = Client::plain((place.ip, HEALTH_PORT));
            while !client.get(path).is_ok_and(|answer| answer.status == 200) {
                let ended = self.daemons[number].ended()?;
                if ended.is_some() || Instant::now() > patience {
                    let log = std::fs::read_to_string(self.log(number))?;
                    bail!("member {number} is not well ({ended:?}): {log}");
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}

/// Calls the script that makes certificates, in this directory.
fn make_certificates(directory: &Path, arguments: &str) -> Result<String> {
    let mut command = Command::new(deploy().join("etcd/certificates.sh").canonicalize()?);
    command
        .args(arguments.split_whitespace())
        .current_dir(directory);
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(output.status.success(), "{arguments}: {output:?}");
    Ok(output.stdout)
}

fn overlay(test: &str) -> Result<Option<Objects>> {
    let Some(kustomize) = Kustomize::or_skip(test) else {
        return Ok(None);
    };
    let folder = deploy().join("kustomize/overlays/dev-etcd");
    kustomize.build(&folder).map(Some)
}

#[test]
fn the_members_form_a_cluster_in_which_the_store_is_armed() -> Result<()> {
    let test = "the_members_form_a_cluster_in_which_the_store_is_armed";
    if lacks(test, &["openssl"]) {
        return Ok(());
    }
    let Some(objects) = overlay(test)? else {
        return Ok(());
    };
    let stateful_set = objects.get("StatefulSet", SET)?;
    let mut members = Members::start(stateful_set)?;
    let container = &stateful_set["spec"]["template"]["spec"]["containers"][0];
    let port = list(&container["ports"]).find(|port| port["name"] == "http");
    assert_eq!(port.context("no port")?["containerPort"], HEALTH_PORT);
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str();
        members.wait_until_healthy(path.context("no path")?)?;
    }
    let root = members.certificates().join("clients/root");
    let around = Surroundings {
        endpoints: members.endpoints(),
        store_id: None,
        ca_file: root.join("ca.crt"),
        identity: Identity {
            cert_file: root.join("tls.crt"),
            key_file: root.join("tls.key"),
        },
    };
    let kubernetes = Kubernetes::start()?;
    let mut job = Container::new(&objects, "init", &around)?;
    job.set("KUBECONFIG", kubernetes.kubeconfig().display().to_string());
    job.set("IPAMCTL_OUTPUT", "json".to_owned());
    // The certificates here name addresses.
    job.set("IPAMCTL_SERVER_NAME", String::new());
    let output = job.run()?;
    ensure!(output.status.success(), "{output:?}");
    let made: Value = serde_json::from_str(&output.stdout)?;
    assert!(made["sealed_term"].as_u64() >= Some(64), "{made}");
    Ok(())
}

#[test]
fn everybody_is_told_where_the_members_are() -> Result<()> {
    let Some(objects) = overlay("everybody_is_told_where_the_members_are")? else {
        return Ok(());
    };
    let stateful_set = objects.get("StatefulSet", SET)?;
    let spec = &stateful_set["spec"];
    let service = spec["serviceName"].as_str().context("no service")?;
    let members = (0..spec["replicas"].as_u64().context("no count")?).map(|number| {
        let set = name(stateful_set);
        format!("https://{set}-{number}.{service}.kube-system.svc:2379")
    });
    let members: Vec<_> = members.collect();
    assert_eq!(
        objects.setting("etcd-ipam", "endpoints")?,
        members.join(",")
    );
    assert_eq!(
        objects.get("Service", service)?["spec"]["clusterIP"],
        "None"
    );

    let server_name = objects.setting("etcd-ipam", "server_name")?;
    let service = server_name.split('.').next().unwrap_or_default();
    objects.get("Service", service)?;
    // The kubelet knows a Service by this variable.
    let variable = format!("{}_SERVICE_HOST", service.to_uppercase().replace('-', "_"));
    for container in ["install", "keep"] {
        let mut containers = objects.containers();
        let found = containers.find(|(_, found)| found["name"] == container);
        let (_, container) = found.context("no installer")?;
        let mut variables = list(&container["env"]);
        let endpoints = variables.find(|variable| variable["name"] == "IPAMCTL_ENDPOINTS");
        let endpoints = endpoints.context("no endpoints")?;
        assert_eq!(endpoints["value"], format!("https://$({variable}):2379"));
        assert!(endpoints.get("valueFrom").is_none(), "{endpoints}");
    }
    Ok(())
}
