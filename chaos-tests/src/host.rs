//! A machine on which `ipamctl node install` installs the plugin.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::answer::Answer;
use crate::binaries;
use crate::certs::{Authority, Identity};
use crate::ctl;
use crate::daemon::{self, Daemon};
use crate::etcd::{EtcdServer, Options};
use crate::plugin::Call;
use crate::process::{self, Finish, Output};

/// A host with empty directories. The installer sees them below another path than the host itself,
/// as in a container.
#[derive(Debug)]
pub struct Host {
    home: TempDir,
    node: String,
}

impl Host {
    /// The host of the node of this name.
    pub fn new(node: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("host-").tempdir()?;
        let host = Self {
            home,
            node: node.to_owned(),
        };
        for dir in ["root/bin", "root/net.d", "source"] {
            fs::create_dir_all(host.path(dir))?;
        }
        symlink("root", host.path("mounted"))?;
        let text = |dir: &str| host.path(dir).display().to_string();
        let defaults = json!({"state_dir": text("state"), "spool_dir": text("spool")});
        fs::write(host.path("defaults"), defaults.to_string())?;
        Ok(host)
    }

    /// A server that wants certificates, with an initialised store, and the host of the node `n1`,
    /// which has one.
    pub fn of_secure_etcd() -> Result<(EtcdServer, Self)> {
        let etcd = EtcdServer::start_with(Options {
            tls: true,
            ..Options::default()
        })?;
        let host = Self::new("n1")?;
        host.supply(etcd.authority()?, etcd.root_identity()?)?;
        let flags = host.tls_flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        ctl::init(&[etcd.endpoint()], &flags)?;
        let authority = etcd.authority()?;
        host.supply(authority, &authority.client("n1")?)?;
        Ok((etcd, host))
    }

    /// Where something of the host is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The plugin, once it is installed.
    pub fn plugin(&self) -> PathBuf {
        self.path("root/bin/etcd-ipam")
    }

    /// The directory of the node's file.
    pub fn own_dir(&self) -> PathBuf {
        self.path("root/net.d/etcd-ipam.d")
    }

    /// The node's file.
    pub fn config(&self) -> PathBuf {
        self.own_dir().join("etcd-ipam.conf")
    }

    /// What the node's file says.
    pub fn configured(&self) -> Result<Value> {
        let text = fs::read_to_string(self.config())?;
        serde_json::from_str(&text).with_context(|| text)
    }

    /// Puts certificates where the installer is told to find them.
    pub fn supply(&self, authority: &Authority, identity: &Identity) -> Result<()> {
        for (from, name) in [
            (&authority.ca_file, "source/ca"),
            (&identity.cert_file, "source/cert"),
            (&identity.key_file, "source/key"),
        ] {
            fs::copy(from, self.path(name))?;
        }
        Ok(())
    }

    /// The flags that name what was supplied.
    pub fn tls_flags(&self) -> Vec<String> {
        let flag = |flag: &str, name: &str| format!("--{flag}={}", self.path(name).display());
        vec![
            flag("ca-file", "source/ca"),
            flag("cert-file", "source/cert"),
            flag("key-file", "source/key"),
        ]
    }

    /// The arguments of `node install` for this host.
    pub fn arguments(&self, etcd: &EtcdServer) -> Vec<String> {
        let path = |name: &str| self.path(name).display().to_string();
        let mut arguments: Vec<_> = ["node", "install"].map(str::to_owned).into();
        arguments.extend(self.directories());
        arguments.extend([
            format!("--host-conf-dir={}", path("root/net.d")),
            format!("--node-name={}", self.node),
            format!("--defaults={}", path("defaults")),
            format!("--endpoints={}", etcd.endpoint()),
            "--timeout=2s".to_owned(),
        ]);
        arguments
    }

    /// The flags that say where the parts are.
    pub fn directories(&self) -> [String; 2] {
        let path = |name: &str| self.path(name).display().to_string();
        [
            format!("--bin-dir={}", path("mounted/bin")),
            format!("--conf-dir={}", path("mounted/net.d")),
        ]
    }

    /// Installs once, with `more` arguments, whatever comes of it.
    pub fn install(&self, etcd: &EtcdServer, more: &[String]) -> Result<Output> {
        let mut command = std::process::Command::new(binaries::ipamctl()?);
        command
            .args(self.arguments(etcd))
            .args(["--once", "-o", "json"])
            .args(more)
            .env_clear();
        process::run(command, "", Finish::Normal)
    }

    /// Starts an installer that keeps the host up to date.
    pub fn keep_installed(&self, etcd: &EtcdServer, more: &[String]) -> Result<Daemon> {
        let mut arguments = self.arguments(etcd);
        arguments.push("--every=1s".to_owned());
        arguments.extend_from_slice(more);
        let output = daemon::Output::together(&self.path("log"))?;
        Daemon::start(&binaries::ipamctl()?, &arguments, self.home.path(), output)
    }

    /// What installers that stay said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// ADD for interface `eth0` of a container, by the installed plugin.
    pub fn add(&self, container: &str, network: &Value) -> Result<Answer> {
        self.run(&Call::attachment("ADD", container, "eth0", network))
    }

    /// DEL for interface `eth0` of a container, by the installed plugin.
    pub fn del(&self, container: &str, network: &Value) -> Result<Answer> {
        self.run(&Call::attachment("DEL", container, "eth0", network))
    }

    fn run(&self, call: &Call) -> Result<Answer> {
        call.run_as(&self.plugin(), &self.own_dir())
    }
}

/// The mode of a file or a directory.
pub fn mode(path: &Path) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}
