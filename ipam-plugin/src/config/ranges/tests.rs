use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The sets of a section, each range as its pieces, prefix length and gateway.
fn read(section: Value) -> Result<Vec<Vec<String>>, String> {
    read_with(section, json!([]))
}

fn read_with(section: Value, runtime: Value) -> Result<Vec<Vec<String>>, String> {
    let section: IpamSection = serde_json::from_value(section).unwrap();
    let runtime: Vec<Vec<HostLocalRange>> = serde_json::from_value(runtime).unwrap();
    let pools = Pools::read(&section, &runtime).map_err(|error| error.to_string())?;
    let show = |pool: &PoolRange| {
        let range = &pool.range;
        let pieces: Vec<_> = range.pieces().iter().map(Span::to_string).collect();
        let gateway = range
            .gateway()
            .map_or(String::new(), |gateway| format!(" gw {gateway}"));
        format!("{}/{}{gateway}", pieces.join(","), range.network().length())
    };
    Ok(pools
        .sets
        .iter()
        .map(|set| set.iter().map(show).collect())
        .collect())
}

/// The only range of a section.
fn only(section: Value) -> String {
    let sets = read(section).unwrap();
    let [set] = sets.as_slice() else {
        panic!("{sets:?}")
    };
    let [range] = set.as_slice() else {
        panic!("{set:?}")
    };
    range.clone()
}

fn refused(section: Value) -> String {
    let shown = section.to_string();
    read(section).expect_err(&shown)
}

#[test]
fn host_bits_are_masked_or_refused() {
    assert_eq!(
        only(json!({"range": "10.0.0.77/24"})),
        "10.0.0.1-10.0.0.254/24"
    );
    let error = refused(json!({"subnet": "10.0.0.77/24"}));
    assert!(
        error.contains("ipam.subnet") && error.contains("write 10.0.0.0/24"),
        "{error}"
    );
    refused(json!({"ranges": [[{"subnet": "fd00::1/64"}]]}));
}

#[test]
fn without_a_gateway_there_is_none_or_the_first_address() {
    assert_eq!(
        only(json!({"range": "10.0.0.0/29"})),
        "10.0.0.1-10.0.0.6/29"
    );
    assert_eq!(
        only(json!({"subnet": "10.0.0.0/29"})),
        "10.0.0.2-10.0.0.6/29 gw 10.0.0.1"
    );
    assert_eq!(
        only(json!({"subnet": "fd00::/126"})),
        "fd00::2-fd00::3/126 gw fd00::1"
    );
}

#[test]
fn the_last_ipv6_address_is_unused_or_used() {
    assert_eq!(only(json!({"range": "fd00::/126"})), "fd00::1-fd00::2/126");
    assert_eq!(
        only(json!({"range": "fd00::/126", "range_end": "fd00::3"})),
        "fd00::1-fd00::2/126"
    );
    assert_eq!(
        only(json!({"subnet": "fd00::/126", "rangeEnd": "fd00::3"})),
        "fd00::2-fd00::3/126 gw fd00::1"
    );
}

#[test]
fn an_inner_list_is_a_range_each_or_one_pool() {
    let each = read(json!({"ipRanges": [{"range": "10.0.0.0/30"}, {"range": "10.0.1.0/30"}]}));
    assert_eq!(each.unwrap().len(), 2);
    let pool = read(json!({"ranges": [[{"subnet": "10.0.0.0/30"}, {"subnet": "10.0.1.0/30"}]]}));
    assert_eq!(
        pool.unwrap(),
        [["10.0.0.2/30 gw 10.0.0.1", "10.0.1.2/30 gw 10.0.1.1"]]
    );
}

#[test]
fn overlap_is_allowed_or_refused() {
    let sets = read(json!({"range": "10.0.0.0/24", "ipRanges": [
        {"range": "10.0.0.0/24"}, {"range": "10.0.0.0/16"},
    ]}));
    assert_eq!(sets.unwrap().len(), 3);
    let one = json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.10", "rangeEnd": "10.0.0.20"});
    let two = json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.20", "rangeEnd": "10.0.0.30"});
    let apart =
        json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.21", "rangeEnd": "10.0.0.30"});
    let all = json!({"subnet": "10.0.0.0/24"});
    for sets in [
        json!([[one, two]]),
        json!([[one], [two]]),
        json!([[one], [all]]),
        json!([[apart, all]]),
    ] {
        assert!(refused(json!({"ranges": sets})).contains("overlaps"));
    }
    assert!(read(json!({"ranges": [[one, apart]]})).is_ok());
    assert!(read(json!({"ranges": [[one], [apart]]})).is_ok());
    refused(json!({"subnet": "10.0.0.0/25", "ranges": [[all]]}));
    assert!(read_with(json!({"ranges": [[all]]}), json!([[one]])).is_err());
}

#[test]
fn bounds_outside_the_network_or_in_wrong_order_are_refused() {
    for (start, end) in [
        ("10.0.1.1", "10.0.0.9"),
        ("10.0.0.1", "10.0.1.9"),
        ("10.0.0.9", "10.0.0.8"),
        ("fd00::1", "10.0.0.9"),
        ("10.0.0.0", "10.0.0.0"),
        ("10.0.0.255", "10.0.0.255"),
        ("garbage", "10.0.0.9"),
        ("10.0.0.9", "nope"),
    ] {
        refused(json!({"range": "10.0.0.0/24", "range_start": start, "range_end": end}));
        refused(
            json!({"ipRanges": [{"range": "10.0.0.0/24", "range_start": start, "range_end": end}]}),
        );
        refused(json!({"subnet": "10.0.0.0/24", "rangeStart": start, "rangeEnd": end}));
        refused(json!({"range": format!("{start}-{end}/24")}));
    }
}

#[test]
fn bounds_on_the_network_and_broadcast_address_are_moved_inward() {
    let all = "10.0.0.1-10.0.0.254/24";
    let bounds =
        json!({"range": "10.0.0.0/24", "range_start": "10.0.0.0", "range_end": "10.0.0.255"});
    assert_eq!(only(bounds), all);
    assert_eq!(only(json!({"range": "10.0.0.0-10.0.0.255/24"})), all);
    assert_eq!(
        only(json!({"range": "10.0.0.0-10.0.0.5/24"})),
        "10.0.0.1-10.0.0.5/24"
    );
    let bounds =
        json!({"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.0", "rangeEnd": "10.0.0.255"});
    assert_eq!(only(bounds), "10.0.0.2-10.0.0.254/24 gw 10.0.0.1");
}

#[test]
fn a_network_needs_two_usable_addresses() {
    for network in ["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128"] {
        assert!(refused(json!({"range": network})).contains("fewer than 2"));
        assert!(refused(json!({"subnet": network})).contains("fewer than 2"));
    }
    assert_eq!(
        only(json!({"range": "10.0.0.0/30"})),
        "10.0.0.1-10.0.0.2/30"
    );
}

#[test]
fn leading_zeros_are_decimal_or_refused() {
    let meant = "10.0.0.9-10.0.0.11,10.0.0.13-10.0.0.20/24 gw 10.0.0.1";
    let spelt = json!({
        "range": "010.000.00.0/24", "range_start": "010.0.0.009", "range_end": "10.0.0.020",
        "exclude": ["010.0.0.012/32"], "gateway": "010.0.0.001",
    });
    assert_eq!(only(spelt.clone()), meant);
    assert_eq!(only(json!({"ipRanges": [spelt]})), meant);
    for (key, value) in [
        ("subnet", "010.0.0.0/24"),
        ("rangeStart", "10.0.0.09"),
        ("gateway", "010.0.0.1"),
    ] {
        let mut section = json!({"subnet": "10.0.0.0/24"});
        section[key] = value.into();
        assert!(refused(section).contains(key));
    }
}

#[test]
fn first_to_last_overrides_the_bounds_and_takes_no_spaces() {
    let section =
        json!({"range": "10.0.0.5-10.0.0.9/24", "range_start": "10.0.0.7", "range_end": "x"});
    assert_eq!(only(section), "10.0.0.5-10.0.0.9/24");
    for range in [
        "10.0.0.5 - 10.0.0.9/24",
        "10.0.0.5-10.0.0.9",
        "10.0.0.5/24-10.0.0.9/24",
        "-10.0.0.9/24",
    ] {
        refused(json!({"range": range}));
    }
}

#[test]
fn an_exclude_belongs_to_its_own_range() {
    let sets = read(json!({
        "range": "10.1.0.0/29", "exclude": ["10.1.0.1", "10.2.0.1", "10.1.0.5/31", "2001::/16"],
        "ipRanges": [{"range": "10.2.0.0/29", "exclude": ["10.2.0.2"]}],
    }));
    assert_eq!(
        sets.unwrap(),
        [
            ["10.1.0.2-10.1.0.3,10.1.0.6/29"],
            ["10.2.0.1,10.2.0.3-10.2.0.6/29"]
        ]
    );
    for exclude in ["foo", "10.1.0.1-10.1.0.9", "10.1.0.0/33", "10.1.0"] {
        let error = refused(json!({"range": "10.1.0.0/24", "exclude": [exclude]}));
        assert!(
            error.contains("ipam.exclude") && error.contains(exclude),
            "{error}"
        );
    }
}

#[test]
fn excluding_everything_is_no_error() {
    assert_eq!(
        only(json!({"range": "10.0.0.0/24", "exclude": ["10.0.0.0/24"]})),
        "/24"
    );
}

#[test]
fn the_one_gateway_goes_with_every_address_of_its_family() {
    let sets = read(json!({
        "range": "10.1.0.0/30", "gateway": "10.1.0.254",
        "ipRanges": [{"range": "10.2.0.0/30"}, {"range": "fd00::/126"}, {"range": "10.3.0.0/30", "gateway": "10.3.0.1"}],
    }));
    assert_eq!(
        sets.unwrap(),
        [
            ["10.1.0.1-10.1.0.2/30 gw 10.1.0.254"],
            ["10.2.0.1-10.2.0.2/30 gw 10.1.0.254"],
            ["fd00::1-fd00::2/126"],
            ["10.3.0.2/30 gw 10.3.0.1"],
        ]
    );
}

#[test]
fn host_locals_sets_have_gateways_of_their_own() {
    let sets = read(json!({
        "subnet": "10.1.0.0/30", "gateway": "10.1.0.2",
        "ranges": [[{"subnet": "10.2.0.0/30"}], [{"subnet": "10.3.0.0/30", "gateway": "192.0.2.1"}]],
    }));
    assert_eq!(
        sets.unwrap(),
        [
            ["10.1.0.1/30 gw 10.1.0.2"],
            ["10.2.0.2/30 gw 10.2.0.1"],
            ["10.3.0.1-10.3.0.2/30 gw 192.0.2.1"],
        ]
    );
}

#[test]
fn no_gateway_of_the_configuration_is_given_out_by_any_range() {
    let sets = read(json!({
        "range": "10.0.0.0/28", "gateway": "10.0.0.3",
        "ipRanges": [{"range": "10.0.0.0/29", "gateway": "10.0.0.2"}],
        "addresses": [{"address": "10.0.0.9/28", "gateway": "10.0.0.4"}],
    }));
    assert_eq!(
        sets.unwrap(),
        [
            ["10.0.0.1,10.0.0.5-10.0.0.14/28 gw 10.0.0.3"],
            ["10.0.0.1,10.0.0.5-10.0.0.6/29 gw 10.0.0.2"],
        ]
    );
}

#[test]
fn ranges_come_in_a_fixed_order() {
    let sets = read_with(
        json!({
            "subnet": "10.3.0.0/30", "ranges": [[{"subnet": "10.4.0.0/30"}]],
            "range": "10.1.0.0/30", "ipRanges": [{"range": "10.2.0.0/30"}],
        }),
        json!([[{"subnet": "10.0.0.0/30"}]]),
    );
    let sets = sets.unwrap();
    let first: Vec<_> = sets.iter().map(|set| &set[0][..4]).collect();
    assert_eq!(first, ["10.0", "10.1", "10.2", "10.3", "10.4"]);
}

#[test]
fn a_set_is_of_one_family_and_not_empty() {
    refused(json!({"ranges": [[]]}));
    refused(json!({"ranges": [[{"subnet": "10.0.0.0/24"}, {"subnet": "fd00::/64"}]]}));
    refused(json!({"ranges": [[{}]]}));
    refused(json!({"ipRanges": [{}]}));
    assert_eq!(
        read(json!({"ranges": [], "gateway": "10.0.0.1"})).unwrap(),
        Vec::<Vec<String>>::new()
    );
}

#[test]
fn what_is_no_network_is_refused() {
    for network in [
        "10.0.0.0",
        "garbage",
        "::ffff:10.0.0.0/120",
        "10.0.0.0/33",
        " 10.0.0.0/24",
    ] {
        refused(json!({"range": network}));
        refused(json!({"subnet": network}));
    }
    refused(json!({"range": "10.0.0.0/24", "gateway": "x"}));
    refused(json!({"subnet": "10.0.0.0/24", "gateway": "x"}));
}

#[test]
fn the_widest_networks_are_ranges() {
    assert_eq!(
        only(json!({"range": "0.0.0.0/0"})),
        "0.0.0.1-255.255.255.254/0"
    );
    assert_eq!(
        only(json!({"subnet": "10.0.0.0/8"})),
        "10.0.0.2-10.255.255.254/8 gw 10.0.0.1"
    );
    let all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    assert_eq!(
        only(json!({"subnet": "::/0"})),
        format!("::2-{all}/0 gw ::1")
    );
}

#[test]
fn ranges_share_a_space_unless_each_has_its_own() {
    let space = |section: Value| {
        let section: IpamSection = serde_json::from_value(section).unwrap();
        Pools::read(&section, &[]).unwrap().sets[0][0]
            .space
            .to_string()
    };
    assert_eq!(space(json!({"range": "10.0.0.5/24"})), "default");
    assert_eq!(
        space(json!({"range": "10.0.0.5/24", "network_name": "n"})),
        "n"
    );
    let alone =
        json!({"range": "10.0.0.5/24", "network_name": "n", "enable_overlapping_ranges": false});
    assert_eq!(space(alone), "n@10.0.0.0/24");
}

proptest! {
    #[test]
    fn both_spellings_give_out_the_same_ipv4_addresses(
        bits: u32, length in 0_u8..=30, one: u32, two: u32,
    ) {
        let network = Network::new(Address::from(std::net::IpAddr::V4(bits.into())), length).unwrap();
        let host = |n: u32| {
            let size = network.last().bits() - network.first().bits() + 1;
            network.first().checked_add(u128::from(n) % size).unwrap()
        };
        let (start, end) = (host(one).min(host(two)), host(one).max(host(two)));
        let gateway = network.first().checked_add(1).unwrap();
        let ours = read(json!({
            "range": network.to_string(), "range_start": start, "range_end": end, "gateway": gateway,
        }));
        let theirs = read(json!({"subnet": network.to_string(), "rangeStart": start, "rangeEnd": end}));
        let dashed = read(json!({"range": format!("{start}-{end}/{length}"), "gateway": gateway}));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let Ok(ours) = ours {
            prop_assert_eq!(&ours, &theirs.unwrap());
            prop_assert_eq!(&ours, &dashed.unwrap());
        }
    }
}
