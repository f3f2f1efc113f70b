//! IPAM plugins that are run and timed: ours and host-local, on the same stdin and stdout.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::etcd::EtcdServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::usage::kibibytes;

/// Where Debian's containernetworking-plugins has it.
const HOST_LOCAL: &str = "/usr/lib/cni/host-local";
/// Memory that looks like a disk.
const TMPFS: &str = "/dev/shm";

/// A plugin with its network's config and, where it is ours, a node of its own.
pub(crate) struct Runner {
    /// What it is called in tables.
    pub(crate) name: &'static str,
    program: PathBuf,
    config: String,
    node_config: PathBuf,
    _directories: [TempDir; 2],
}

/// One answer.
pub(crate) struct Timed {
    /// From before the start to after the end of the process.
    pub(crate) time: Duration,
    /// What it printed.
    pub(crate) stdout: String,
}

/// Where a plugin of ours puts releases that it must not lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spool {
    /// On the disk of the build, as on a node.
    Disk,
    /// In memory, where syncing costs nothing.
    Memory,
}

impl Runner {
    /// host-local, on the disk of the build.
    pub(crate) fn host_local(range: &Value) -> Result<Self> {
        let program = PathBuf::from(HOST_LOCAL);
        ensure!(
            program.is_file(),
            "{HOST_LOCAL} is missing: run `make tools`"
        );
        let (disk, memory) = directories()?;
        let ipam = json!({
            "type": "host-local", "ranges": [[range]], "dataDir": disk.path().join("host-local"),
        });
        Ok(Self {
            name: "host-local",
            program,
            config: network(&ipam),
            node_config: PathBuf::new(),
            _directories: [disk, memory],
        })
    }

    /// Ours, on a node of its own. It gives out one address, of one range of an address space.
    pub(crate) fn ours(
        name: &'static str,
        etcd: &EtcdServer,
        order: &str,
        spool: Spool,
        (space, range): (&str, &Value),
    ) -> Result<Self> {
        Self::ours_with(name, etcd, order, spool, (space, &json!([[range]])))
    }

    /// Ours, with host-local's list of lists.
    pub(crate) fn ours_with(
        name: &'static str,
        etcd: &EtcdServer,
        order: &str,
        spool: Spool,
        (space, ranges): (&str, &Value),
    ) -> Result<Self> {
        let (disk, memory) = directories()?;
        let spool_home = match spool {
            Spool::Disk => &disk,
            Spool::Memory => &memory,
        };
        let mut node = json!({
            "node_name": "worker-017.example.net",
            "state_dir": memory.path().join("state"),
            "spool_dir": spool_home.path().join("spool"),
            "etcd": {"endpoints": [etcd.endpoint()]},
        });
        if let (Ok(authority), Ok(identity)) = (etcd.authority(), etcd.root_identity())
            && let Some(etcd) = node.get_mut("etcd")
        {
            *etcd = json!({
                "endpoints": etcd.get("endpoints"),
                "ca_file": authority.ca_file,
                "cert_file": identity.cert_file,
                "key_file": identity.key_file,
            });
        }
        let node_config = disk.path().join("node.json");
        std::fs::write(&node_config, node.to_string())?;
        let ipam = json!({
            "type": "etcd-ipam", "ranges": ranges, "order": order, "network_name": space,
        });
        Ok(Self {
            name,
            program: binaries::plugin()?,
            config: network(&ipam),
            node_config,
            _directories: [disk, memory],
        })
    }

    /// Runs a verb for one pod's interface. A call that fails ends the measurement.
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
        let mut child = Command::new(&self.program)
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
        ensure!(output.status.success(), "{}: {verb}: {output:?}", self.name);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What containerd and Multus set.
    fn environment(&self, verb: &str, pod: u64) -> Vec<(&'static str, String)> {
        let container = format!("{pod:064x}");
        let arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=checkout;K8S_POD_NAME=checkout-6d5f7c9b8-{pod:05};\
             K8S_POD_INFRA_CONTAINER_ID={container};\
             K8S_POD_UID=5b0a6c1e-6f5c-4f0e-9d0b-{pod:012x}"
        );
        vec![
            ("CNI_COMMAND", verb.to_owned()),
            ("CNI_CONTAINERID", container),
            ("CNI_IFNAME", "net1".to_owned()),
            ("CNI_NETNS", "/run/netns/none".to_owned()),
            ("CNI_PATH", "/opt/cni/bin".to_owned()),
            ("CNI_ARGS", arguments),
            ("ETCD_IPAM_CONFIG", self.node_config.display().to_string()),
        ]
    }
}

/// One on the disk of the build (`/tmp` may be memory) and one in memory.
fn directories() -> Result<(TempDir, TempDir)> {
    let program = std::env::current_exe()?;
    let build = program.parent().context("no directory")?;
    let new = |place: &Path| {
        tempfile::Builder::new()
            .prefix("measure-")
            .tempdir_in(place)
    };
    Ok((new(build)?, new(Path::new(TMPFS))?))
}

/// Both know 1.0.0.
fn network(ipam: &Value) -> String {
    json!({
        "cniVersion": "1.0.0", "name": "macvlan-conf", "type": "macvlan", "master": "eth0",
        "ipam": ipam,
    })
    .to_string()
}
