//! `prevResult`: what the main plugin made of our answer.

use serde_json::Value;
use store::address::Address;

use crate::config::text::{Zeros, parse_cidr};

/// The addresses in a `prevResult` of any version. What cannot be read is left out: other plugins
/// may have put there what they like.
pub fn addresses(result: &Value) -> Vec<Address> {
    let list = result.get("ips").and_then(Value::as_array);
    let listed = list
        .into_iter()
        .flatten()
        .filter_map(|ip| ip.get("address"));
    let old = ["ip4", "ip6"]
        .into_iter()
        .filter_map(|key| result.get(key)?.get("ip"));
    listed
        .chain(old)
        .filter_map(Value::as_str)
        .filter_map(|text| parse_cidr(text, Zeros::Refused).ok())
        .map(|cidr| cidr.address)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_version_is_read_and_the_rest_is_left_out() {
        let new = json!({"ips": [
            {"address": "10.0.0.5/24", "interface": 1}, {"address": "banana"}, {"address": 5}, 7,
            {"address": "fd00::5/64", "version": "6"},
        ], "routes": [{"dst": "::0/0"}]});
        let old = json!({"ip4": {"ip": "10.0.0.5/24"}, "ip6": {"ip": "fd00::5/64"}, "dns": {}});
        let expected: [Address; 2] = ["10.0.0.5", "fd00::5"].map(|ip| ip.parse().unwrap());
        assert_eq!(addresses(&new), expected);
        assert_eq!(addresses(&old), expected);
    }

    #[test]
    fn nonsense_has_no_addresses() {
        for value in [
            json!(null),
            json!([1]),
            json!({"ips": {}}),
            json!({"ip4": 4}),
            json!("x"),
        ] {
            assert_eq!(addresses(&value), []);
        }
    }
}
