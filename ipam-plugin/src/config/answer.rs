//! What an answer carries beside addresses: routes and name resolution, checked but not changed.

use std::path::Path;

use serde::Serialize;
use store::address::{Address, Family};

use super::section::{DnsEntry, IpamSection, RouteEntry};
use super::text::{Cidr, Zeros, parse_address, parse_cidr};
use crate::cni::error::CniError;

/// A route, whose destination and next hop can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub destination: Cidr,
    /// The next hop.
    pub gateway: Option<Address>,
    /// What CNI 1.1.0 added.
    pub attributes: RouteAttributes,
}

impl Route {
    /// The family of the destination.
    pub const fn family(&self) -> Family {
        self.destination.address.family()
    }
}

/// Numbers of a route that are passed on as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteAttributes {
    /// The largest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<i64>,
    /// The largest TCP segment to announce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advmss: Option<i64>,
    /// The priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The routing table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<i64>,
    /// The scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<i64>,
}

/// Name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// The servers, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// The local domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Domains to look short names up in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Dns {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The section's routes. Code 7 where one cannot be read.
pub fn routes(section: &IpamSection) -> Result<Vec<Route>, CniError> {
    let routes = section.routes.iter().flatten().enumerate();
    routes
        .map(|(n, entry)| route(entry, &format!("ipam.routes[{n}]")))
        .collect()
}

fn route(entry: &RouteEntry, key: &str) -> Result<Route, CniError> {
    let destination = entry
        .dst
        .as_ref()
        .ok_or_else(|| {
            CniError::config(format!("{key}: dst is missing; give it, such as 0.0.0.0/0"))
        })
        .and_then(|text| {
            parse_cidr(text, Zeros::Refused)
                .map_err(|error| CniError::config(format!("{key}.dst: {error}")))
        })?;
    let gateway = entry
        .gw
        .as_ref()
        .map(|text| parse_address(text, Zeros::Refused))
        .transpose()
        .map_err(|error| CniError::config(format!("{key}.gw: {error}")))?;
    Ok(Route {
        destination,
        gateway,
        attributes: RouteAttributes {
            mtu: entry.mtu,
            advmss: entry.advmss,
            priority: entry.priority,
            table: entry.table,
            scope: entry.scope,
        },
    })
}

/// What `dns` says, else what the file of `resolvConf` says. Code 7 where that cannot be read.
pub fn dns(section: &IpamSection) -> Result<Dns, CniError> {
    match (&section.dns, &section.resolv_conf) {
        (Some(dns), _) => Ok(given(dns.clone())),
        (None, Some(path)) => std::fs::read(Path::new(path))
            .map(|bytes| parse_resolv_conf(&String::from_utf8_lossy(&bytes)))
            .map_err(|error| {
                CniError::config(format!("ipam.resolvConf: {path} cannot be read: {error}"))
            }),
        (None, None) => Ok(Dns::default()),
    }
}

fn given(dns: DnsEntry) -> Dns {
    Dns {
        nameservers: dns.nameservers.unwrap_or_default(),
        domain: dns.domain,
        search: dns.search.unwrap_or_default(),
        options: dns.options.unwrap_or_default(),
    }
}

/// Reads a file like `/etc/resolv.conf` as host-local does: lists are joined, of several domains
/// the last counts, and whatever is unknown is left out.
fn parse_resolv_conf(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']))
    {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => dns.nameservers.extend(words.next()),
            Some("domain") => dns.domain = words.next().or(dns.domain),
            Some("search") => dns.search.extend(words),
            Some("options") => dns.options.extend(words),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn section(value: Value) -> IpamSection {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn routes_are_checked_and_their_numbers_kept() {
        let section = section(json!({"routes": [
            {"dst": "::0/0", "gw": "fe80::1"},
            {"dst": "10.0.0.0/8", "mtu": 1400, "advmss": 1360, "priority": 10, "table": 100, "scope": 0},
        ]}));
        let routes = routes(&section).unwrap();
        assert_eq!(routes[0].family(), Family::V6);
        assert_eq!(routes[0].destination.length, 0);
        assert_eq!(
            serde_json::to_value(&routes[1].attributes).unwrap(),
            json!({"mtu": 1400, "advmss": 1360, "priority": 10, "table": 100, "scope": 0})
        );
    }

    #[test]
    fn a_route_that_cannot_be_read_is_refused() {
        for route in [
            json!({}),
            json!({"dst": "default"}),
            json!({"dst": "10.0.0.0"}),
            json!({"dst": "010.0.0.0/8"}),
            json!({"dst": "0.0.0.0/0", "gw": "10.0.0.1/24"}),
        ] {
            let error = routes(&section(json!({"routes": [route]}))).unwrap_err();
            assert_eq!(error.code().number(), 7, "{error}");
        }
    }

    #[test]
    fn a_resolv_conf_is_read_like_host_local_reads_it() {
        let dns = parse_resolv_conf(
            "# comment\n; comment\nnameserver 10.0.0.53\nnameserver fd00::53 \n domain example.org\n\
             search a.example b.example\nsearch c.example\noptions ndots:2 edns0\nsortlist x\nnameserver\n",
        );
        assert_eq!(dns.nameservers, ["10.0.0.53", "fd00::53"]);
        assert_eq!(dns.domain.as_deref(), Some("example.org"));
        assert_eq!(dns.search, ["a.example", "b.example", "c.example"]);
        assert_eq!(dns.options, ["ndots:2", "edns0"]);
    }

    #[test]
    fn dns_wins_over_a_file_and_a_file_must_be_readable() {
        let both =
            section(json!({"dns": {"nameservers": ["1.1.1.1"]}, "resolvConf": "/none/such"}));
        assert_eq!(dns(&both).unwrap().nameservers, ["1.1.1.1"]);
        let file = section(json!({"resolvConf": "/none/such"}));
        let error = dns(&file).unwrap_err();
        assert_eq!(error.code().number(), 7);
        assert!(error.msg().contains("/none/such"));
        assert!(dns(&section(json!({}))).unwrap().is_empty());
    }
}
