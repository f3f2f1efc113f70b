//! Containers: network namespaces on a wire of their own, which truly have the addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};

use crate::history::{Attachment, Interface, What};
use crate::process::{self, Finish};
use crate::real::network::ip;
use crate::real::nodes::Node;
use crate::real::recorder::Recorder;

/// The wire that all containers are on, of all nodes.
pub const WIRE: &str = "pods";

/// How many namespaces there are. Where more containers live, some share one.
const NAMESPACES: usize = 48;

/// All containers that are up.
#[derive(Debug)]
pub struct Containers {
    recorder: Arc<Recorder>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many containers are in each namespace.
    used: Vec<usize>,
    up: BTreeMap<Attachment, Container>,
    /// The addresses that are being taken from their containers.
    leaving: Vec<IpAddr>,
    /// Those that were, in order.
    left: Vec<IpAddr>,
}

#[derive(Debug)]
struct Container {
    namespace: usize,
    interface: Interface,
}

impl Containers {
    /// Lays the wire and the namespaces.
    pub fn lay(recorder: Arc<Recorder>) -> Result<Self> {
        ip(&format!("link add {WIRE} type bridge mcast_snooping 0"))?;
        ip(&format!("link set {WIRE} up"))?;
        let mut batch = Vec::new();
        for number in 0..NAMESPACES {
            let name = namespace(number);
            ip(&format!("netns add {name}"))?;
            batch.push(format!(
                "link add {name} type veth peer name eth0 netns {name}"
            ));
            batch.push(format!("link set {name} master {WIRE} up"));
        }
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]);
        let output = process::run(command, &batch.join("\n"), Finish::Normal)?;
        ensure!(output.status.success(), "ip: {}", output.stderr.trim());
        for number in 0..NAMESPACES {
            ip(&format!("-n {} link set eth0 up", namespace(number)))?;
        }
        Ok(Self {
            recorder,
            state: Mutex::new(State {
                used: vec![0; NAMESPACES],
                up: BTreeMap::new(),
                leaving: Vec::new(),
                left: Vec::new(),
            }),
        })
    }

    /// Gives a container of a node its addresses: `false` if the node's boot is over.
    pub fn bring_up(&self, node: &Node, boot: u64, interface: Interface) -> Result<bool> {
        let _power = node.power.read().unwrap_or_else(PoisonError::into_inner);
        if !node.is_on() || node.boots() != boot {
            return Ok(false);
        }
        let namespace = {
            let mut state = self.state();
            let least = (0..NAMESPACES).min_by_key(|number| state.used.get(*number).copied());
            let namespace = least.context("no namespaces")?;
            if let Some(used) = state.used.get_mut(namespace) {
                *used += 1;
            }
            let attachment = interface.attachment.clone();
            let container = Container {
                namespace,
                interface: interface.clone(),
            };
            state.up.insert(attachment, container);
            namespace
        };
        change("add", namespace, &interface.addresses)?;
        self.recorder.push(What::Up(interface));
        Ok(true)
    }

    /// Takes its addresses from a container, if it has them still.
    pub fn take_down(&self, node: &Node, attachment: &Attachment) -> Result<()> {
        let _power = node.power.read().unwrap_or_else(PoisonError::into_inner);
        self.remove(attachment)
    }

    /// All containers of a node end, because it goes off. The caller holds its power.
    pub fn end_all_on(&self, node: &Node) -> Result<()> {
        let all: Vec<_> = {
            let state = self.state();
            let on_it = state.up.keys().filter(|one| one.node == node.name());
            on_it.cloned().collect()
        };
        all.iter()
            .try_for_each(|attachment| self.remove(attachment))
    }

    fn remove(&self, attachment: &Attachment) -> Result<()> {
        let container = {
            let mut state = self.state();
            let Some(container) = state.up.remove(attachment) else {
                return Ok(());
            };
            state.leaving.extend(&container.interface.addresses);
            container
        };
        let addresses = &container.interface.addresses;
        self.recorder.push(What::Down(container.interface.clone()));
        change("del", container.namespace, addresses)?;
        let mut state = self.state();
        state.leaving.retain(|address| !addresses.contains(address));
        state.left.extend(addresses);
        if let Some(used) = state.used.get_mut(container.namespace) {
            *used -= 1;
        }
        Ok(())
    }

    /// How many addresses were taken from containers so far.
    pub fn taken(&self) -> usize {
        self.state().left.len()
    }

    /// The addresses that were being taken at some time since it was so many.
    pub fn taken_since(&self, count: usize) -> BTreeSet<IpAddr> {
        let state = self.state();
        let left = state.left.iter().skip(count);
        left.chain(&state.leaving).copied().collect()
    }

    /// The containers that are up.
    pub fn up(&self) -> Vec<Interface> {
        let state = self.state();
        state.up.values().map(|one| one.interface.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn change(what: &str, namespace: usize, addresses: &[IpAddr]) -> Result<()> {
    for address in addresses {
        // A container is one machine among all others: it needs no route to be found.
        let (length, more) = match address {
            IpAddr::V4(_) => (32, ""),
            IpAddr::V6(_) => (128, "nodad"),
        };
        let more = if what == "add" { more } else { "" };
        let name = self::namespace(namespace);
        ip(&format!(
            "-n {name} address {what} {address}/{length} dev eth0 {more}"
        ))?;
    }
    Ok(())
}

fn namespace(number: usize) -> String {
    format!("pod-{number}")
}
