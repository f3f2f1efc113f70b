//! What both engines need: a node that they run on, and an image to run.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::machine::{Machine, NETWORKS};
use chaos_tests::skip::skipped;
use serde_json::{Value, json};

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// The image's name.
pub(crate) const IMAGE: &str = "localhost/pause:test";

/// Where the image's archive is on the node.
pub(crate) const ARCHIVE: &str = "/run/pause.tar";

/// A store, and nothing else yet.
pub(crate) struct Store {
    pub(crate) etcd: EtcdServer,
}

impl Store {
    /// `None`, and said so, where the engine cannot run: these are its programs.
    pub(crate) fn new(test: &str, programs: &[&str]) -> Result<Option<Self>> {
        let programs = [programs, &["buildah", "runc", "ldd"]].concat();
        if let Some(reason) = Machine::obstacle(&programs, &["bridge", "macvlan"])? {
            skipped(test, &reason);
            return Ok(None);
        }
        let etcd = EtcdServer::start()?;
        ctl::init(&[etcd.endpoint()], &[])?;
        Ok(Some(Self { etcd }))
    }

    /// A node with the image, an interface `eth0` and these networks, in this order.
    pub(crate) fn node(&self, name: &str, networks: &[&Value]) -> Result<Machine> {
        let mut node = Machine::start(name)?;
        node.use_store(&self.etcd)?;
        node.add_interface("eth0")?;
        for (number, network) in networks.iter().enumerate() {
            let name = network["name"]
                .as_str()
                .context("a network without a name")?;
            node.write(
                &format!("{NETWORKS}/{number}-{name}.conflist"),
                &network.to_string(),
            )?;
        }
        build_image(&node)?;
        Ok(node)
    }

    /// What `ipamctl ls` lists.
    pub(crate) fn listed(&self) -> Result<Vec<Value>> {
        ctl::list(&[self.etcd.endpoint()], "ls")
    }

    /// The addresses that are taken, in their order.
    pub(crate) fn taken(&self) -> Result<Vec<String>> {
        let address = |one: &Value| one["address"].as_str().map(str::to_owned);
        let listed = self.listed()?;
        listed
            .iter()
            .map(|one| address(one).context("no address"))
            .collect()
    }

    /// Waits until exactly these addresses are taken: engines clean up after they have answered.
    pub(crate) fn wait_for(&self, node: &Machine, taken: &[&str]) -> Result<()> {
        eventually(|| {
            let found = self.taken()?;
            let difference = || format!("{found:?} is taken\n{}{}", node.log(), node.served());
            Ok(if found == taken {
                Ok(())
            } else {
                Err(difference())
            })
        })
    }
}

/// Tries again until it is so; fails with the last reason why it was not.
pub(crate) fn eventually(mut attempt: impl FnMut() -> Result<Result<(), String>>) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let Err(reason) = attempt()? else {
            return Ok(());
        };
        ensure!(Instant::now() < patience, "{reason}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A macvlan network `lan` with these addresses.
pub(crate) fn macvlan(range: &str) -> Value {
    json!({
        "cniVersion": "0.4.0", "name": "lan",
        "plugins": [{
            "type": "macvlan", "master": "eth0", "mode": "bridge", "capabilities": {"ips": true},
            "ipam": {"type": "etcd-ipam", "range": range}
        }]
    })
}

/// A bridge network `pods` with the addresses 10.9.0.0/24.
pub(crate) fn bridge() -> Value {
    json!({
        "cniVersion": "0.4.0", "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": "br-test", "isGateway": true,
            "ipam": {"type": "etcd-ipam", "subnet": "10.9.0.0/24"}
        }]
    })
}

/// The guide that says how engines are set up, and what they show.
pub(crate) fn guide() -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/callers.md");
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The network that it shows.
pub(crate) fn network_of_the_guide() -> Result<Value> {
    let guide = guide()?;
    let shown = guide
        .split("```")
        .find_map(|part| part.strip_prefix("json\n"));
    Ok(serde_json::from_str(shown.context("it shows none")?)?)
}

/// An image from nothing but this machine's `sleep` and the libraries that it needs.
fn build_image(node: &Machine) -> Result<()> {
    for (path, text) in [
        (
            "/etc/containers/policy.json",
            json!({"default": [{"type": "insecureAcceptAnything"}]}).to_string(),
        ),
        ("/etc/containers/storage.conf", STORAGE.to_owned()),
        ("/etc/containers/containers.conf", containers_conf()),
    ] {
        node.write(path, &text)?;
    }
    let sleep = node.run(&["sh", "-c", "command -v sleep"])?;
    let sleep = sleep.trim();
    let needed = node.run(&["ldd", sleep])?;
    let libraries = needed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for path in libraries.chain([sleep]) {
        let copy = node.outside(&format!("/run/image{path}"));
        fs::create_dir_all(copy.parent().context("no directory")?)?;
        fs::copy(Path::new(path), copy)?;
    }
    let container = node.run(&["buildah", "from", "scratch"])?;
    let container = container.trim();
    node.run(&["buildah", "copy", "-q", container, "/run/image", "/"])?;
    let start = json!([sleep, "infinity"]).to_string();
    node.run(&["buildah", "config", "--entrypoint", &start, container])?;
    let target = format!("oci-archive:{ARCHIVE}:{IMAGE}");
    node.run(&["buildah", "commit", "-q", container, &target])?;
    Ok(())
}

const STORAGE: &str = r#"
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"#;

fn containers_conf() -> String {
    format!(
        r#"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "{NETWORKS}"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"

[containers]
log_driver = "k8s-file"
"#
    )
}
