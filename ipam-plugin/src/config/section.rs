//! The `ipam` section: every key that is understood.
//!
//! The comments of the fields are the descriptions in the JSON Schema. Values stay as they were
//! written: what they mean is decided where they are used, so that a DEL can work with a section
//! that no ADD would accept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::etcd::{Endpoints, EtcdSection};

/// The `ipam` section of a network's configuration, and the whole of a node's file. Every key is
/// optional. Ranges may be written in Whereabouts' spelling (`range`, `ipRanges`) or in
/// host-local's (`subnet`, `ranges`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[schemars(title = "etcd-ipam")]
pub struct IpamSection {
    /// The plugin's name, `etcd-ipam`.
    pub r#type: Option<String>,

    /// Where etcd is and how to be let in.
    pub etcd: Option<EtcdSection>,
    /// Whereabouts' spelling of `etcd.endpoints`: one or several, with commas between them.
    pub etcd_host: Option<Endpoints>,
    /// Whereabouts' spelling of `etcd.username`.
    pub etcd_username: Option<String>,
    /// The password itself. Prefer `etcd.password_file`, or a client certificate.
    pub etcd_password: Option<String>,
    /// Whereabouts' spelling of `etcd.key_file`.
    pub etcd_key_file: Option<String>,
    /// Whereabouts' spelling of `etcd.cert_file`.
    pub etcd_cert_file: Option<String>,
    /// Whereabouts' spelling of `etcd.ca_file`.
    pub etcd_ca_cert_file: Option<String>,

    /// One range: `192.168.20.0/24`, or `192.168.20.10-192.168.20.100/24`. Host bits are masked.
    pub range: Option<String>,
    /// The first address to give out, else the first usable of `range`.
    pub range_start: Option<String>,
    /// The last address to give out, else the last usable of `range`.
    pub range_end: Option<String>,
    /// Addresses and prefixes in `range` that are never given out.
    pub exclude: Option<Vec<String>>,
    /// The gateway that is handed out with addresses of its family. It is never given out itself.
    /// Without it `range` has none, and `subnet` has its first address.
    pub gateway: Option<String>,
    /// More ranges: an interface gets one address of each.
    #[serde(rename = "ipRanges")]
    pub ip_ranges: Option<Vec<WhereaboutsRange>>,
    /// Addresses that every interface of the network gets, beside those of the ranges.
    pub addresses: Option<Vec<FixedAddress>>,

    /// Sets of ranges: an interface gets one address of each set.
    pub ranges: Option<Vec<Vec<HostLocalRange>>>,
    /// One range in host-local's spelling. Host bits are an error.
    pub subnet: Option<String>,
    /// The first address to give out, else the first usable of `subnet`.
    #[serde(rename = "rangeStart")]
    pub start: Option<String>,
    /// The last address to give out, else the last usable of `subnet`.
    #[serde(rename = "rangeEnd")]
    pub end: Option<String>,

    /// Routes for the interface, passed on as they are.
    pub routes: Option<Vec<RouteEntry>>,
    /// Name resolution for the pod, passed on as it is.
    pub dns: Option<DnsEntry>,
    /// A file in the form of `/etc/resolv.conf` that says what `dns` would say.
    #[serde(rename = "resolvConf")]
    pub resolv_conf: Option<String>,

    /// The address space: networks of one name share their addresses. `default` unless given.
    pub network_name: Option<String>,
    /// Whether overlapping ranges of one address space share their addresses. True unless given;
    /// when false, each network prefix is a space of its own.
    pub enable_overlapping_ranges: Option<bool>,
    /// Which free address is taken: the `lowest` (unless given), or a random one (`spread`), which
    /// reuses addresses later and contends less.
    #[schemars(extend("enum" = ["lowest", "spread"]))]
    pub order: Option<String>,
    /// How long a released address rests before another interface may get it: `0s` unless given.
    pub cooldown: Option<String>,

    /// The name of the Kubernetes cluster, where several share one etcd: `default` unless given.
    pub cluster: Option<String>,
    /// The node's name, else `$NODENAME`, else the host's name.
    pub node_name: Option<String>,
    /// Where releases wait while etcd is out of reach: `/var/lib/etcd-ipam/spool` unless given.
    /// Must survive a restart of the machine.
    pub spool_dir: Option<String>,
    /// Where the node remembers what it did since it started: `/run/etcd-ipam` unless given.
    /// Must not survive a restart of the machine.
    pub state_dir: Option<String>,
    /// How long a call may take at most, such as `10s`. Each verb has a limit of its own besides.
    pub timeout: Option<String>,
    /// The GC verb leaves allocations alone that are younger: `0s` unless given.
    pub gc_min_age: Option<String>,
    /// Whether STATUS fails when a range is full. False unless given, because it makes a node
    /// `NotReady` where the plugin serves its primary network.
    pub status_fails_when_exhausted: Option<bool>,
    /// The GC verb does nothing.
    #[serde(rename = "disableGC")]
    pub disable_gc: Option<Flag>,
    /// A file that gets one JSON line for every failed ADD.
    pub log_file: Option<String>,
    /// How much is logged: `debug`, `verbose`, `error` or `panic`.
    pub log_level: Option<String>,
    /// A file with the node's defaults, or a directory that holds it as `etcd-ipam.conf`.
    pub configuration_path: Option<String>,

    /// Accepted and ignored: the store is etcd.
    pub datastore: Option<Value>,
    /// Accepted and ignored: the plugin does not speak to Kubernetes.
    pub kubernetes: Option<Value>,
    /// Accepted and ignored: there is no leader to elect.
    pub leader_lease_duration: Option<Value>,
    /// Accepted and ignored: there is no leader to elect.
    pub leader_renew_deadline: Option<Value>,
    /// Accepted and ignored: there is no leader to elect.
    pub leader_retry_period: Option<Value>,
    /// Accepted and ignored: the collector has its own schedule.
    pub reconciler_cron_expression: Option<Value>,
    /// Accepted and ignored: there is no race.
    pub sleep_for_race: Option<Value>,
    /// Accepted and ignored: a range is not divided among nodes.
    pub node_slice_size: Option<Value>,
    /// Accepted and ignored: the store is etcd.
    #[serde(rename = "dataDir")]
    pub data_dir: Option<Value>,

    /// Whatever else stands there.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// A range in Whereabouts' spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct WhereaboutsRange {
    /// `192.168.20.0/24`, or `192.168.20.10-192.168.20.100/24`. Host bits are masked.
    pub range: Option<String>,
    /// The first address to give out, else the first usable.
    pub range_start: Option<String>,
    /// The last address to give out, else the last usable.
    pub range_end: Option<String>,
    /// Addresses and prefixes that are never given out.
    pub exclude: Option<Vec<String>>,
    /// The gateway, else that of the section where it is of the same family.
    pub gateway: Option<String>,
}

/// A range in host-local's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostLocalRange {
    /// The network, such as `192.168.20.0/24`. Host bits are an error.
    pub subnet: Option<String>,
    /// The first address to give out, else the first usable.
    pub range_start: Option<String>,
    /// The last address to give out, else the last usable.
    pub range_end: Option<String>,
    /// The gateway, else the first address of the network. Never given out.
    pub gateway: Option<String>,
}

/// An address that every interface of the network gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct FixedAddress {
    /// The address with its prefix length, such as `192.168.20.7/24`.
    pub address: Option<String>,
    /// The gateway that is handed out with it.
    pub gateway: Option<String>,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct RouteEntry {
    /// The destination, such as `0.0.0.0/0`.
    pub dst: Option<String>,
    /// The next hop, else the gateway.
    pub gw: Option<String>,
    /// The largest packet.
    pub mtu: Option<i64>,
    /// The largest TCP segment to announce.
    pub advmss: Option<i64>,
    /// The priority: the lower, the better.
    pub priority: Option<i64>,
    /// The routing table.
    pub table: Option<i64>,
    /// The scope.
    pub scope: Option<i64>,
}

/// Name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct DnsEntry {
    /// The servers, best first.
    pub nameservers: Option<Vec<String>>,
    /// The local domain.
    pub domain: Option<String>,
    /// Domains to look short names up in.
    pub search: Option<Vec<String>>,
    /// Options of the resolver.
    pub options: Option<Vec<String>>,
}

/// A boolean that may also be written as text, as libcni reads `disableGC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "it must be true or false")]
pub enum Flag {
    /// `true` or `false`.
    Bool(bool),
    /// `"true"` or `"false"`.
    Text(FlagText),
}

/// A boolean written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagText {
    /// `"true"`
    True,
    /// `"false"`
    False,
}

impl Flag {
    /// What it says.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::Bool(true) | Self::Text(FlagText::True))
    }
}

/// The JSON Schema of the section.
pub fn ipam_schema() -> Value {
    schemars::schema_for!(IpamSection).to_value()
}

#[cfg(test)]
mod tests {
    use super::super::json::tests::is_known;
    use super::*;

    #[test]
    fn every_key_of_the_section_is_matched_whatever_its_case() {
        fn check(value: &Value) {
            let Some(object) = value.as_object() else {
                return;
            };
            for key in object
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                assert!(
                    is_known(key.0),
                    "{} is missing in the table of known keys",
                    key.0
                );
            }
            object.values().for_each(check);
        }
        check(&ipam_schema());
    }

    #[test]
    fn every_key_of_the_section_is_described() {
        let schema = ipam_schema();
        for (key, value) in schema["properties"].as_object().unwrap() {
            assert!(value.get("description").is_some(), "{key}");
        }
    }
}
