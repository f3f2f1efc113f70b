//! One etcd server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::certs::{Authority, Identity};
use crate::daemon::{Daemon, Output};
use crate::install::{self, Install};
use crate::loopback::Place;
use crate::process::{self, Finish};
use crate::raw::{Access, Raw, Status};

/// A server that does not answer for this long never will.
const PATIENCE: Duration = Duration::from_mins(1);

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

/// What a server is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which etcd; the newest unless given.
    pub install: Option<Install>,
    /// The size from which the database refuses to grow (bytes).
    pub quota_bytes: Option<u64>,
    /// Whether clients must show a certificate of [`EtcdServer::authority`].
    pub tls: bool,
    /// Whether the data lie in memory: nothing then waits for a disk.
    pub in_memory: bool,
    /// More arguments.
    pub arguments: Vec<String>,
}

/// A server with its data in a temporary directory. Dropping it ends it and removes the data.
#[derive(Debug)]
pub struct EtcdServer {
    // Dropped before the directory that it writes into.
    daemon: Option<Daemon>,
    name: String,
    install: Install,
    place: Place,
    home: TempDir,
    tls: Option<Tls>,
    extra: Vec<String>,
    /// `name=url,…` of the cluster's members.
    members: String,
}

#[derive(Debug)]
struct Tls {
    authority: Authority,
    server: Identity,
    client: Identity,
}

impl EtcdServer {
    /// A server of the newest etcd, ready to be asked.
    pub fn start() -> Result<Self> {
        Self::start_with(Options::default())
    }

    /// A server, ready to be asked.
    pub fn start_with(options: Options) -> Result<Self> {
        let mut server = Self::prepare(options)?;
        server.members = server.member();
        server.launch()?;
        server.wait_until_ready()?;
        Ok(server)
    }

    /// A server that is not started yet: the members of a cluster must know each other first.
    pub(crate) fn prepare(options: Options) -> Result<Self> {
        let install = options.install.map_or_else(install::newest, Ok)?;
        let mut home = tempfile::Builder::new();
        let home = home.prefix("etcd-test-");
        let home = if options.in_memory {
            home.tempdir_in(MEMORY)?
        } else {
            home.tempdir()?
        };
        let place = Place::free()?;
        let mut extra = options.arguments;
        if let Some(bytes) = options.quota_bytes {
            extra.push(format!("--quota-backend-bytes={bytes}"));
        }
        Ok(Self {
            name: format!("test-{:016x}", rand::random::<u64>()),
            tls: options
                .tls
                .then(|| Tls::new(home.path(), place))
                .transpose()?,
            install,
            place,
            home,
            extra,
            members: String::new(),
            daemon: None,
        })
    }

    /// This server as a member: `name=url`.
    pub(crate) fn member(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }

    /// Names the members of its cluster. Once, before the first start.
    pub(crate) fn join(&mut self, members: &str) {
        members.clone_into(&mut self.members);
    }

    /// Starts the process and waits for nothing.
    pub(crate) fn launch(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the server runs already");
        let output = Output::together(&self.log_file())?;
        let program = self.install.directory.join("etcd");
        let arguments = self.arguments();
        self.daemon = Some(Daemon::start(
            &program,
            &arguments,
            self.home.path(),
            output,
        )?);
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let (client, peer) = (self.endpoint(), self.peer_url());
        let mut arguments = vec![
            format!("--name={}", self.name),
            format!("--data-dir={}", self.data().display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster={}", self.members),
            "--logger=zap".to_owned(),
            "--log-level=warn".to_owned(),
            "--log-outputs=stderr".to_owned(),
        ];
        if let Some(tls) = &self.tls {
            arguments.extend([
                format!("--cert-file={}", tls.server.cert_file.display()),
                format!("--key-file={}", tls.server.key_file.display()),
                format!("--trusted-ca-file={}", tls.authority.ca_file.display()),
                "--client-cert-auth".to_owned(),
            ]);
        }
        arguments.extend_from_slice(&self.extra);
        arguments
    }

    /// Waits until it answers through a leader, and makes sure that it is the one started here.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Status> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let daemon = self.daemon.as_mut().context("the server is not started")?;
            if let Some(status) = daemon.ended()? {
                bail!("etcd ended at once ({status}): {}", self.log_tail());
            }
            match self.raw().and_then(|raw| raw.status()) {
                Ok(status) => {
                    let ours = status.members.contains(&self.name);
                    ensure!(ours, "{} is somebody else's server", self.endpoint());
                    return Ok(status);
                }
                Err(error) if Instant::now() > patience => {
                    return Err(error.context(format!("etcd is not ready: {}", self.log_tail())));
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// The URL for clients.
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.place.ip, Place::CLIENT_PORT)
    }

    fn peer_url(&self) -> String {
        format!("http://{}:{}", self.place.ip, Place::PEER_PORT)
    }

    /// The authority of a server that was started with TLS.
    pub fn authority(&self) -> Result<&Authority> {
        Ok(&self.tls.as_ref().context("started without TLS")?.authority)
    }

    /// A client certificate of a server that was started with TLS; its common name is `root`.
    pub fn root_identity(&self) -> Result<&Identity> {
        Ok(&self.tls.as_ref().context("started without TLS")?.client)
    }

    /// Replaces the authority and all certificates, in their files. A server that runs goes on with
    /// those that it had.
    pub fn renew_certificates(&mut self) -> Result<()> {
        ensure!(self.tls.is_some(), "started without TLS");
        self.tls = Some(Tls::new(self.home.path(), self.place)?);
        Ok(())
    }

    /// A way in past the programs under test.
    pub fn raw(&self) -> Result<Raw> {
        self.raw_as(None)
    }

    /// The same as a user with a password.
    pub fn raw_as(&self, password: Option<(&str, &str)>) -> Result<Raw> {
        let tls = self.tls.as_ref().map(|tls| (&tls.authority, &tls.client));
        Raw::new(&self.endpoint(), Access { tls, password })
    }

    /// Stops the process in its tracks: it accepts connections and never answers.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    /// Ends a pause.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.resume()
    }

    /// Ends the process in an orderly way; the data stay.
    pub fn stop(&mut self) -> Result<()> {
        self.running()?;
        self.daemon.take().map(Daemon::stop).transpose()?;
        Ok(())
    }

    /// Ends the process at once; the data stay.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?;
        self.daemon = None;
        Ok(())
    }

    /// Starts a stopped or killed server on its data and its address, and waits until it answers.
    pub fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_until_ready()?;
        Ok(())
    }

    /// Forgets everything that a stopped server held.
    pub fn wipe(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the server still runs");
        std::fs::remove_dir_all(self.data())?;
        Ok(())
    }

    /// Saves a snapshot of a server without TLS, and says where.
    pub fn snapshot(&self) -> Result<PathBuf> {
        let file = self
            .home
            .path()
            .join(format!("{:016x}.snapshot", rand::random::<u64>()));
        let path = file.display().to_string();
        self.tool(
            "etcdctl",
            &["--endpoints", &self.endpoint(), "snapshot", "save", &path],
        )?;
        Ok(file)
    }

    /// Replaces the data of a stopped single server by a snapshot, as an operator would.
    pub fn restore(&mut self, snapshot: &Path) -> Result<()> {
        self.wipe()?;
        // etcdutl came with 3.5; before, etcdctl did its work.
        let has_its_own_tool = self.install.directory.join("etcdutl").is_file();
        self.tool(
            if has_its_own_tool {
                "etcdutl"
            } else {
                "etcdctl"
            },
            &[
                "snapshot",
                "restore",
                &snapshot.display().to_string(),
                &format!("--data-dir={}", self.data().display()),
                &format!("--name={}", self.name),
                &format!("--initial-cluster={}", self.members),
                &format!("--initial-advertise-peer-urls={}", self.peer_url()),
            ],
        )
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.install.directory.join(name));
        command.args(arguments).env_clear().env("ETCDCTL_API", "3");
        let answer = process::run(command, "", Finish::Normal)?;
        ensure!(answer.status.success(), "{name}: {}", answer.stderr);
        Ok(())
    }

    fn running(&mut self) -> Result<&mut Daemon> {
        self.daemon.as_mut().context("the server does not run")
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Tls {
    fn new(directory: &Path, place: Place) -> Result<Self> {
        let authority = Authority::new(directory, "authority")?;
        Ok(Self {
            server: authority.server(place.ip.into())?,
            client: authority.client("root")?,
            authority,
        })
    }
}
