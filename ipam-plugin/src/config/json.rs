//! JSON as Go's `encoding/json` would read it into the structures of the reference plugins.
//!
//! Callers are written in Go: they write `null` for an empty slice and match keys without regard
//! to case, so users' files hold both.

use serde_json::{Map, Value};

use crate::cni::error::CniError;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Every key that we know, at any level, in its own spelling.
const KNOWN: &[&str] = &[
    // the network's configuration
    "args",
    "cni",
    "cni.dev/attachments",
    "cni.dev/valid-attachments",
    "cniVersion",
    "containerID",
    "disableGC",
    "ifname",
    "ipam",
    "ips",
    "name",
    "prevResult",
    "runtimeConfig",
    "type",
    // prevResult
    "ip",
    "ip4",
    "ip6",
    // etcd
    "ca_file",
    "cert_file",
    "endpoints",
    "etcd",
    "etcd_ca_cert_file",
    "etcd_cert_file",
    "etcd_host",
    "etcd_key_file",
    "etcd_password",
    "etcd_username",
    "key_file",
    "password_file",
    "prefix",
    "server_name",
    "store_id",
    "username",
    // Whereabouts' spelling
    "address",
    "addresses",
    "configuration_path",
    "dns",
    "domain",
    "dst",
    "enable_overlapping_ranges",
    "exclude",
    "gateway",
    "gw",
    "ipRanges",
    "log_file",
    "log_level",
    "nameservers",
    "network_name",
    "options",
    "range",
    "range_end",
    "range_start",
    "routes",
    "search",
    "advmss",
    "mtu",
    "priority",
    "scope",
    "table",
    // host-local's spelling
    "rangeEnd",
    "rangeStart",
    "ranges",
    "resolvConf",
    "subnet",
    // ours
    "cluster",
    "cooldown",
    "gc_min_age",
    "node_name",
    "order",
    "spool_dir",
    "state_dir",
    "status_fails_when_exhausted",
    "timeout",
    // accepted and ignored
    "dataDir",
    "datastore",
    "kubernetes",
    "leader_lease_duration",
    "leader_renew_deadline",
    "leader_retry_period",
    "node_slice_size",
    "reconciler_cron_expression",
    "sleep_for_race",
];

/// Reads one JSON object. `serde_json` ends at 128 levels, so no input can exhaust the stack.
pub(super) fn parse_object(bytes: &[u8], what: &str) -> Result<Object, CniError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(CniError::decode(format!(
            "{what} must be a JSON object, and it is {}",
            kind(&other)
        ))),
        Err(error) => Err(CniError::decode(format!("{what} is not JSON: {error}"))),
    }
}

/// What kind of value it is, for messages.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Spells every known key in its own way, and leaves out whatever is `null` or an empty string:
/// both mean that nothing was given. Where a key stands there twice, its own spelling wins.
pub(super) fn canonical(object: Object) -> Object {
    let mut spelt = Object::new();
    let mut misspelt = Object::new();
    for (key, value) in object {
        let Some(value) = given(value) else { continue };
        let own = spelling(&key);
        let place = if own == key {
            &mut spelt
        } else {
            &mut misspelt
        };
        place.insert(own.to_owned(), value);
    }
    for (key, value) in misspelt {
        spelt.entry(key).or_insert(value);
    }
    spelt
}

/// The value in canonical form, or `None` where it means that nothing was given.
fn given(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(object) => Some(Value::Object(canonical(object))),
        Value::Array(list) => Some(list.into_iter().filter_map(given).collect()),
        other => Some(other),
    }
}

/// The known key that is meant by `key`, else `key` itself.
fn spelling(key: &str) -> &str {
    KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(key))
        .map_or(key, |known| *known)
}

/// The value of a key whatever its case, even where it is `null`.
pub(super) fn raw<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).or_else(|| {
        object
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Whether a key is spelt as the table has it.
    pub(in crate::config) fn is_known(key: &str) -> bool {
        KNOWN.contains(&key)
    }

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else {
            panic!("not an object")
        };
        object
    }

    #[test]
    fn no_two_known_keys_differ_in_case_alone() {
        for (n, key) in KNOWN.iter().enumerate() {
            assert!(
                KNOWN[n + 1..]
                    .iter()
                    .all(|other| !other.eq_ignore_ascii_case(key)),
                "{key}"
            );
        }
    }

    #[test]
    fn known_keys_match_in_any_case_at_every_level() {
        let read = canonical(object(json!({
            "CNIVersion": "1.0.0",
            "IPAM": {"RANGE": "a", "Ranges": [[{"Subnet": "b", "RangeStart": "c"}]], "X-Own": 1},
        })));
        let meant = json!({
            "cniVersion": "1.0.0",
            "ipam": {"range": "a", "ranges": [[{"subnet": "b", "rangeStart": "c"}]], "X-Own": 1},
        });
        assert_eq!(Value::Object(read), meant);
    }

    #[test]
    fn an_exact_key_wins_over_another_case() {
        for text in [
            r#"{"range":"a","RANGE":"b"}"#,
            r#"{"Range":"b","range":"a"}"#,
        ] {
            let read = canonical(parse_object(text.as_bytes(), "it").unwrap());
            assert_eq!(Value::Object(read), json!({"range": "a"}));
        }
    }

    #[test]
    fn of_two_equal_keys_the_last_wins() {
        let read = parse_object(br#"{"range":"a","range":"b"}"#, "it").unwrap();
        assert_eq!(Value::Object(read), json!({"range": "b"}));
    }

    #[test]
    fn null_and_empty_text_mean_that_nothing_was_given() {
        let read = canonical(object(json!({
            "name": null, "type": "", "ipam": {"routes": null, "exclude": ["", null, "x"], "dns": {}},
        })));
        assert_eq!(
            Value::Object(read),
            json!({"ipam": {"exclude": ["x"], "dns": {}}})
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in [
            "",
            "null",
            "[]",
            "5",
            "{",
            r#"{"a":{ asdf }}"#,
            "{}{}",
            &deep,
        ] {
            let error = parse_object(text.as_bytes(), "it").unwrap_err();
            assert_eq!(error.code().number(), 6);
        }
    }

    proptest! {
        #[test]
        fn reading_a_canonical_object_again_changes_nothing(
            text in r#"\{("(a|Range|range|RANGE)":(null|""|"x"|\{"NAME":null\}|\[null,""\]),){0,4}"b":1\}"#
        ) {
            let once = canonical(parse_object(text.as_bytes(), "it").unwrap());
            prop_assert_eq!(canonical(once.clone()), once);
        }
    }
}
