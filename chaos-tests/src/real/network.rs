//! The bridge, and the hosts on it: network namespaces with an uplink each.
//!
//! The harness itself is where the bridge is, with the first address.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::namespace;
use crate::process::{self, Finish};
use crate::real::isolation;

/// The bridge's name.
pub const BRIDGE: &str = "br0";

/// The network of servers and nodes. Containers have networks of their own on the same bridge.
const SUBNET: [u8; 3] = [10, 77, 0];

/// Where the harness is.
pub const HARNESS: Ipv4Addr = address(1);

/// The interface of every host.
pub const UPLINK: &str = "eth0";

/// The address of this number on the network of servers and nodes.
pub const fn address(number: u8) -> Ipv4Addr {
    let [a, b, c] = SUBNET;
    Ipv4Addr::new(a, b, c, number)
}

/// A bridge to which hosts can be added.
#[derive(Debug)]
pub struct Network {
    _private: (),
}

impl Network {
    /// Lays the bridge in the network of this process, which must be one of an isolation and empty.
    pub fn lay() -> Result<Self> {
        ensure!(isolation::is_inside(), "not inside an isolation");
        let links: Value = serde_json::from_str(&ip("-json link show")?)?;
        let count = links.as_array().context("no list of links")?.len();
        ensure!(count == 1, "somebody else is in this network: {links}");
        ip(&format!("link add {BRIDGE} type bridge"))?;
        ip(&format!("address add {HARNESS}/24 dev {BRIDGE}"))?;
        ip(&format!("link set {BRIDGE} up"))?;
        Ok(Self { _private: () })
    }

    /// A host with an uplink to the bridge. The name is also that of the bridge's port, so it has at
    /// most 15 characters.
    pub fn add_host(&self, name: &str, address: Ipv4Addr) -> Result<Host> {
        ip(&format!("netns add {name}"))?;
        ip(&format!(
            "link add {name} type veth peer name {UPLINK} netns {name}"
        ))?;
        ip(&format!("link set {name} master {BRIDGE} up"))?;
        ip(&format!("-n {name} address add {address}/24 dev {UPLINK}"))?;
        ip(&format!("-n {name} link set {UPLINK} up"))?;
        ip(&format!("-n {name} link set lo up"))?;
        Ok(Host {
            name: name.to_owned(),
            address,
        })
    }
}

/// A host. It is there as long as the isolation.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    address: Ipv4Addr,
}

impl Host {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the network of servers and nodes.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its network namespace.
    pub fn namespace(&self) -> PathBuf {
        format!("/run/netns/{}", self.name).into()
    }

    /// The words that run a program on this host; the program's name and its arguments follow.
    pub fn entrance(&self) -> [String; 3] {
        let network = format!("--net={}", self.namespace().display());
        ["nsenter".to_owned(), network, "--".to_owned()]
    }

    /// A command that will run on this host.
    pub fn command(&self, words: &[&str]) -> Command {
        let [nsenter, network, end] = self.entrance();
        let mut command = Command::new(nsenter);
        command.args([network, end]).args(words);
        command
    }

    /// What a command on this host says, which must succeed.
    pub fn run(&self, line: &str) -> Result<String> {
        let words: Vec<_> = line.split_whitespace().collect();
        done(self.command(&words), line)
    }

    /// Does something in the host's network.
    pub fn enter<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        namespace::in_network(&self.namespace(), work)
    }

    /// Pulls its plug out of the bridge.
    pub fn unplug(&self) -> Result<()> {
        ip(&format!("link set {} down", self.name)).map(|_| ())
    }

    /// Puts its plug back.
    pub fn plug_in(&self) -> Result<()> {
        ip(&format!("link set {} up", self.name)).map(|_| ())
    }
}

/// What `ip` says in the network of the harness.
pub fn ip(arguments: &str) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(arguments.split_whitespace());
    done(command, arguments)
}

fn done(command: Command, line: &str) -> Result<String> {
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(output.status.success(), "{line}: {}", output.stderr.trim());
    Ok(output.stdout)
}
