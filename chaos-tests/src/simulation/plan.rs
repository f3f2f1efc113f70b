//! What one seed makes of a run before it begins: the cluster, its networks, and how bad things get.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::runtime::{Habits, Network};
use crate::history;

/// The address space of all networks.
const SPACE: &str = "default";

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which story it is, for people.
    pub story: Story,
    /// The names of the nodes. One begins with another.
    pub nodes: Vec<String>,
    /// The networks that pods are attached to. The name of one begins with that of another.
    pub networks: Vec<Network>,
    /// The same, as the checkers want to know them.
    pub ranges: Vec<history::Range>,
    /// How many pods there are at most.
    pub most_pods: usize,
    /// The longest pause between two doings of the workload (milliseconds).
    pub longest_pause: u64,
    /// How often a node is rebooted, of all doings of the workload.
    pub reboots: f64,
    /// How runtimes and their processes behave.
    pub habits: Habits,
    /// How long a node may not hear that a pod was deleted by force (milliseconds).
    pub longest_delay: u64,
    /// How long an address rests.
    pub cooldown: Duration,
    /// The collectors' patience. It is longer than a kubelet needs for a pod that was deleted by force, with a
    /// call of the plugin that is under way.
    pub grace: Duration,
    /// The pause between two faults is up to twice as long.
    pub faults_every: Duration,
    /// How long things go wrong.
    pub storm: Duration,
}

/// What goes wrong above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Everything, now and then.
    Everything,
    /// etcd and the network.
    Etcd,
    /// Nodes, pods and the Kubernetes API.
    Kubernetes,
    /// Processes on the nodes.
    Processes,
    /// A snapshot is restored, and later the original data are put back.
    Restores,
}

impl Story {
    const ALL: [Self; 5] = [
        Self::Everything,
        Self::Etcd,
        Self::Kubernetes,
        Self::Processes,
        Self::Restores,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Etcd => "etcd",
            Self::Kubernetes => "kubernetes",
            Self::Processes => "processes",
            Self::Restores => "restores",
        }
    }
}

impl Plan {
    /// The plan of a seed, of which `rng` was made.
    pub fn new(rng: &mut StdRng) -> Self {
        let story = Story::ALL[rng.random_range(0..Story::ALL.len())];
        let cooldown = Duration::from_secs([0, 5, 20][rng.random_range(0..3)]);
        let order = ["lowest", "spread"][rng.random_range(0..2)];
        let is_dual = rng.random_bool(0.5);
        let last_host = rng.random_range(6..=13);
        let blue = Subnet {
            network: [10, 0, 0, 0],
            last: last_host,
        };
        let blueprint = Subnet {
            network: [10, 0, 1, 0],
            last: 13,
        };
        let ipam = |ranges: Value| {
            json!({
                "type": "etcd-ipam",
                "etcd": {"endpoints": ["http://etcd:2379"]},
                "cooldown": format!("{}s", cooldown.as_secs()),
                "order": order,
                "ipRanges": ranges,
            })
        };
        let network = |name: &str, interface: &str, ranges| Network {
            name: name.to_owned(),
            space: SPACE.to_owned(),
            interface: interface.to_owned(),
            ipam: ipam(ranges),
        };
        let mut sets = vec![blue.configuration()];
        let mut ranges = vec![blue.range("blue")];
        if is_dual {
            let (first, last) = ("fd00::2", format!("fd00::{:x}", 2 + u16::from(last_host)));
            sets.push(json!({
                "range": "fd00::/64", "gateway": "fd00::1", "range_start": first, "range_end": last,
            }));
            ranges.extend(v6("blue", first, &last));
        }
        ranges.push(blueprint.range("blueprint"));
        let is_wild = matches!(story, Story::Everything | Story::Processes);
        let habits = if is_wild { Habits::bad() } else { mild() }.some(rng);
        // Where no process is stopped for long, kubelets are quick, and collectors need less patience: they
        // release while things still go wrong.
        let is_brisk = habits.paused <= 0.0 && rng.random_bool(0.7);
        Self {
            story,
            nodes: ["node-1", "node-10", "node-2"].map(str::to_owned).into(),
            networks: vec![
                network("blue", "net1", sets.into()),
                network("blueprint", "net2", json!([blueprint.configuration()])),
            ],
            ranges,
            most_pods: usize::from(last_host) - 2 + rng.random_range(0..3),
            longest_pause: rng.random_range(1500..4000),
            reboots: if story == Story::Etcd { 0.0 } else { 0.04 },
            habits,
            longest_delay: if is_brisk { 5_000 } else { 20_000 },
            cooldown,
            grace: Duration::from_secs(if is_brisk { 55 } else { 100 }),
            faults_every: Duration::from_millis(rng.random_range(4000..12_000)),
            storm: Duration::from_secs(if is_brisk { 120 } else { 90 }),
        }
    }
}

/// What goes wrong on every cluster.
const fn mild() -> Habits {
    Habits {
        lost_del: 0.1,
        repeated_del: 0.05,
        stripped_del: 0.05,
        same_container: 0.2,
        slow_start: 0.2,
        gives_up: 0.03,
        killed: 0.01,
        ..Habits::good()
    }
}

/// An IPv4 network of which the addresses from .2 on are given out.
struct Subnet {
    network: [u8; 4],
    last: u8,
}

impl Subnet {
    fn at(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.network;
        Ipv4Addr::new(a, b, c, host)
    }

    fn text(&self) -> String {
        format!("{}/28", self.at(0))
    }

    /// One of its addresses is excluded.
    fn configuration(&self) -> Value {
        json!({
            "range": self.text(),
            "gateway": self.at(1),
            "range_start": self.at(2),
            "range_end": self.at(self.last),
            "exclude": [format!("{}/32", self.at(4))],
        })
    }

    fn range(&self, network: &str) -> history::Range {
        history::Range {
            network: network.to_owned(),
            space: SPACE.to_owned(),
            subnet: self.text(),
            first: self.at(2).into(),
            last: self.at(self.last).into(),
            excludes: vec![self.at(4).to_string()],
            gateway: Some(self.at(1).into()),
        }
    }
}

fn v6(network: &str, first: &str, last: &str) -> Option<history::Range> {
    Some(history::Range {
        network: network.to_owned(),
        space: SPACE.to_owned(),
        subnet: "fd00::/64".to_owned(),
        first: first.parse().ok()?,
        last: last.parse().ok()?,
        excludes: Vec::new(),
        gateway: "fd00::1".parse::<IpAddr>().ok(),
    })
}
