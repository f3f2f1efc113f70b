//! Workloads: which networks there are, and how pods come and go on them.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range as Span;
use std::time::Duration;

use serde_json::{Value, json};

use crate::history::Range;

/// The address space of all networks.
const SPACE: &str = "default";

/// How long a released address rests.
pub const COOLDOWN: Duration = Duration::from_secs(1);

/// All workloads, by their names.
pub const NAMES: [&str; 7] = [
    "churn",
    "burst",
    "dual_stack",
    "hand_over",
    "many_ranges",
    "lost_dels",
    "idle",
];

/// A network, as a runtime knows it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: Value,
    /// What it gives out.
    pub ranges: Vec<Range>,
}

/// A workload.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// The networks.
    pub networks: Vec<Network>,
    /// So many threads let pods live, each a few at a time.
    pub workers: usize,
    /// How many pods of a worker live at once.
    pub pods_each: usize,
    /// How long a pod lives (milliseconds).
    pub life: Span<u64>,
    /// How long its place stays empty after it (milliseconds).
    pub pause: Span<u64>,
    /// Fewer acknowledged calls prove nothing.
    pub least_operations: u64,
    /// The fault that comes first, where they come at random.
    pub begins_with: Option<&'static str>,
    /// Which share of the DELs never reaches the plugin.
    pub lost_dels: f64,
}

impl Plan {
    /// The workload of this name.
    pub fn named(name: &str) -> Option<Self> {
        let churn = Self {
            name: "churn",
            networks: vec![network("churn", &[("10.90.0.0/24", 24, None)], "spread")],
            workers: 20,
            pods_each: 1,
            life: 300..4_000,
            pause: 5..100,
            least_operations: 200,
            begins_with: None,
            lost_dels: 0.0,
        };
        Some(match name {
            "churn" => churn,
            "burst" => Self {
                name: "burst",
                networks: vec![network("burst", &[("10.91.0.0/21", 1_200, None)], "lowest")],
                workers: 40,
                pods_each: 25,
                life: 8_000..12_000,
                // An ADD for each, and some of their DELs.
                least_operations: 1_100,
                ..churn
            },
            "dual_stack" => Self {
                name: "dual_stack",
                networks: vec![network(
                    "dual",
                    &[("10.90.0.0/24", 24, None), ("fd00:90::/64", 0, None)],
                    "lowest",
                )],
                ..churn
            },
            "hand_over" => Self {
                name: "hand_over",
                networks: vec![network("one", &[("10.90.0.0/24", 1, None)], "lowest")],
                workers: 5,
                life: 100..800,
                least_operations: 100,
                ..churn
            },
            "many_ranges" => Self {
                name: "many_ranges",
                networks: (0..10).map(small).collect(),
                ..churn
            },
            "lost_dels" => Self {
                name: "lost_dels",
                lost_dels: 0.2,
                ..churn
            },
            "idle" => Self {
                name: "idle",
                workers: 4,
                life: 4_000..8_000,
                pause: 500..4_000,
                least_operations: 20,
                begins_with: Some("snapshot_restored"),
                ..churn
            },
            _ => return None,
        })
    }

    /// Whether a fault of this kind goes with it. A kubelet with many pods at once ends none of them in time;
    /// where pods live shortly a node may have none that could be left behind, and no address for a successor.
    pub fn allows(&self, kind: &str) -> bool {
        let is_busy = self.pods_each > 1;
        let is_short = self.life.start < 300;
        match kind {
            "pod_force_deleted" => !is_busy,
            "pod_recreated" | "node_not_ready" => !is_busy && !is_short,
            "node_deleted" => !is_short,
            _ => true,
        }
    }

    /// What all networks give out.
    pub fn ranges(&self) -> Vec<Range> {
        let all = self.networks.iter();
        all.flat_map(|network| network.ranges.clone()).collect()
    }
}

fn small(number: u16) -> Network {
    let subnet = format!("10.92.{number}.0/24");
    let gateway = format!("10.92.{number}.17");
    let order = if number.is_multiple_of(2) {
        "lowest"
    } else {
        "spread"
    };
    network(
        &format!("small-{number}"),
        &[(&subnet, 4, Some(&gateway))],
        order,
    )
}

/// A network whose ranges begin at .16 and have so many addresses; 0 is all of an IPv6 network.
fn network(name: &str, ranges: &[(&str, u16, Option<&str>)], order: &str) -> Network {
    let mut sets = Vec::new();
    let mut known = Vec::new();
    for (subnet, count, gateway) in ranges {
        let base: IpAddr = subnet
            .split_once('/')
            .and_then(|(base, _)| base.parse().ok())
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let (first, last) = match base {
            IpAddr::V4(base) => {
                let at = |offset: u32| IpAddr::from(Ipv4Addr::from(base.to_bits() + offset));
                (at(16), at(15 + u32::from(*count)))
            }
            IpAddr::V6(base) => {
                let at =
                    |offset: u128| IpAddr::from(std::net::Ipv6Addr::from(base.to_bits() + offset));
                (at(16), at(16 + 0xffff))
            }
        };
        let mut entry = json!({"range": subnet, "range_start": first, "range_end": last});
        if let Some(gateway) = gateway {
            entry["gateway"] = json!(gateway);
        }
        sets.push(entry);
        known.push(Range {
            network: name.to_owned(),
            space: SPACE.to_owned(),
            subnet: (*subnet).to_owned(),
            first,
            last,
            excludes: Vec::new(),
            gateway: gateway.and_then(|gateway| gateway.parse().ok()),
        });
    }
    let config = json!({
        "cniVersion": "1.1.0",
        "name": name,
        "type": "macvlan",
        "master": "eth0",
        "ipam": {
            "type": "etcd-ipam",
            "ipRanges": sets,
            "order": order,
            "cooldown": format!("{}s", COOLDOWN.as_secs()),
        },
    });
    Network {
        name: name.to_owned(),
        config,
        ranges: known,
    }
}
