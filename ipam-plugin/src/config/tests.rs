use super::*;
use crate::cni::error::Code;
use proptest::prelude::*;
use serde_json::json;

fn parse(config: &Value) -> Result<NetworkConfig, CniError> {
    NetworkConfig::parse(config.to_string().as_bytes())
}

/// A configuration with an `ipam` section and what stands beside it.
fn network(ipam: Value, beside: Value) -> NetworkConfig {
    let Value::Object(mut config) = beside else {
        panic!("not an object")
    };
    config.entry("cniVersion").or_insert("1.0.0".into());
    config.insert("name".into(), "net".into());
    config.insert("ipam".into(), ipam);
    parse(&Value::Object(config)).unwrap()
}

fn claims_of(config: &NetworkConfig, cni_args: &str) -> Result<Vec<String>, CniError> {
    let args = Args::parse(cni_args).unwrap();
    let show = |claim: &Claim| match claim {
        Claim::Any(pools) => {
            let ranges: Vec<_> = pools.iter().map(|pool| pool.range.to_string()).collect();
            format!("any of {}", ranges.join(", "))
        }
        Claim::Exact(held) => {
            let gateway = held
                .gateway
                .map_or(String::new(), |gateway| format!(" gw {gateway}"));
            format!(
                "{}/{}{gateway} in {}",
                held.address, held.prefix, held.space
            )
        }
    };
    Ok(config.claims(&args)?.iter().map(show).collect())
}

fn claims(ipam: Value, beside: Value, cni_args: &str) -> Result<Vec<String>, CniError> {
    claims_of(&network(ipam, beside), cni_args)
}

fn code<T: std::fmt::Debug>(result: Result<T, CniError>) -> u32 {
    result.unwrap_err().code().number()
}

fn two_sets() -> Value {
    json!({"ranges": [
        [{"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.10", "rangeEnd": "10.0.0.20"}],
        [{"subnet": "fd00::/64"}],
    ]})
}

#[test]
fn codes_come_in_the_order_decode_name_version() {
    for (text, code_wanted) in [
        ("", 6),
        ("[]", 6),
        (r#"{"cniVersion":1,"name":"-"}"#, 6),
        (r#"{"cniVersion":"9","name":5}"#, 6),
        (r#"{"cniVersion":"9","name":"-","ipam":"x"}"#, 6),
        (r#"{"cniVersion":"9","ipam":{}}"#, 7),
        (r#"{"cniVersion":"9","name":"","ipam":{}}"#, 7),
        (r#"{"cniVersion":"9","name":"../up"}"#, 7),
        (r#"{"cniVersion":"9","name":"a/b"}"#, 7),
        (r#"{"cniVersion":"9","name":"n"}"#, 1),
    ] {
        assert_eq!(
            code(NetworkConfig::parse(text.as_bytes())),
            code_wanted,
            "{text}"
        );
    }
}

#[test]
fn the_oldest_version_is_meant_where_none_is_given() {
    for config in [
        json!({"name": "n"}),
        json!({"name": "n", "cniVersion": ""}),
        json!({"name": "n", "cniVersion": null}),
    ] {
        assert_eq!(parse(&config).unwrap().version(), Version::V0_1_0);
    }
}

#[test]
fn everything_may_be_null() {
    let config = network(
        json!({"range": "10.0.0.0/24", "routes": null, "gateway": null, "resolvConf": null, "etcd": null}),
        json!({"args": null, "runtimeConfig": {"ips": null}, "dns": null, "prevResult": null}),
    );
    assert_eq!(
        claims_of(&config, "").unwrap(),
        ["any of 10.0.0.1-10.0.0.254/24"]
    );
    assert_eq!(config.routes().unwrap(), []);
}

#[test]
fn a_del_works_with_what_no_add_would_accept() {
    for ipam in [
        json!({"range": "garbage", "etcd_host": "a"}),
        json!({"range": 5, "etcd_host": "a"}),
        json!({"ranges": [[]], "routes": [{"dst": "x"}], "etcd_host": "a"}),
        json!({"etcd_host": "a"}),
    ] {
        let config = network(ipam, json!({"runtimeConfig": 5, "args": "x"}));
        assert!(config.etcd().has_endpoints());
        assert!(config.claims(&Args::default()).is_err());
    }
    assert!(parse(&json!({"name": "n"})).is_ok());
}

#[test]
fn a_wrong_type_is_a_decode_error_in_an_add() {
    for ipam in [
        json!({"range": 5}),
        json!({"subnet": "10.0.0.0/24", "exclude": "10.0.0.1"}),
        json!({"range": "10.0.0.0/24", "enable_overlapping_ranges": "true"}),
        json!({"range": "10.0.0.0/24", "routes": [{"dst": "0.0.0.0/0", "mtu": 1.5}]}),
    ] {
        assert_eq!(code(claims(ipam, json!({}), "")), 6);
    }
    for beside in [
        json!({"runtimeConfig": []}),
        json!({"args": {"cni": {"ips": "10.0.0.1"}}}),
        json!({"runtimeConfig": {"ips": [1]}}),
    ] {
        assert_eq!(code(claims(json!({"range": "10.0.0.0/24"}), beside, "")), 6);
    }
}

#[test]
fn a_configuration_must_have_something_to_give_out() {
    for ipam in [
        json!({}),
        json!({"ranges": []}),
        json!({"range": ""}),
        json!({"range_start": "10.0.0.1"}),
    ] {
        assert_eq!(code(claims(ipam, json!({}), "")), 7);
    }
}

#[test]
fn a_requested_address_replaces_the_dynamic_one_of_its_set() {
    let wanted = [
        "10.0.0.12/24 gw 10.0.0.1 in default",
        "fd00::99/64 gw fd00::1 in default",
    ];
    let both = json!({"runtimeConfig": {"ips": ["fd00::99/128", "10.0.0.12"]}});
    assert_eq!(claims(two_sets(), both, "").unwrap(), wanted);
    let split = json!({"runtimeConfig": {"ips": ["fd00::99"]}, "args": {"cni": {"ips": ["10.0.0.12/8"], "labels": 1}}});
    assert_eq!(claims(two_sets(), split, "").unwrap(), wanted);
    assert_eq!(
        claims(two_sets(), json!({}), "IP=10.0.0.12/24,fd00::99").unwrap(),
        wanted
    );

    let one = claims(
        two_sets(),
        json!({"runtimeConfig": {"ips": ["fd00::99"]}}),
        "",
    )
    .unwrap();
    assert_eq!(one, ["any of 10.0.0.10-10.0.0.20/24", wanted[1]]);
}

#[test]
fn cni_args_count_only_where_nothing_else_is_requested() {
    for beside in [
        json!({"runtimeConfig": {"ips": ["10.0.0.12"]}}),
        json!({"args": {"cni": {"ips": ["10.0.0.12"]}}}),
    ] {
        let claims = claims(two_sets(), beside, "IP=10.0.0.13;GATEWAY=10.0.0.2").unwrap();
        assert!(
            claims[0].starts_with("10.0.0.12/24 gw 10.0.0.1"),
            "{claims:?}"
        );
    }
}

#[test]
fn an_address_requested_twice_counts_once() {
    let beside = json!({"runtimeConfig": {"ips": ["10.0.0.12/24"]}, "args": {"cni": {"ips": ["10.0.0.12"]}}});
    let claims = claims(two_sets(), beside, "IP=10.0.0.12").unwrap();
    assert_eq!(claims.len(), 2);
}

#[test]
fn overlapping_ranges_each_take_one_requested_address() {
    let ipam = json!({"ipRanges": [{"range": "10.0.0.0/24"}, {"range": "10.0.0.0/16"}]});
    assert_eq!(
        claims(ipam, json!({}), "IP=10.0.0.7,10.0.0.8").unwrap(),
        ["10.0.0.7/24 in default", "10.0.0.8/16 in default"]
    );
}

#[test]
fn what_no_range_can_give_is_refused_and_says_why() {
    for (ip, why) in [
        ("10.0.0.200", "outside"),
        ("198.51.100.7", "outside"),
        ("10.0.0.1", "gateway"),
        ("10.0.0.12,10.0.0.13", "too many"),
    ] {
        let error = claims(two_sets(), json!({}), &format!("IP={ip}")).unwrap_err();
        assert_eq!(error.code(), Code::OutsideRanges, "{ip}");
        assert!(error.msg().contains(why), "{error}");
        assert!(
            error.details().contains("10.0.0.10-10.0.0.20/24"),
            "{error}"
        );
    }
    let excluded = json!({"range": "10.0.0.0/24", "exclude": ["10.0.0.7"]});
    assert!(
        claims(excluded, json!({}), "IP=10.0.0.7")
            .unwrap_err()
            .msg()
            .contains("excluded")
    );
    for ip in [
        "banana",
        "300.1.1.1",
        "10.0.0.12/33",
        "010.0.0.12",
        "10.0.0.12/",
    ] {
        assert_eq!(
            code(claims(two_sets(), json!({}), &format!("IP={ip}"))),
            7,
            "{ip}"
        );
    }
}

#[test]
fn fixed_addresses_follow_the_dynamic_ones() {
    let ipam = json!({"range": "10.0.0.0/24", "gateway": "10.0.0.1", "addresses": [
        {"address": "192.0.2.7/25", "gateway": "192.0.2.1"}, {"address": "fd00::7/64", "gateway": "192.0.2.1"},
    ]});
    assert_eq!(
        claims(ipam, json!({}), "").unwrap(),
        [
            "any of 10.0.0.1-10.0.0.254/24",
            "192.0.2.7/25 gw 192.0.2.1 in default",
            "fd00::7/64 in default",
        ]
    );
    let alone = json!({"addresses": [{"address": "1.1.1.1/24", "gateway": "1.1.1.254"}]});
    assert_eq!(
        claims(alone, json!({}), "").unwrap(),
        ["1.1.1.1/24 gw 1.1.1.254 in default"]
    );
}

#[test]
fn a_fixed_address_is_unique_in_the_space_of_the_range_around_it() {
    let ipam = json!({
        "range": "10.0.0.0/16", "enable_overlapping_ranges": false, "network_name": "n",
        "addresses": [{"address": "10.0.5.7/24"}, {"address": "192.0.2.7/24"}],
    });
    let claims = claims(ipam, json!({}), "").unwrap();
    assert_eq!(
        claims[1..],
        [
            "10.0.5.7/24 in n@10.0.0.0/16",
            "192.0.2.7/24 in n@192.0.2.0/24"
        ]
    );
}

#[test]
fn a_fixed_address_is_a_hosts_with_its_prefix() {
    for address in [
        "10.9.0.7",
        "10.9.0.0/24",
        "10.9.0.255/24",
        "fd00::/64",
        "x/24",
        "",
    ] {
        let ipam = json!({"range": "10.0.0.0/24", "addresses": [{"address": address}]});
        assert_eq!(code(claims(ipam, json!({}), "")), 7, "{address}");
    }
    for address in [
        "10.9.0.0/32",
        "10.9.0.0/31",
        "10.9.0.1/31",
        "fd00::/127",
        "fd00::ffff/112",
    ] {
        let ipam = json!({"addresses": [{"address": address}]});
        assert!(claims(ipam, json!({}), "").is_ok(), "{address}");
    }
    let gateway = json!({"range": "10.0.0.0/24", "gateway": "10.0.0.1", "addresses": [{"address": "10.0.0.1/24"}]});
    assert_eq!(code(claims(gateway, json!({}), "")), 7);
}

#[test]
fn one_address_is_not_claimed_twice() {
    let twice = json!({"addresses": [{"address": "10.9.0.7/24"}, {"address": "10.9.0.7/16"}]});
    assert_eq!(code(claims(twice, json!({}), "")), 7);
    let asked = json!({"range": "10.0.0.0/24", "addresses": [{"address": "10.0.0.7/24"}]});
    assert_eq!(code(claims(asked, json!({}), "IP=10.0.0.7")), 7);
}

#[test]
fn an_old_version_has_room_for_one_address_of_each_family() {
    let of_version =
        |version: &str, ipam: Value| claims_of(&network(ipam, json!({"cniVersion": version})), "");
    let two = json!({"range": "10.4.0.0/24", "addresses": [{"address": "1.1.1.1/24"}]});
    assert_eq!(code(of_version("0.2.0", two.clone())), 7);
    assert!(of_version("0.3.0", two).is_ok());
    assert!(of_version("", two_sets()).is_ok());
}

#[test]
fn the_type_is_checked_for_an_add() {
    let typed = |ipam: Value| network(ipam, json!({})).check_type("etcd-ipam");
    assert!(typed(json!({"type": "etcd-ipam"})).is_ok());
    assert!(typed(json!({})).is_ok());
    assert_eq!(code(typed(json!({"type": "host-local"}))), 7);
    assert_eq!(
        code(
            parse(&json!({"name": "n"}))
                .unwrap()
                .check_type("etcd-ipam")
        ),
        7
    );
}

#[test]
fn garbage_collection_is_switched_off_at_either_place() {
    for (ipam, beside) in [
        (json!({"disableGC": true}), json!({})),
        (json!({"disablegc": "true"}), json!({})),
        (json!({}), json!({"disableGC": true})),
    ] {
        assert_eq!(network(ipam, beside).gc_is_disabled(), Ok(true));
    }
}

#[test]
fn an_unknown_key_is_named() {
    let config = network(
        json!({"range": "10.0.0.0/24", "RANGE_START": "10.0.0.5", "rangestarts": 1, "datastore": {}, "sleep_for_race": "x"}),
        json!({"x-top": 1}),
    );
    let warnings = config.warnings();
    let [warning] = warnings.as_slice() else {
        panic!("{:?}", config.warnings())
    };
    assert!(warning.contains("\"rangestarts\""), "{warning}");
    assert_eq!(
        claims_of(&config, "").unwrap(),
        ["any of 10.0.0.5-10.0.0.254/24"]
    );
}

#[test]
fn the_nodes_file_fills_what_the_network_leaves_open() {
    let path = std::env::temp_dir().join(format!("etcd-ipam-config-{}", std::process::id()));
    let file = json!({
        "range": "10.0.0.0/24", "cluster": "c", "node_name": "file", "odd": 1,
        "etcd": {"endpoints": ["file:1"], "prefix": "/p"},
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let found = NodeFile::find(path.to_str(), None).unwrap();
    std::fs::remove_file(&path).unwrap();
    let config = network(json!({"node_name": "own", "etcd_host": "own:1"}), json!({}))
        .with_node_file(&found.file.unwrap());
    assert_eq!(config.section().cluster(), "c");
    assert_eq!(config.section().node_name(), Some("own"));
    assert_eq!(config.etcd().endpoints(), ["own:1"]);
    assert_eq!(config.etcd().prefix(), "/p");
    assert_eq!(config.network_etcd().prefix(), store::key::DEFAULT_PREFIX);
    assert_eq!(config.network().unwrap().cluster(), "default");
    assert_eq!(
        claims_of(&config, "").unwrap(),
        ["any of 10.0.0.1-10.0.0.254/24"]
    );
    assert!(
        config.warnings()[0].contains("odd"),
        "{:?}",
        config.warnings()
    );
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(ipam in r#"\{("(range|subnet|ranges|ipRanges|addresses|exclude|gateway|etcd)":("10\.0\.0\.[0-9]{1,3}/[0-9]{1,3}"|"[0-9a-f:.-]{0,12}"|\[\]|\[\[\{\}\]\]|\{\}|5),){0,4}"b":1\}"#) {
        let text = format!(r#"{{"name":"n","ipam":{ipam}}}"#);
        if let Ok(config) = NetworkConfig::parse(text.as_bytes()) {
            let _ = config.claims(&Args::default());
            let _ = config.etcd().settings();
        }
    }
}

#[test]
fn a_key_that_does_nothing_where_it_stands_is_named() {
    let ipam =
        json!({"ranges": [], "range_start": "10.0.0.5", "rangeEnd": "10.0.0.9", "exclude": []});
    let warnings = network(ipam, json!({})).warnings();
    for key in ["range_start", "rangeEnd", "exclude"] {
        assert!(
            warnings.iter().any(|warning| warning.contains(key)),
            "{key}: {warnings:?}"
        );
    }
}

#[test]
fn exclude_narrows_a_subnet_too() {
    let ipam = json!({"subnet": "10.0.0.0/29", "exclude": ["10.0.0.2", "10.0.0.4/30"]});
    let ranges = network(ipam, json!({})).ranges().unwrap();
    let pieces: Vec<_> = ranges[0]
        .range
        .pieces()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(pieces, ["10.0.0.3"]);
}
