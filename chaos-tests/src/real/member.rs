//! One etcd member: a host, a disk of its own and a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::daemon::{Daemon, Output};
use crate::install::Install;
use crate::loopback::Place;
use crate::process::{self, Finish};
use crate::raw::{Access, Raw};
use crate::real::isolation;
use crate::real::network::Host;

/// A member that does not answer the harness for this long does not answer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Maintenance, and what else may take its time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The disk of a member. etcd takes 123 MB at once; two such directories and some data have room.
const DISK: &str = "512m";

/// A member. All that it does is done through a shared reference: faults and whoever watches them share
/// the members.
#[derive(Debug)]
pub struct Member {
    host: Host,
    install: Install,
    disk: PathBuf,
    log: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    daemon: Option<Daemon>,
    ended: Option<ExitStatus>,
    /// The members of the cluster when this one was made: `name=url,…`.
    cluster: String,
    /// Whether it joins a cluster that exists.
    joins: bool,
}

/// What a member says of itself without asking the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The cluster.
    pub cluster_id: u64,
    /// Its own id.
    pub member_id: u64,
    /// Whom it takes for the leader; 0 where it knows none.
    pub leader: u64,
    /// Its Raft term.
    pub term: u64,
    /// Its revision.
    pub revision: i64,
    /// The size of its database file (bytes).
    pub db_size: i64,
    /// Its version.
    pub version: String,
}

impl Member {
    /// A member on this host, which is not started yet. It logs into `logs`.
    pub(super) fn new(host: Host, install: Install, logs: &Path) -> Result<Self> {
        let disk = isolation::directory(host.name())?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"]);
        done(mount.arg(&disk))?;
        fs::create_dir_all(logs)?;
        Ok(Self {
            log: logs.join(format!("{}.log", host.name())),
            host,
            install,
            disk,
            state: Mutex::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Where it is on the network.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The etcd that it runs.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// The URL for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.host.address(), Place::CLIENT_PORT)
    }

    /// The URL for other members.
    pub fn peer_url(&self) -> String {
        format!("http://{}:{}", self.host.address(), Place::PEER_PORT)
    }

    /// Its log, of all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where its file system is mounted.
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// The directory of its data.
    pub fn data(&self) -> PathBuf {
        self.disk.join("data")
    }

    /// Takes all the room that is left on its disk.
    pub fn fill_disk(&self) -> Result<()> {
        let mut df = Command::new("df");
        let used = done(df.args(["-B1", "--output=used"]).arg(&self.disk))?;
        let used = used.lines().last().context("no answer of df")?;
        self.resize(used.trim())
    }

    /// Gives its disk room again.
    pub fn empty_disk(&self) -> Result<()> {
        self.resize(DISK)
    }

    fn resize(&self, size: &str) -> Result<()> {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={size}")]);
        done(mount.arg(&self.disk)).map(|_| ())
    }

    /// Says in which cluster it is, before it starts with an empty directory.
    pub(super) fn join(&self, cluster: &str, exists: bool) {
        let mut state = self.state();
        cluster.clone_into(&mut state.cluster);
        state.joins = exists;
    }

    /// Starts the process, with more arguments, and waits for nothing.
    pub fn start(&self, more: &[String]) -> Result<()> {
        let mut state = self.state();
        ensure!(state.daemon.is_none(), "{} runs already", self.name());
        let (client, peer) = (self.endpoint(), self.peer_url());
        let [nsenter, network, end] = self.host.entrance();
        let mut arguments = vec![
            network,
            end,
            self.install.directory.join("etcd").display().to_string(),
            format!("--name={}", self.name()),
            format!("--data-dir={}", self.data().display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster={}", state.cluster),
            format!(
                "--initial-cluster-state={}",
                if state.joins { "existing" } else { "new" }
            ),
            // So that who was away for long is brought up to date by a snapshot.
            "--snapshot-count=1000".to_owned(),
            "--logger=zap".to_owned(),
            "--log-outputs=stderr".to_owned(),
        ];
        arguments.extend_from_slice(more);
        let output = Output::together(&self.log)?;
        let daemon = Daemon::start(Path::new(&nsenter), &arguments, &self.disk, output)?;
        state.daemon = Some(daemon);
        state.ended = None;
        Ok(())
    }

    /// Starts the process, if it does not run.
    pub fn revive(&self) -> Result<()> {
        // One that has ended by itself is noticed here.
        self.ended()?;
        if self.pid().is_none() {
            self.start(&[])?;
        }
        Ok(())
    }

    /// Ends the process at once; the data stay.
    pub fn kill(&self) -> Result<()> {
        let daemon = self.state().daemon.take();
        daemon.map(drop).context("the member does not run")
    }

    /// Ends the process in an orderly way; the data stay.
    pub fn stop(&self) -> Result<()> {
        let daemon = self.state().daemon.take();
        daemon.context("the member does not run")?.stop()?;
        Ok(())
    }

    /// Stops the process in its tracks: it accepts connections and never answers.
    pub fn pause(&self) -> Result<()> {
        self.running(Daemon::pause)?
    }

    /// Ends a pause.
    pub fn resume(&self) -> Result<()> {
        self.running(Daemon::resume)?
    }

    /// Whether the kernel says that the process is stopped.
    pub fn is_paused(&self) -> bool {
        self.running(|daemon| daemon.is_paused()).unwrap_or(false)
    }

    fn running<T>(&self, what: impl FnOnce(&mut Daemon) -> T) -> Result<T> {
        let mut state = self.state();
        let daemon = state.daemon.as_mut();
        Ok(what(daemon.context("the member does not run")?))
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.state().daemon.as_ref().map(Daemon::id)
    }

    /// How it ended by itself, if it has.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut state = self.state();
        if let Some(daemon) = &mut state.daemon
            && let Some(status) = daemon.ended()?
        {
            state.daemon = None;
            state.ended = Some(status);
        }
        Ok(state.ended)
    }

    /// A way to it for who has little patience.
    pub fn raw(&self) -> Result<Raw> {
        Ok(Raw::new(&self.endpoint(), Access::default())?.with_timeout(TIMEOUT))
    }

    /// A way to it for what takes time.
    pub fn patient(&self) -> Result<Raw> {
        Ok(Raw::new(&self.endpoint(), Access::default())?.with_timeout(PATIENCE))
    }

    /// What it says of itself. It answers too when it is cut off from the others.
    pub fn view(&self) -> Result<View> {
        let status = self.raw()?.ask(async |client| client.status().await)?;
        let header = status.header().context("an answer without a header")?;
        Ok(View {
            cluster_id: header.cluster_id(),
            member_id: header.member_id(),
            leader: status.leader(),
            term: status.raft_term(),
            revision: header.revision(),
            db_size: status.db_size(),
            version: status.version().to_owned(),
        })
    }

    /// A linearizable read through it, which it answers only together with a majority.
    pub fn read(&self) -> Result<()> {
        self.raw()?.get("\0").map(|_| ())
    }

    /// Waits until it answers together with a majority.
    pub fn wait_until_ready(&self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.read() {
                Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(20)),
                answer => return answer.with_context(|| self.name().to_owned()),
            }
        }
    }

    /// Saves a snapshot to this file, and says of which revision it is.
    pub fn save_snapshot(&self, file: &Path) -> Result<i64> {
        let mut save = self.tool("etcdctl");
        save.args(["--endpoints", &self.endpoint(), "snapshot", "save"]);
        done(save.arg(file))?;
        let mut status = self.snapshots();
        let status = done(status.args(["status", "--write-out=json"]).arg(file))?;
        let status: Value = serde_json::from_str(&status)?;
        status["revision"].as_i64().context("no revision")
    }

    /// Makes the data of a stopped member, which has none, from a snapshot, as an operator would.
    pub fn restore_snapshot(&self, file: &Path) -> Result<()> {
        let mut restore = self.snapshots();
        restore.arg("restore").arg(file).args([
            format!("--data-dir={}", self.data().display()),
            format!("--name={}", self.name()),
            format!("--initial-cluster={}", self.state().cluster),
            format!("--initial-advertise-peer-urls={}", self.peer_url()),
        ]);
        done(&mut restore).map(|_| ())
    }

    /// What works on snapshots: etcdutl came with 3.5; before, etcdctl did its work.
    fn snapshots(&self) -> Command {
        let has_its_own = self.install.directory.join("etcdutl").is_file();
        let mut command = self.tool(if has_its_own { "etcdutl" } else { "etcdctl" });
        command.arg("snapshot");
        command
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.install.directory.join(name));
        command.env("ETCDCTL_API", "3");
        command
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a command says, which must succeed.
pub(super) fn done(command: &mut Command) -> Result<String> {
    let line = format!("{command:?}");
    let command = std::mem::replace(command, Command::new("true"));
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(output.status.success(), "{line}: {}", output.stderr.trim());
    Ok(output.stdout)
}
