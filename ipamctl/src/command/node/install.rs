//! `ipamctl node install`: the plugin on a node, with all that it needs, kept up to date.

mod content;
pub(super) mod credentials;
mod pin;
pub(super) mod place;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use ipam_plugin::config::node_file::{FILE_NAME, USUAL};
use ipam_plugin::config::{EtcdAccess, EtcdSection};
use lease_gc::signals;
use serde::Serialize;
use store::clock::{Clock as _, SystemClock};
use store::etcd::Client;
use store::gate::Gate;
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;

use self::content::{Content, defaults};
use self::credentials::{CA, CERTIFICATE, Credentials, KEY, LINK, PASSWORD};
use self::pin::{Decision, Pin, Sight, decide};
use self::place::{private_dir, put};
use crate::access::{EtcdFlags, given};
use crate::cli::Cli;
use crate::command::Verdict;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Install the plugin on this node, and keep it up to date.

Puts the plugin etcd-ipam into --bin-dir, and into --conf-dir the directory etcd-ipam.d with the \
node's file etcd-ipam.conf and, where flags name them, copies of the files by which etcd lets the \
node in. Looks again every minute, and installs what has changed: a newer plugin, renewed \
certificates, other settings. Each file is replaced at once, certificate and key together; a plugin \
that runs is not disturbed. SIGTERM ends it, and what is installed stays. With --once it ends by \
itself.

The settings come from the flags below, from their variables and from --defaults. The node's file is \
written and never read for them; of an earlier one only the store is kept: the one that --store-id \
names, else the first that a node sees, is its store for good. A store that is another or is gone is \
refused, and none is ever created (see ipamctl init). While etcd is out of reach a node that knows \
its store is installed all the same; any other waits.

With --once and -o json: an object with plugin and config (paths), store_id and changed (which of \
plugin, credentials and config were written now).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl node install --bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d --node-name node-1 \\
    --endpoints https://10.0.0.1:2379 --ca-file ca.crt --cert-file node-1.crt --key-file node-1.key --once
  # in a container that has the host's directories below /host:
  ipamctl node install --bin-dir /host/opt/cni/bin --conf-dir /host/etc/cni/net.d \\
    --host-conf-dir /etc/cni/net.d";

/// The plugin's file name, which is its CNI type.
pub(super) const PLUGIN: &str = "etcd-ipam";
/// The directory of the node's file in that of CNI configurations, which the plugin knows.
pub(super) const DIRECTORY: &str = "etcd-ipam.d";
/// Held by whoever installs or uninstalls.
pub(super) const LOCK: &str = ".lock";

/// How often a node that could not be installed yet tries again.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// How often an etcd that does not answer is asked again.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Where a node has its parts.
#[derive(Clone, Debug, Args)]
pub struct Directories {
    /// The node's directory of CNI plugins, such as /opt/cni/bin
    #[arg(long, value_name = "DIR")]
    pub bin_dir: PathBuf,

    /// The node's directory of CNI configurations, such as /etc/cni/net.d
    #[arg(long, value_name = "DIR")]
    pub conf_dir: PathBuf,
}

impl Directories {
    /// The directory of the node's file.
    pub(super) fn own(&self) -> PathBuf {
        self.conf_dir.join(DIRECTORY)
    }

    /// The node's file.
    pub(super) fn file(&self) -> PathBuf {
        self.own().join(FILE_NAME)
    }

    /// The plugin.
    pub(super) fn plugin(&self) -> PathBuf {
        self.bin_dir.join(PLUGIN)
    }
}

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the command's own")]
    pub directories: Directories,

    /// What the host calls --conf-dir, where that is mounted elsewhere here
    #[arg(long, value_name = "DIR")]
    pub host_conf_dir: Option<PathBuf>,

    /// The node's name in Kubernetes; else `$NODE_NAME`
    #[arg(long, env = "NODENAME", value_name = "NAME")]
    pub node_name: Option<String>,

    /// The only store that this node may belong to, rather than the first that it sees
    #[arg(long, env = "IPAMCTL_STORE_ID", value_name = "ID")]
    pub store_id: Option<String>,

    /// The plugin to install, unless it is `etcd-ipam` beside ipamctl
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,

    /// A JSON object with more keys for the node's file, such as `log_file`
    #[arg(long, value_name = "FILE")]
    pub defaults: Option<PathBuf>,

    /// Install once and end
    #[arg(long)]
    pub once: bool,

    /// How often it is looked whether something has changed
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = interval)]
    pub every: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(interval) if interval < Duration::from_secs(1) => Err("give 1s or more".to_owned()),
        Ok(interval) => Ok(interval),
        Err(error) => Err(format!("{error}; give a number with a unit, such as 1m")),
    }
}

/// The name of the node: what the flag or one of two variables says.
///
/// # Errors
/// Where none does. The host's name is not asked: in a container it is another.
pub(super) fn node_name(flag: Option<&String>) -> anyhow::Result<String> {
    given(flag)
        .or_else(|| given(std::env::var("NODE_NAME").ok().as_ref()))
        .context("the node's name is not given; use --node-name, or the variable NODE_NAME")
}

/// What an installation that was carried out came to.
#[derive(Serialize)]
struct Installed {
    plugin: PathBuf,
    config: PathBuf,
    store_id: String,
    changed: Vec<&'static str>,
    /// Why the store could not be looked at.
    #[serde(skip)]
    unseen: Option<String>,
}

/// What a look at everything came to.
enum Round {
    /// Everything is as it should be.
    Done(Installed),
    /// Something must come to pass first.
    Waiting(String),
}

/// Installs, once or for as long as the process lives.
///
/// # Errors
/// Whatever no waiting will cure; once everything has been installed only with `--once`.
pub async fn run(cli: &Cli, output: &mut Output<'_>, options: &Options) -> anyhow::Result<Verdict> {
    let installer = Installer::new(cli, options)?;
    if !options.once {
        let told = signals::listen(|| {})?;
        tokio::select! {
            () = told.told() => {
                output.note("told to end; what is installed stays");
                return Ok(Verdict::Done);
            }
            error = installer.keep(output) => return Err(error),
        }
    }
    match installer.round(output).await? {
        Round::Waiting(why) => bail!("not installed: {why}"),
        Round::Done(done) => {
            if let Some(why) = &done.unseen {
                output.warn(&unseen(why));
            }
            let text = |done: &Installed| {
                let (plugin, config) = (done.plugin.display(), done.config.display());
                let store_id = &done.store_id;
                format!("{plugin} and {config} are in place, for store {store_id}.\n")
            };
            output.result(&done, text)?;
            Ok(Verdict::Done)
        }
    }
}

fn unseen(why: &str) -> String {
    format!("the store was not looked at; this node knows which one is its own: {why}")
}

struct Installer<'a> {
    options: &'a Options,
    etcd: &'a EtcdFlags,
    cluster: String,
    node: String,
    timeout: Duration,
    store_id: Option<String>,
    plugin: PathBuf,
    /// What the host calls the directory of the node's file.
    host_dir: PathBuf,
}

impl<'a> Installer<'a> {
    fn new(cli: &'a Cli, options: &'a Options) -> anyhow::Result<Self> {
        ensure!(
            cli.etcd.node_config().is_none(),
            "node install writes the node's file and reads none; give its settings by flags and \
             --defaults instead of --node-config (or IPAMCTL_NODE_CONFIG)"
        );
        ensure!(
            cli.etcd.access().has_endpoints(),
            "no etcd endpoint is given: use the flag --endpoints or the variable IPAMCTL_ENDPOINTS"
        );
        let plugin = match &options.plugin {
            Some(plugin) => plugin.clone(),
            None => std::env::current_exe()?.with_file_name(PLUGIN),
        };
        let conf_dir = match &options.host_conf_dir {
            Some(dir) if dir.is_absolute() => dir.clone(),
            Some(dir) => bail!("--host-conf-dir {} is not an absolute path", dir.display()),
            None => absolute(&options.directories.conf_dir)?,
        };
        let section = ipam_plugin::config::IpamSection::default();
        Ok(Self {
            options,
            etcd: &cli.etcd,
            cluster: given(cli.cluster.as_ref()).unwrap_or_else(|| section.cluster().to_owned()),
            node: node_name(options.node_name.as_ref())?,
            timeout: cli.timeout,
            store_id: given(options.store_id.as_ref()),
            plugin,
            host_dir: conf_dir.join(DIRECTORY),
        })
    }

    /// Installs again and again; ends only where the first installation meets what no waiting will
    /// cure.
    async fn keep(&self, output: &mut Output<'_>) -> anyhow::Error {
        let mut is_installed = false;
        let mut said = String::new();
        loop {
            let (problem, pause) = match self.round(output).await {
                Ok(Round::Done(done)) => {
                    is_installed = true;
                    let problem = done.unseen.as_deref().map(unseen);
                    (problem.unwrap_or_default(), self.options.every)
                }
                Ok(Round::Waiting(why)) => {
                    let pause = RETRY_EVERY.min(self.options.every);
                    (format!("waiting: {why}"), pause)
                }
                Err(error) if is_installed => {
                    let problem = format!("what is installed stays as it is: {error:#}");
                    (problem, self.options.every)
                }
                Err(error) => return error,
            };
            // Once is enough for whoever reads the log.
            if said != problem {
                if problem.is_empty() {
                    output.note("everything is in place");
                } else {
                    output.warn(&problem);
                }
                said = problem;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks at everything, and installs what is not as it should be.
    async fn round(&self, output: &mut Output<'_>) -> anyhow::Result<Round> {
        let directories = &self.options.directories;
        let mut changed = Vec::new();
        // Whatever becomes of the rest: without a plugin no pod of this node can end, and with one
        // that knows no etcd its release is at least spooled.
        if self.put_plugin()? {
            output.note(&format!("installed {}", directories.plugin().display()));
            changed.push("plugin");
        }
        let own = directories.own();
        private_dir(&own).with_context(|| format!("{} cannot be made", own.display()))?;
        let lock = File::create(own.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Ok(Round::Waiting(
                    "another ipamctl installs on this node".to_owned(),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let file = directories.file();
        let content = Content {
            path: &file,
            host_dir: &self.host_dir,
            node: &self.node,
            cluster: &self.cluster,
            etcd: self.etcd,
        };
        let defaults = defaults(self.options.defaults.as_ref())?;
        // What the plugin would refuse is refused before anything is asked or written.
        content.write(defaults.clone(), "")?;
        let pin = Pin::of(&file, self.store_id.as_deref())?;
        let credentials = Credentials::read(self.etcd, &own)?;
        let staged = credentials
            .stage()
            .context("the credentials cannot be copied")?;
        let place = staged
            .as_ref()
            .map_or_else(|| own.join(LINK), credentials::Staged::path);
        let sight = self.look(&place).await;
        let decision = decide(pin.as_ref(), sight);
        let (store_id, unseen) = match decision {
            Ok(Decision::Use(id)) => (id, None),
            Ok(Decision::UseUnseen(id, why)) => (id, Some(why)),
            Ok(Decision::Wait(why)) => {
                staged.map(credentials::Staged::discard).transpose()?;
                return Ok(Round::Waiting(why));
            }
            Err(error) => {
                staged.map(credentials::Staged::discard).transpose()?;
                return Err(error);
            }
        };
        if let Some(staged) = staged {
            staged
                .use_now()
                .context("the credentials cannot be renewed")?;
            output.note(&format!("installed {}", own.join(LINK).display()));
            changed.push("credentials");
        }
        let text = content.write(defaults, &store_id)?;
        let is_new = put(&own, FILE_NAME, text.as_bytes(), 0o600)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        if is_new {
            output.note(&format!(
                "installed {}, for store {store_id}",
                file.display()
            ));
            self.warn_of_odd_place(output);
            changed.push("config");
        }
        Ok(Round::Done(Installed {
            plugin: directories.plugin(),
            config: file,
            store_id,
            changed,
            unseen,
        }))
    }

    fn put_plugin(&self) -> anyhow::Result<bool> {
        let plugin = &self.plugin;
        let bin_dir = &self.options.directories.bin_dir;
        let content = fs::read(plugin).with_context(|| {
            format!(
                "the plugin {} cannot be read (--plugin names another)",
                plugin.display()
            )
        })?;
        ensure!(
            !content.is_empty(),
            "the plugin {} is empty",
            plugin.display()
        );
        put(bin_dir, PLUGIN, &content, 0o755)
            .with_context(|| format!("the plugin cannot be installed in {}", bin_dir.display()))
    }

    /// Asks etcd for the store, with the credentials in this directory.
    async fn look(&self, credentials: &Path) -> Sight {
        let flags = self.etcd;
        let at = |flag: &Option<String>, name: &str| {
            given(flag.as_ref()).map(|_| credentials.join(name).display().to_string())
        };
        let access = flags.access();
        let own = EtcdAccess::from(EtcdSection {
            ca_file: at(&flags.ca_file, CA),
            cert_file: at(&flags.cert_file, CERTIFICATE),
            key_file: at(&flags.key_file, KEY),
            password_file: at(&flags.password_file, PASSWORD),
            ..EtcdSection::default()
        });
        let access = own.over(access);
        let settings = access
            .settings()
            .map_err(|error| store::etcd::EtcdError::Settings(error.to_string()))?;
        let clock = SystemClock::start();
        let keys = Keyspace::new(access.prefix());
        let store = Store::new(Client::new(settings), clock, keys, Gate::default());
        let patience = Deadline::after(store.clock(), self.timeout);
        loop {
            // One try at a time: that etcd does not let this node in must not be lost among the
            // tries that came to nothing.
            let once = Deadline::after(store.clock(), Duration::ZERO);
            match store.birth_certificate(once).await {
                Err(error) if error.is_transient() => {
                    if patience.remaining(store.clock()) <= ASK_EVERY {
                        return Err(error);
                    }
                    store.clock().sleep(ASK_EVERY).await;
                }
                sight => return sight,
            }
        }
    }

    fn warn_of_odd_place(&self, output: &mut Output<'_>) {
        let file = self.host_dir.join(FILE_NAME);
        if USUAL.iter().all(|usual| Path::new(usual) != file) {
            output.warn(&format!(
                "the plugin does not look for its settings in {}: say so to it, by the networks' \
                 configuration_path or by ETCD_IPAM_CONFIG in its environment",
                file.display()
            ));
        }
    }
}
