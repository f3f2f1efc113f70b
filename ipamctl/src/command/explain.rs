//! `ipamctl explain`: what an ADD would do, and why, without doing it.

mod annotation;
mod definition;
mod layers;
mod network;
mod occupancy;
mod pod;
mod report;
mod settings;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};
use store::clock::Clock;
use store::txn::Etcd;

pub use self::layers::{Place, Target};
use self::network::{Asked, explain};
use self::report::Report;
use self::settings::COMMAND_LINE;
use super::{Context, Verdict};
use crate::output::Output;
use crate::pods::PodsFlags;

/// What `--help` says.
pub const ABOUT: &str = "\
Explain what an ADD would do, step by step, without doing it.

With --config: for a network's configuration, as it comes to a node (a NetworkAttachmentDefinition in \
JSON or a list of plugins will do too). With NS/POD: for every network that the pod asks for in its \
annotation k8s.v1.cni.cncf.io/networks, and what it holds there now; the cluster's own network is not \
known to Kubernetes, so explain it on a node, with --config. Each \
network is explained by itself, as if the others asked for nothing.

Shown are the settings and where each comes from (the network, the node's file, the command line), \
whether the store gives out addresses, for each address that is claimed how full its ranges are and \
which would be tried first, and what the ADD would come to. Where ranges are full or an address is \
taken: who holds them. The node's file is that of this machine, or the one that --node-config names. \
The same code reads the configuration and looks for addresses as in the plugin.

The exit status is 0 if the ADD would succeed or the pod holds its addresses already, and 3 if it \
would fail. It is 1 if that cannot be told, such as with an etcd out of reach: what this machine can \
reach says nothing of a node.

With -o json: an object with pod (namespace, name, uid, node; null with --config), problem (why a pod \
gets nothing at all, or null) and networks, each with network, definition (or null), interface (or \
null), settings (setting, value, from), warnings, store (its id, where it gives out addresses, or \
null), holds (addresses, container, interface, node, created, age_seconds), claims (wants, of, space, \
allocated, resting, reserved, free, total, candidates), verdict (result: allocates, holds, fails or \
foreign; addresses, code of the CNI error or null, message or null) and holders (null unless addresses \
lack: namespaces and nodes, each a list of name and addresses, and oldest and kept, each a list of address, space, \
state, namespace, pod, node, since, age_seconds, reason). A number above 2^53 is written as a string of \
decimal digits.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl explain --config /etc/cni/net.d/10-blue.conf
  kubectl get net-attach-def blue -o json | ipamctl explain --config -
  ipamctl explain shop/web-0 --kubeconfig ~/.kube/config
  ipamctl explain --config blue.json -o json | jq '.networks[].verdict'";

/// The largest configuration that is read (bytes), as in the plugin.
const LARGEST_CONFIG: u64 = 16 * 1024 * 1024;

/// What can be chosen.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("what").args(["pod", "config"]).required(true)))]
pub struct Options {
    /// The pod whose networks are explained
    #[arg(value_name = "NS/POD", value_parser = pod_name)]
    pub pod: Option<PodName>,

    /// A network's configuration; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The container that the ADD is for, which may hold addresses already
    #[arg(long, value_name = "ID", conflicts_with = "pod")]
    pub container: Option<String>,

    /// The interface that the ADD is for
    #[arg(
        long,
        value_name = "NAME",
        default_value = "eth0",
        requires = "container"
    )]
    pub ifname: String,

    /// The node that the ADD is on; else the one of the settings
    #[arg(long, value_name = "NAME", conflicts_with = "pod")]
    pub node: Option<String>,

    /// Where the pod and its networks are described.
    #[command(flatten)]
    pub pods: PodsFlags,
}

/// A pod as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

fn pod_name(text: &str) -> Result<PodName, String> {
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok(PodName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        }
        _ => Err("a pod is named with its namespace, such as shop/web-0".to_owned()),
    }
}

/// Explains. `open` reaches the store that a network's settings name.
///
/// # Errors
/// Where it cannot be told what the ADD would come to.
pub async fn run<E: Etcd, C: Clock>(
    place: &Place,
    open: impl Fn(Target) -> anyhow::Result<Context<E, C>>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let report = match (&options.pod, &options.config) {
        (Some(pod), _) => pod::explain(place, &open, &options.pods, pod).await?,
        (None, Some(path)) => {
            let chosen = definition::of_text(&read(path)?, None);
            let asked = Asked {
                node: options.node.clone().map(|node| (node, COMMAND_LINE)),
                attachment: options
                    .container
                    .clone()
                    .map(|container| (container, options.ifname.clone())),
                ..Asked::of(chosen.config)
            };
            Report {
                pod: None,
                problem: None,
                networks: vec![explain(place, &open, asked).await?],
            }
        }
        (None, None) => bail!("name a pod (NS/POD), or a network's configuration (--config FILE)"),
    };
    for network in &report.networks {
        for warning in &network.warnings {
            output.warn(&format!("network {}: {warning}", network.network));
        }
    }
    output.result(&report, Report::text)?;
    Ok(if report.is_negative() {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .take(LARGEST_CONFIG)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST_CONFIG).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("the configuration {} cannot be read", path.display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
