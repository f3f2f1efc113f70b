//! Nodes: hosts on the bridge on which plugins run, each a machine and a boot of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns, unshare};
use serde_json::json;

use crate::process::{self, Finish};
use crate::random::uuid_of;
use crate::real::isolation;
use crate::real::network::{Host, Network};

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its place on the bridge.
    pub host: Host,
    home: PathBuf,
    shell: Shell,
    machine: String,
    boot: Mutex<String>,
    /// Counts the boots. What was started in an earlier one has ended with it.
    boots: AtomicU64,
    /// Whether the machine is on.
    on: AtomicBool,
    /// Whether the API server hears of its kubelet.
    ready: AtomicBool,
    /// How many plugins run.
    running: AtomicUsize,
    /// Held by whoever changes what containers have; exclusively by a reboot.
    pub power: RwLock<()>,
    /// Held by an ADD; exclusively by a GC, which no runtime lets overlap with ADDs.
    pub adds: RwLock<()>,
}

impl Node {
    /// Adds a node to the network, with plugins that use these endpoints.
    pub fn add(
        network: &Network,
        name: &str,
        address: Ipv4Addr,
        machine: u128,
        boot: u128,
        endpoints: &[String],
    ) -> Result<Self> {
        let host = network.add_host(name, address)?;
        let home = isolation::directory(name)?;
        let node = Self {
            shell: Shell::open(&host, &home, &hex(machine), &uuid_of(boot))?,
            host,
            home,
            machine: hex(machine),
            boot: Mutex::new(uuid_of(boot)),
            boots: AtomicU64::new(1),
            on: AtomicBool::new(true),
            ready: AtomicBool::new(true),
            running: AtomicUsize::new(0),
            power: RwLock::new(()),
            adds: RwLock::new(()),
        };
        node.configure(endpoints)?;
        Ok(node)
    }

    /// Lets the plugins that start from now on use these endpoints.
    pub fn configure(&self, endpoints: &[String]) -> Result<()> {
        let path = |name: &str| self.home.join(name);
        let file = json!({
            "etcd": {"endpoints": endpoints},
            "node_name": self.name(),
            "spool_dir": path("spool"),
            "state_dir": path("state"),
            "log_file": path("log"),
        });
        // Replaced as a whole: a plugin may be reading it.
        let draft = path("node.json.new");
        fs::write(&draft, file.to_string())?;
        fs::rename(draft, self.config())?;
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// The node's file.
    pub fn config(&self) -> PathBuf {
        self.home.join("node.json")
    }

    /// A place for files of the runtime.
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// The machine's id.
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// The id of the present boot.
    pub fn boot(&self) -> String {
        lock(&self.boot).clone()
    }

    /// The number of the present boot.
    pub fn boots(&self) -> u64 {
        self.boots.load(Ordering::SeqCst)
    }

    /// Whether the machine is on.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Whether the API server hears of its kubelet.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// Whether its kubelet does what the API server wants.
    pub fn works(&self) -> bool {
        self.is_on() && self.is_ready()
    }

    /// Connects the kubelet with the API server, or cuts it off.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Starts a program on the node, in this boot; `None` if the boot is over.
    pub fn start(&self, boot: u64, command: Command) -> Result<Option<Child>> {
        self.running.fetch_add(1, Ordering::SeqCst);
        // Counted first: a machine that goes off waits for those that are counted.
        let started = if self.is_on() && self.boots() == boot {
            self.shell.start(command).map(Some)
        } else {
            Ok(None)
        };
        if !matches!(started, Ok(Some(_))) {
            self.ended();
        }
        started
    }

    /// A program that was started has ended.
    pub fn ended(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Switches the machine off: whoever runs a program on it kills it. The caller holds its power.
    pub fn switch_off(&self) {
        self.on.store(false, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Switches it on again: another boot, and what was in memory is gone.
    pub fn switch_on(&self, boot: u128) -> Result<()> {
        let state = self.home.join("state");
        if state.exists() {
            fs::remove_dir_all(state)?;
        }
        *lock(&self.boot) = uuid_of(boot);
        // The same file as the one that is mounted.
        fs::write(self.home.join("boot_id"), format!("{}\n", self.boot()))?;
        self.boots.fetch_add(1, Ordering::SeqCst);
        self.on.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// The releases that wait in its spool, by their text.
    pub fn spooled(&self) -> Result<Vec<String>> {
        let directory = self.home.join("spool");
        let mut found = Vec::new();
        if !directory.exists() {
            return Ok(found);
        }
        let mut directories = vec![directory];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_none_or(|end| end != "tmp") {
                    // One that is gone by now does not wait any more.
                    found.extend(fs::read_to_string(path).ok());
                }
            }
        }
        Ok(found)
    }
}

/// A thread that lives in a node's namespaces: what it starts runs on the node.
#[derive(Debug)]
struct Shell(mpsc::Sender<Order>);

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

impl Shell {
    /// Opens a shell on a host, which is this machine in this boot for all that it starts.
    fn open(host: &Host, home: &std::path::Path, machine: &str, boot: &str) -> Result<Self> {
        let network = File::open(host.namespace())?;
        let mounts = BTreeMap::from([
            ("/proc/sys/kernel/random/boot_id", home.join("boot_id")),
            ("/etc/machine-id", home.join("machine-id")),
        ]);
        fs::write(home.join("boot_id"), format!("{boot}\n"))?;
        fs::write(home.join("machine-id"), format!("{machine}\n"))?;
        let (orders, inbox) = mpsc::channel::<Order>();
        let (ready, entered) = mpsc::channel();
        thread::spawn(move || {
            let enter = || -> Result<()> {
                unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
                setns(network, CloneFlags::CLONE_NEWNET)?;
                mount(&["--make-rprivate", "/"])?;
                for (over, file) in mounts {
                    mount(&["--bind", &file.display().to_string(), over])?;
                }
                Ok(())
            };
            let entered = enter();
            let failed = entered.is_err();
            let _ = ready.send(entered);
            if failed {
                return;
            }
            for (mut command, reply) in inbox {
                // Who asked waits for the answer.
                let _ = reply.send(command.spawn());
            }
        });
        entered
            .recv()?
            .with_context(|| format!("cannot enter {}", host.name()))?;
        Ok(Self(orders))
    }

    fn start(&self, command: Command) -> Result<Child> {
        let (reply, started) = mpsc::channel();
        let sent = self.0.send((command, reply));
        sent.map_err(|_| anyhow!("the node's shell has ended"))?;
        Ok(started.recv()??)
    }
}

fn mount(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("mount");
    command.args(arguments);
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(
        output.status.success(),
        "mount {arguments:?}: {}",
        output.stderr.trim()
    );
    Ok(())
}

/// A machine id, as `/etc/machine-id` has it.
fn hex(bits: u128) -> String {
    format!("{bits:032x}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
