//! The answer to ADD, in the form of each version.

use serde_json::{Map, Value, json};
use store::address::Family;
use store::record::HeldAddress;

use super::version::Version;
use crate::config::answer::{Dns, Route};

/// The result of an ADD as one JSON document (CNI specification, section 5, "Success"; a delegated
/// IPAM plugin leaves out `interfaces`). A gateway is shown only with an address of its family.
pub fn add_answer(
    version: Version,
    addresses: &[HeldAddress],
    routes: &[Route],
    dns: &Dns,
) -> String {
    let mut result = Map::new();
    result.insert("cniVersion".into(), version.as_str().into());
    if version < Version::V0_3_0 {
        for (key, family) in [("ip4", Family::V4), ("ip6", Family::V6)] {
            let first = addresses
                .iter()
                .find(|held| held.address.family() == family);
            if let Some(held) = first {
                result.insert(key.into(), old_address(held, routes));
            }
        }
    } else {
        let ips = addresses.iter().map(|held| new_address(version, held));
        result.insert("ips".into(), ips.collect());
        if !routes.is_empty() {
            result.insert("routes".into(), routes.iter().map(new_route).collect());
        }
    }
    if !dns.is_empty() {
        result.insert("dns".into(), json!(dns));
    }
    Value::Object(result).to_string()
}

/// From 0.3.0 on: a list, until 0.4.0 with the family of each.
fn new_address(version: Version, held: &HeldAddress) -> Value {
    let mut ip = address(held, "address");
    if version < Version::V1_0_0 {
        let family = match held.address.family() {
            Family::V4 => "4",
            Family::V6 => "6",
        };
        ip.insert("version".into(), family.into());
    }
    Value::Object(ip)
}

/// Before 0.3.0: one of each family, with the routes of that family.
fn old_address(held: &HeldAddress, routes: &[Route]) -> Value {
    let mut ip = address(held, "ip");
    let routes: Vec<_> = routes
        .iter()
        .filter(|route| route.family() == held.address.family())
        .map(|route| Value::Object(plain_route(route)))
        .collect();
    if !routes.is_empty() {
        ip.insert("routes".into(), routes.into());
    }
    Value::Object(ip)
}

fn address(held: &HeldAddress, key: &str) -> Map<String, Value> {
    let mut ip = Map::new();
    ip.insert(
        key.into(),
        format!("{}/{}", held.address, held.prefix).into(),
    );
    let gateway = held
        .gateway
        .filter(|gateway| gateway.family() == held.address.family());
    if let Some(gateway) = gateway {
        ip.insert("gateway".into(), gateway.to_string().into());
    }
    ip
}

fn plain_route(route: &Route) -> Map<String, Value> {
    let mut plain = Map::new();
    let destination = route.destination;
    plain.insert(
        "dst".into(),
        format!("{}/{}", destination.address, destination.length).into(),
    );
    if let Some(gateway) = route.gateway {
        plain.insert("gw".into(), gateway.to_string().into());
    }
    plain
}

/// With the attributes of 1.1.0, which the reference library writes in every version that has a
/// list of routes.
fn new_route(route: &Route) -> Value {
    let mut full = plain_route(route);
    if let Value::Object(attributes) = json!(route.attributes) {
        full.extend(attributes);
    }
    Value::Object(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::answer::routes;
    use store::names::Space;

    fn held(address: &str, prefix: u8, gateway: Option<&str>) -> HeldAddress {
        HeldAddress {
            space: Space::Shared("default".into()),
            address: address.parse().unwrap(),
            prefix,
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        }
    }

    fn answer(version: Version, held: &[HeldAddress], section: Value, dns: &Dns) -> Value {
        let routes = routes(&serde_json::from_value(section).unwrap()).unwrap();
        serde_json::from_str(&add_answer(version, held, &routes, dns)).unwrap()
    }

    fn dual() -> [HeldAddress; 2] {
        [
            held("10.0.0.5", 24, Some("10.0.0.1")),
            held("fd00::5", 64, Some("fd00::1")),
        ]
    }

    fn some_routes() -> Value {
        json!({"routes": [
            {"dst": "0.0.0.0/0", "mtu": 1400, "scope": 0}, {"dst": "192.168.0.0/16", "gw": "10.0.0.254"},
            {"dst": "::0/0"},
        ]})
    }

    #[test]
    fn before_0_3_0_each_family_has_its_own_routes_without_attributes() {
        for version in [Version::V0_1_0, Version::V0_2_0] {
            assert_eq!(
                answer(version, &dual(), some_routes(), &Dns::default()),
                json!({
                    "cniVersion": version.as_str(),
                    "ip4": {"ip": "10.0.0.5/24", "gateway": "10.0.0.1", "routes": [
                        {"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.0.0.254"},
                    ]},
                    "ip6": {"ip": "fd00::5/64", "gateway": "fd00::1", "routes": [{"dst": "::/0"}]},
                })
            );
        }
    }

    #[test]
    fn until_0_4_0_each_address_says_its_family() {
        for version in [Version::V0_3_0, Version::V0_3_1, Version::V0_4_0] {
            assert_eq!(
                answer(version, &dual(), json!({}), &Dns::default()),
                json!({"cniVersion": version.as_str(), "ips": [
                    {"address": "10.0.0.5/24", "gateway": "10.0.0.1", "version": "4"},
                    {"address": "fd00::5/64", "gateway": "fd00::1", "version": "6"},
                ]})
            );
        }
    }

    #[test]
    fn from_1_0_0_on_it_does_not_and_routes_keep_their_attributes() {
        for version in [Version::V1_0_0, Version::V1_1_0] {
            assert_eq!(
                answer(version, &dual(), some_routes(), &Dns::default()),
                json!({"cniVersion": version.as_str(), "ips": [
                    {"address": "10.0.0.5/24", "gateway": "10.0.0.1"},
                    {"address": "fd00::5/64", "gateway": "fd00::1"},
                ], "routes": [
                    {"dst": "0.0.0.0/0", "mtu": 1400, "scope": 0},
                    {"dst": "192.168.0.0/16", "gw": "10.0.0.254"}, {"dst": "::/0"},
                ]})
            );
        }
    }

    #[test]
    fn a_gateway_is_shown_only_with_its_own_family() {
        let mixed = [held("fd00::5", 64, Some("10.0.0.1"))];
        let shown = answer(Version::V1_0_0, &mixed, json!({}), &Dns::default());
        assert_eq!(shown["ips"], json!([{"address": "fd00::5/64"}]));
    }

    #[test]
    fn dns_is_shown_where_there_is_any() {
        let dns = Dns {
            nameservers: vec!["10.0.0.53".into()],
            ..Dns::default()
        };
        for version in Version::ALL {
            let shown = answer(version, &dual(), json!({}), &dns);
            assert_eq!(shown["dns"], json!({"nameservers": ["10.0.0.53"]}));
        }
    }
}
