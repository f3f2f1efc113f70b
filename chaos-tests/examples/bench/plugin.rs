//! IPAM plugins that are run and timed: ours, host-local and others, all as a runtime runs them.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::Peer;
use crate::servers::Way;
use crate::usage::kibibytes;

/// Where Debian's containernetworking-plugins has it.
const HOST_LOCAL: &str = "/usr/lib/cni/host-local";
/// Memory that looks like a disk.
const TMPFS: &str = "/dev/shm";
/// The network of all calls but those of peers.
const NETWORK: &str = "macvlan-conf";

/// A plugin with its network's config and, where it is ours, a node of its own.
pub(crate) struct Plugin {
    program: PathBuf,
    /// What runs the program, and its arguments; empty where it runs by itself.
    under: Vec<OsString>,
    config: String,
    home: Home,
}

/// Where a plugin of ours is to find what.
pub(crate) struct Setting<'a> {
    /// etcd.
    pub(crate) way: &'a Way,
    /// `lowest` or `spread`.
    pub(crate) order: &'a str,
    /// The address space.
    pub(crate) space: &'a str,
    /// host-local's list of lists.
    pub(crate) ranges: Value,
    /// Where it puts releases that it must not lose.
    pub(crate) spool: Spool,
}

/// Where a plugin of ours puts releases that it must not lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spool {
    /// On the disk of the build, as on a node.
    Disk,
    /// In memory, where syncing costs nothing.
    Memory,
}

/// One answer.
pub(crate) struct Timed {
    /// From before the start to after the end of the process.
    pub(crate) time: Duration,
    /// What it printed.
    pub(crate) stdout: String,
}

/// One directory on the disk of the build (`/tmp` may be memory) and one in memory.
struct Home {
    disk: TempDir,
    memory: TempDir,
}

impl Plugin {
    /// host-local, on the disk of the build; `None` where it is not installed.
    pub(crate) fn host_local(ranges: &Value) -> Result<Option<Self>> {
        let program = PathBuf::from(HOST_LOCAL);
        if !program.is_file() {
            return Ok(None);
        }
        let home = Home::new()?;
        let ipam = json!({"type": "host-local", "ranges": ranges, "dataDir": home.data()});
        Ok(Some(Self::new(program, network(&ipam), home)))
    }

    /// Another.
    pub(crate) fn peer(peer: &Peer) -> Result<Self> {
        Ok(Self::new(
            peer.program.clone(),
            peer.config.clone(),
            Home::new()?,
        ))
    }

    /// Ours, on a node of its own.
    pub(crate) fn ours(setting: &Setting<'_>) -> Result<Self> {
        let home = Home::new()?;
        let spool_home = match setting.spool {
            Spool::Disk => &home.disk,
            Spool::Memory => &home.memory,
        };
        let mut etcd = json!({"endpoints": setting.way.endpoints});
        if let (Some([authority, cert, key]), Some(fields)) =
            (&setting.way.files, etcd.as_object_mut())
        {
            for (name, path) in [
                ("ca_file", authority),
                ("cert_file", cert),
                ("key_file", key),
            ] {
                fields.insert(name.to_owned(), json!(path));
            }
        }
        let node = json!({
            "node_name": "worker-017.example.net",
            "state_dir": home.memory.path().join("state"),
            "spool_dir": spool_home.path().join("spool"),
            "etcd": etcd,
        });
        std::fs::write(home.node_config(), node.to_string())?;
        let ipam = json!({
            "type": "etcd-ipam", "ranges": setting.ranges, "order": setting.order,
            "network_name": setting.space,
        });
        Ok(Self::new(binaries::plugin()?, network(&ipam), home))
    }

    const fn new(program: PathBuf, config: String, home: Home) -> Self {
        Self {
            program,
            under: Vec::new(),
            config,
            home,
        }
    }

    /// The same, another build of the program.
    pub(crate) fn set_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// From now on run under this command.
    pub(crate) fn run_under(&mut self, command: Vec<OsString>) {
        self.under = command;
    }

    /// Where host-local keeps the addresses of the network.
    pub(crate) fn files_of_host_local(&self) -> PathBuf {
        self.home.data().join(NETWORK)
    }

    /// Runs a verb for one pod's interface. A call that fails is an error.
    pub(crate) fn timed(&self, verb: &str, pod: u64) -> Result<Timed> {
        let start = Instant::now();
        let mut child = self.start(verb, pod)?;
        // What they print fits a pipe, so it can be read after their end.
        child.wait()?;
        let time = start.elapsed();
        let stdout = self.finish(verb, child)?;
        Ok(Timed { time, stdout })
    }

    /// The peak resident memory of a call (KiB): the high-water mark, looked at until the process
    /// has none any more; `None` if it was faster than the first look. What `getrusage` says of a
    /// child would include its parent, as it was before the `exec`.
    pub(crate) fn peak(&self, verb: &str, pod: u64) -> Result<Option<u64>> {
        let child = self.start(verb, pod)?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = None;
        while let Some(mark) = kibibytes(&std::fs::read_to_string(&status)?, "VmHWM:") {
            peak = Some(mark);
        }
        self.finish(verb, child)?;
        Ok(peak)
    }

    fn start(&self, verb: &str, pod: u64) -> Result<Child> {
        let mut words = self.under.iter().cloned();
        let words: Vec<OsString> = words
            .by_ref()
            .chain([self.program.clone().into()])
            .collect();
        let (first, rest) = words.split_first().context("no program")?;
        let mut child = Command::new(first)
            .args(rest)
            .env_clear()
            .envs(self.environment(verb, pod))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().context("no standard input")?;
        // VERSION may end without having read its input.
        let _ = input.write_all(self.config.as_bytes());
        Ok(child)
    }

    fn finish(&self, verb: &str, child: Child) -> Result<String> {
        let output = child.wait_with_output()?;
        let program = self.program.display();
        ensure!(output.status.success(), "{program}: {verb}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What containerd and Multus set.
    fn environment(&self, verb: &str, pod: u64) -> Vec<(&'static str, OsString)> {
        let container = format!("{pod:064x}");
        let arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=checkout;K8S_POD_NAME=checkout-6d5f7c9b8-{pod:05};\
             K8S_POD_INFRA_CONTAINER_ID={container};\
             K8S_POD_UID=5b0a6c1e-6f5c-4f0e-9d0b-{pod:012x}"
        );
        vec![
            ("CNI_COMMAND", verb.into()),
            ("CNI_CONTAINERID", container.into()),
            ("CNI_IFNAME", "net1".into()),
            ("CNI_NETNS", "/run/netns/none".into()),
            ("CNI_PATH", "/opt/cni/bin".into()),
            ("CNI_ARGS", arguments.into()),
            ("ETCD_IPAM_CONFIG", self.home.node_config().into()),
        ]
    }
}

impl Home {
    fn new() -> Result<Self> {
        let program = std::env::current_exe()?;
        let build = program.parent().context("no directory")?;
        let new = |place: &Path| tempfile::Builder::new().prefix("bench-").tempdir_in(place);
        Ok(Self {
            disk: new(build)?,
            memory: new(Path::new(TMPFS))?,
        })
    }

    fn node_config(&self) -> PathBuf {
        self.disk.path().join("node.json")
    }

    fn data(&self) -> PathBuf {
        self.disk.path().join("host-local")
    }
}

/// All know 1.0.0.
fn network(ipam: &Value) -> String {
    json!({
        "cniVersion": "1.0.0", "name": NETWORK, "type": "macvlan", "master": "eth0", "ipam": ipam,
    })
    .to_string()
}
