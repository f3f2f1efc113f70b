//! Machines of their own on this one, for what needs real interfaces or a real engine: Linux namespaces.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binaries;
use crate::daemon::{Daemon, Output};
use crate::etcd::EtcdServer;
use crate::namespace;
use crate::process::{self, Finish};
use crate::proxy::Proxy;

/// A machine that is not there after this time never will be.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where Debian has the main plugins.
const PLUGINS: &str = "/usr/lib/cni";

/// Where runtimes look for plugins.
pub const BIN_DIR: &str = "/opt/cni/bin";

/// Where runtimes look for networks.
pub const NETWORKS: &str = "/etc/cni/net.d";

/// The plugin's log in the machine.
const LOG: &str = "/run/etcd-ipam.log";

/// Where the programs are, outside and inside.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const NAMESPACES: [&str; 7] = [
    "--mount",
    "--net",
    "--pid",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
];

/// What runs as the machine's first process. It says which process it is outside, while it still sees the
/// outside's /proc, covers what engines write to, and lets nothing of the real machine be written.
const INIT: &str = r#"
set -e
read -r pid rest </proc/self/stat
mount --make-rprivate /
mount -t proc proc /proc
for dir in /etc /opt /root /run /tmp /var; do mount -t tmpfs tmpfs "$dir"; done
mkdir -m 1777 /var/tmp
mkdir /var/lib /var/log
ln -s /run /var/run
mount -o remount,bind,ro /
hostname "$0"
ip link set lo up
echo "$pid"
exec sleep infinity
"#;

/// A machine with processes, mounts, a network and directories of its own; it shares the programs of the
/// real one. Dropping it ends all that runs in it.
#[derive(Debug)]
pub struct Machine {
    // Dropped before anything else: all that runs ends with it.
    init: Option<Daemon>,
    name: String,
    pid: String,
    cgroup: String,
    windows: Vec<Proxy>,
    home: TempDir,
}

impl Machine {
    /// Why no such machine can be made here, or one without these programs and these plugins; `None`
    /// where nothing is in the way.
    pub fn obstacle(programs: &[&str], plugins: &[&str]) -> Result<Option<String>> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(Some("namespaces need root".to_owned()));
        }
        for program in [&["unshare", "nsenter", "ip"], programs].concat() {
            let mut dirs = PATH.split(':');
            if !dirs.any(|dir| Path::new(dir).join(program).exists()) {
                return Ok(Some(format!("{program} is not installed")));
            }
        }
        for plugin in plugins {
            if !Path::new(PLUGINS).join(plugin).exists() {
                return Ok(Some(format!("{PLUGINS}/{plugin} is not installed")));
            }
        }
        let mut probe = "ip link add one type veth peer name two".to_owned();
        for (plugin, link) in [
            (
                "macvlan",
                "ip link add three link one type macvlan mode bridge",
            ),
            ("bridge", "ip link add four type bridge"),
        ] {
            if plugins.contains(&plugin) {
                probe = format!("{probe} && {link}");
            }
        }
        let mut attempt = Command::new("unshare");
        attempt.args(NAMESPACES).args(["sh", "-c", &probe]);
        let attempt = process::run(attempt, "", Finish::Normal)?;
        let reason = || format!("no such links in namespaces: {}", attempt.stderr.trim());
        Ok((!attempt.status.success()).then(reason))
    }

    /// A machine of this name, on no network. The plugin and the main plugins are installed.
    pub fn start(name: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("machine-").tempdir()?;
        let output = Output::apart(&home.path().join("pid"), &home.path().join("errors"))?;
        let mut arguments = NAMESPACES.map(str::to_owned).to_vec();
        arguments.extend(["sh", "-c", INIT, name].map(str::to_owned));
        let unshare = Daemon::start(Path::new("unshare"), &arguments, home.path(), output)?;
        let mut machine = Self {
            init: Some(unshare),
            name: name.to_owned(),
            pid: String::new(),
            cgroup: format!("etcd-ipam-test-{:016x}", rand::random::<u64>()),
            windows: Vec::new(),
            home,
        };
        machine.wait_until_ready()?;
        machine.furnish()?;
        Ok(machine)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        let read = |name: &str| fs::read_to_string(self.home.path().join(name));
        loop {
            let said = read("pid")?;
            if said.ends_with('\n') {
                said.trim().clone_into(&mut self.pid);
                return Ok(());
            }
            let has_ended = match &mut self.init {
                Some(init) => init.ended()?.is_some(),
                None => true,
            };
            if has_ended || Instant::now() > patience {
                bail!("machine {} did not start: {}", self.name, read("errors")?);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What every Linux has in /etc, and the plugins.
    fn furnish(&self) -> Result<()> {
        for (path, text) in [
            ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("/etc/group", "root:x:0:\n"),
            ("/etc/hosts", "127.0.0.1 localhost\n"),
            ("/etc/resolv.conf", ""),
        ] {
            self.write(path, text)?;
        }
        fs::create_dir_all(self.outside(BIN_DIR))?;
        self.install("etcd-ipam", &binaries::plugin()?)?;
        if let Ok(plugins) = fs::read_dir(PLUGINS) {
            for plugin in plugins {
                let name = plugin?.file_name();
                std::os::unix::fs::symlink(
                    Path::new(PLUGINS).join(&name),
                    self.outside(BIN_DIR).join(&name),
                )?;
            }
        }
        Ok(())
    }

    /// Puts a script where runtimes look for plugins, instead of the plugin of that name.
    pub fn install_script(&self, plugin: &str, script: &str) -> Result<()> {
        let source = self.home.path().join(plugin);
        fs::write(&source, script)?;
        self.install(plugin, &source)
    }

    /// A process of its own writes the file. While this one did, what it starts meanwhile would have the
    /// file open too, and a program that is being written cannot be run. `install` removes what was there,
    /// which may be a link to the real machine's plugin.
    fn install(&self, plugin: &str, source: &Path) -> Result<()> {
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(source);
        install.arg(self.outside(BIN_DIR).join(plugin));
        let install = process::run(install, "", Finish::Normal)?;
        ensure!(install.status.success(), "{plugin}: {install:?}");
        Ok(())
    }

    /// Where a file of the machine is for the test.
    pub fn outside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// Writes a file of the machine, with the directories that it is in.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.outside(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Makes it a node that uses this etcd, which it reaches where everybody else does: on its own
    /// loopback.
    pub fn use_store(&mut self, etcd: &EtcdServer) -> Result<()> {
        let endpoint = etcd.endpoint();
        let (_, address) = endpoint.split_once("://").context("not a URL")?;
        let address: SocketAddr = address.parse()?;
        self.windows
            .push(Proxy::at(self.listener(address)?, &endpoint)?);
        let file = json!({
            "etcd": {"endpoints": [endpoint]},
            "node_name": self.name,
            "log_file": LOG,
            "log_level": "verbose",
        });
        let path = format!("{NETWORKS}/etcd-ipam.d/etcd-ipam.conf");
        self.write(&path, &file.to_string())
    }

    /// A socket of the machine's network.
    fn listener(&self, address: SocketAddr) -> Result<TcpListener> {
        let bound = self.in_network(move || TcpListener::bind(address))?;
        Ok(bound?)
    }

    /// Does something in the machine's network.
    fn in_network<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        namespace::in_network(Path::new(&format!("/proc/{}/ns/net", self.pid)), work)
    }

    /// An interface that is up and has its other end in the same machine, which serves where only its
    /// name matters.
    pub fn add_interface(&self, name: &str) -> Result<()> {
        let peer = format!("{name}-peer");
        self.run(&[
            "ip", "link", "add", name, "type", "veth", "peer", "name", &peer,
        ])?;
        for name in [name, &peer] {
            self.run(&["ip", "link", "set", name, "up"])?;
        }
        Ok(())
    }

    /// A wire between two machines, with this interface at each of its ends.
    pub fn connect(&self, other: &Self, interface: &str) -> Result<()> {
        let mut wire = Command::new("ip");
        wire.args(["link", "add", interface, "netns", &self.pid, "type", "veth"]);
        wire.args(["peer", "name", interface, "netns", &other.pid]);
        let wire = process::run(wire, "", Finish::Normal)?;
        ensure!(wire.status.success(), "no wire: {wire:?}");
        for machine in [self, other] {
            machine.run(&["ip", "link", "set", interface, "up"])?;
        }
        Ok(())
    }

    /// A command that will run in the machine, and see nothing of the test's environment.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.pid, "-m", "-u", "-i", "-n", "-p", "--"])
            .args(words)
            .env_clear()
            .envs([("PATH", PATH), ("HOME", "/root")]);
        command
    }

    /// Runs a command in the machine, whatever comes of it.
    pub fn attempt(&self, words: &[&str]) -> Result<process::Output> {
        process::run(self.command(words), "", Finish::Normal)
    }

    /// What a command of the machine says, which must succeed.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.attempt(words)?;
        ensure!(
            output.status.success(),
            "{words:?} on {}: {output:?}",
            self.name
        );
        Ok(output.stdout)
    }

    /// Starts a server of the machine, which ends with it at the latest.
    pub fn serve(&self, words: &[&str]) -> Result<Daemon> {
        let output = Output::together(&self.home.path().join("served"))?;
        let enter = ["-t", &self.pid, "-m", "-u", "-i", "-n", "-p", "--"];
        let arguments: Vec<_> = enter
            .iter()
            .chain(words)
            .map(|&word| word.to_owned())
            .collect();
        Daemon::start(Path::new("nsenter"), &arguments, self.home.path(), output)
    }

    /// What its servers said.
    pub fn served(&self) -> String {
        fs::read_to_string(self.home.path().join("served")).unwrap_or_default()
    }

    /// The addresses of an interface, as the kernel has them, without those that it made itself.
    /// `network` is a network namespace: `/proc/<pid>/ns/net` or `/run/netns/<name>`.
    pub fn addresses(&self, network: &str, interface: &str) -> Result<Vec<String>> {
        let network = format!("--net={network}");
        let shown = self.run(&[
            "nsenter", &network, "ip", "-j", "address", "show", "dev", interface,
        ])?;
        let shown: Value = serde_json::from_str(&shown).with_context(|| shown)?;
        let all = shown[0]["addr_info"].as_array().context("no addresses")?;
        let ours = all.iter().filter(|one| one["scope"] == "global");
        ours.map(|one| {
            let address = one["local"].as_str().context("no address")?;
            Ok(format!("{address}/{}", one["prefixlen"]))
        })
        .collect()
    }

    /// The control group below which its engines make theirs; it is removed with the machine.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// What the plugin wrote into its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.outside(LOG)).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let windows = std::mem::take(&mut self.windows);
        // They end when somebody knocks, which must be in their network.
        let _ = self.in_network(move || drop(windows));
        self.init = None;
        let groups = cgroups(&self.cgroup);
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            for group in &groups {
                remove_cgroup(group);
            }
            if has_ended(&self.pid) && !groups.iter().any(|group| group.exists()) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether the first process of a machine has ended, which it does after all others.
fn has_ended(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// Where a control group may be: in the one hierarchy, or in each of the old ones.
fn cgroups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let old = fs::read_dir(root).into_iter().flatten().flatten();
    let all = old.map(|one| one.path()).chain([root.to_owned()]);
    all.map(|hierarchy| hierarchy.join(name)).collect()
}

/// Control groups are removed from the leaves up, one directory at a time. What still runs in one keeps it.
fn remove_cgroup(path: &Path) {
    for child in fs::read_dir(path).into_iter().flatten().flatten() {
        if child.path().is_dir() {
            remove_cgroup(&child.path());
        }
    }
    let _ = fs::remove_dir(path);
}
