//! The settings that decide what an ADD does, and where each of them comes from.

use ipam_plugin::config::{EtcdSection, IpamSection, NodeFile};
use serde::Serialize;

use super::layers::{Layers, Place, Target};

/// Where a setting comes from that nobody gave.
const DEFAULT: &str = "default";
pub(super) const COMMAND_LINE: &str = "command line";
const NETWORK: &str = "network";

/// One setting.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Setting {
    /// Its key.
    #[serde(rename = "setting")]
    pub(super) key: &'static str,
    /// What it says.
    pub(super) value: String,
    /// Who says so.
    pub(super) from: String,
}

/// The settings of an ADD, as far as they decide where it asks and what it claims.
pub(super) fn settings(
    place: &Place,
    layers: &Layers,
    target: &Target,
    node: Option<(&str, &'static str)>,
) -> Vec<Setting> {
    let Layers { config, file, .. } = layers;
    let merged = config.section();
    let network = config.network();
    let path = file.as_ref().map(|file| file.path().display().to_string());
    let origin = |has: &dyn Fn(&IpamSection) -> bool| {
        if network.is_some_and(has) {
            NETWORK.to_owned()
        } else if file.as_ref().map(NodeFile::section).is_some_and(has) {
            path.clone().unwrap_or_default()
        } else {
            DEFAULT.to_owned()
        }
    };
    let etcd = |key: &dyn Fn(&EtcdSection) -> bool| {
        origin(&|section: &IpamSection| section.etcd.as_ref().is_some_and(key))
    };
    let mut rows = Vec::new();
    let mut add = |key, value: String, from: String| {
        rows.push(Setting { key, value, from });
    };
    let endpoints = if place.own.has_endpoints() {
        COMMAND_LINE.to_owned()
    } else if config.network_etcd().has_endpoints() {
        NETWORK.to_owned()
    } else {
        path.clone().unwrap_or_else(|| DEFAULT.to_owned())
    };
    add(
        "etcd.endpoints",
        target.access.endpoints().join(","),
        endpoints,
    );
    let prefix = if place.gives_prefix {
        COMMAND_LINE.to_owned()
    } else {
        etcd(&|etcd| etcd.prefix.is_some())
    };
    add("etcd.prefix", target.access.prefix().to_owned(), prefix);
    if let Some(id) = &target.gate.store_id {
        let from = etcd(&|etcd| etcd.store_id.is_some());
        add("etcd.store_id", id.clone(), from);
    }
    let cluster = if place.cluster.is_some() {
        COMMAND_LINE.to_owned()
    } else {
        origin(&|section| section.cluster.is_some())
    };
    add("cluster", target.cluster.clone(), cluster);
    if let Some((node, from)) = node {
        add("node_name", node.to_owned(), from.to_owned());
    } else if let Some(node) = merged.node_name() {
        let from = origin(&|section| section.node_name.is_some());
        add("node_name", node.to_owned(), from);
    }
    for (index, (setting, value)) in keys(merged).into_iter().enumerate() {
        let default = match setting {
            "network_name" => Some(DEFAULT),
            "order" => Some("lowest"),
            _ => None,
        };
        let Some(value) = value.or_else(|| default.map(str::to_owned)) else {
            continue;
        };
        let from = origin(&|section| {
            keys(section)
                .get(index)
                .is_some_and(|(_, value)| value.is_some())
        });
        add(setting, value, from);
    }
    rows
}

/// The keys that say what is claimed, and in which order; `None` where one is not given.
fn keys(section: &IpamSection) -> [(&'static str, Option<String>); 16] {
    let many = |count: Option<usize>, what: &str| {
        count.map(|count| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
    };
    let fixed = section.addresses.as_ref().map(|addresses| {
        let texts = addresses.iter().filter_map(|one| one.address.clone());
        texts.collect::<Vec<_>>().join(",")
    });
    [
        ("range", section.range.clone()),
        ("range_start", section.range_start.clone()),
        ("range_end", section.range_end.clone()),
        (
            "ipRanges",
            many(section.ip_ranges.as_ref().map(Vec::len), "range"),
        ),
        ("subnet", section.subnet.clone()),
        ("rangeStart", section.start.clone()),
        ("rangeEnd", section.end.clone()),
        ("ranges", many(section.ranges.as_ref().map(Vec::len), "set")),
        (
            "exclude",
            section.exclude.as_ref().map(|texts| texts.join(",")),
        ),
        ("gateway", section.gateway.clone()),
        ("addresses", fixed),
        ("network_name", section.network_name.clone()),
        (
            "enable_overlapping_ranges",
            section
                .enable_overlapping_ranges
                .map(|enabled| enabled.to_string()),
        ),
        ("order", section.order.clone()),
        ("cooldown", section.cooldown.clone()),
        ("timeout", section.timeout.clone()),
    ]
}
