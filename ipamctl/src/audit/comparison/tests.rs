use std::collections::BTreeMap;

use proptest::prelude::*;
use store::key::DEFAULT_PREFIX;

use super::*;

type Entries = BTreeMap<String, String>;

fn keys() -> Keyspace {
    Keyspace::new(DEFAULT_PREFIX)
}

fn address(host: u8) -> Address {
    Address::from(std::net::IpAddr::from([10, 0, 0, host]))
}

fn space() -> Space {
    Space::Shared("default".into())
}

fn owner_key(name: &str) -> String {
    format!("{}{name}", keys().all_owners().start)
}

fn address_key(host: u8) -> String {
    keys().address(&space(), address(host))
}

fn record(hosts: &[u8]) -> String {
    let held = hosts.iter().map(
        |host| serde_json::json!({"space": "default", "address": address(*host), "prefix": 24}),
    );
    serde_json::json!({
        "v": 1, "id": "x", "addresses": held.collect::<Vec<_>>(), "created": "", "plugin": "0.1.0",
    })
    .to_string()
}

/// A range of these hosts.
fn range(first: u8, last: u8, gateway: u8) -> (String, String) {
    let network = store::address::Network::new(address(0), 24).unwrap();
    let bounds = store::range::Span::new(address(first), address(last)).unwrap();
    let range = Range::new(network, bounds, Some(address(gateway)), vec![]);
    let key = keys().range(&space(), &range);
    (key, RangeRecord::new(&range, String::new()).to_json())
}

fn name(owner: usize) -> String {
    format!("default/n{}/net/c{owner}/eth0", owner % 3)
}

/// A store in which owner `n` holds the hosts of the list's place `n`, and everything fits.
fn store_of(hosts: &[Vec<u8>]) -> Entries {
    let mut entries = Entries::from([range(1, 254, 1)]);
    entries.insert(keys().store(), "{}".into());
    for (owner, hosts) in hosts.iter().enumerate() {
        entries.insert(owner_key(&name(owner)), record(hosts));
        entries.extend(hosts.iter().map(|host| (address_key(*host), name(owner))));
    }
    entries
}

fn compare(entries: &Entries) -> Vec<(Kind, Option<Address>, Option<Repair>)> {
    let findings = compared(entries, None).into_iter();
    findings
        .map(|one| (one.kind, one.address, one.repair))
        .collect()
}

fn compared(entries: &Entries, pods: Option<Pods<'_>>) -> Vec<Finding> {
    let keys = keys();
    let within = |stretch: store::key::KeyRange| {
        let found = entries.range(stretch.start..stretch.end);
        found.map(|(key, value)| Entry {
            key: key.clone(),
            value: value.clone().into_bytes(),
            mod_revision: 7,
        })
    };
    let mut comparison = Comparison::new(&keys, pods);
    within(keys.all_ranges()).for_each(|entry| comparison.range(&entry));
    comparison.end_of_ranges();
    within(keys.all_owners()).for_each(|entry| comparison.owner(entry));
    comparison.end_of_owners();
    within(keys.all_addresses()).for_each(|entry| comparison.address(&entry));
    for stretch in keys.elsewhere() {
        within(stretch).for_each(|entry| comparison.other(&entry));
    }
    let (findings, counts) = comparison.finish();
    let owners = within(keys.all_owners()).count();
    assert_eq!(counts.owners, u64::try_from(owners).unwrap());
    findings
}

/// Different hosts for at least two owners, one to three for each.
fn hosts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let hosts = Just((2..=250).collect::<Vec<u8>>()).prop_shuffle();
    (hosts, prop::collection::vec(1_usize..=3, 2..20)).prop_map(|(hosts, counts)| {
        let mut hosts = hosts.into_iter();
        let take = |count| hosts.by_ref().take(count).collect();
        counts.into_iter().map(take).collect()
    })
}

/// What somebody may have done to a store, given an owner and another, and an address of each.
#[derive(Clone, Copy, Debug)]
enum Damage {
    DropOwner,
    DropAddress,
    GiveToAnother,
    GiveToNobody,
    Unclaim,
    SpoilAddress,
    SpoilOwner,
    SpoilRange,
    Reserve,
    Rest,
    AnotherNode,
    ForeignKey,
    OddAddressKey,
    OddOwnerKey,
    NewerVersion,
    NewerKind,
}

const ALL: [Damage; 16] = [
    Damage::DropOwner,
    Damage::DropAddress,
    Damage::GiveToAnother,
    Damage::GiveToNobody,
    Damage::Unclaim,
    Damage::SpoilAddress,
    Damage::SpoilOwner,
    Damage::SpoilRange,
    Damage::Reserve,
    Damage::Rest,
    Damage::AnotherNode,
    Damage::ForeignKey,
    Damage::OddAddressKey,
    Damage::OddOwnerKey,
    Damage::NewerVersion,
    Damage::NewerKind,
];

/// Damages a store, and says what is to be found.
fn damage(
    entries: &mut Entries,
    hosts: &[Vec<u8>],
    damage: Damage,
) -> Vec<(Kind, Option<Address>, Option<Repair>)> {
    let (owner, held) = (name(0), &hosts[0]);
    let first = held[0];
    let here = Some(address(first));
    let mut put = |key: String, value: &str| entries.insert(key, value.to_owned());
    match damage {
        Damage::DropOwner => {
            entries.remove(&owner_key(&owner));
            let mut held = held.clone();
            held.sort_unstable();
            let orphan = |host| {
                let repair = Some(Repair::DeleteAddress);
                (Kind::OrphanedAddress, Some(address(host)), repair)
            };
            held.into_iter().map(orphan).collect()
        }
        Damage::DropAddress => {
            entries.remove(&address_key(first));
            vec![(Kind::MissingAddress, here, Some(Repair::PutAddress))]
        }
        Damage::GiveToAnother => {
            put(address_key(first), &name(1));
            vec![(Kind::Duplicate, here, None)]
        }
        Damage::GiveToNobody => {
            put(address_key(first), "default/n9/net/nobody/eth0");
            vec![(Kind::Duplicate, here, None)]
        }
        Damage::Unclaim => {
            put(owner_key(&owner), &record(&held[1..]));
            vec![(Kind::UnclaimedAddress, here, None)]
        }
        Damage::SpoilAddress => {
            put(address_key(first), "not ours");
            vec![(Kind::Unreadable, here, Some(Repair::DeleteKey))]
        }
        Damage::SpoilOwner => {
            put(owner_key(&owner), "{");
            vec![(Kind::Unreadable, None, Some(Repair::DeleteKey))]
        }
        Damage::SpoilRange => {
            put(range(1, 254, 1).0, "{");
            vec![(Kind::Unreadable, None, Some(Repair::DeleteKey))]
        }
        Damage::Reserve => {
            put(address_key(first), r#"{"kind":"reservation"}"#);
            vec![(Kind::Duplicate, here, None)]
        }
        Damage::Rest => {
            let rest =
                format!(r#"{{"kind":"cooldown","released":"","cooldown_s":1,"was":"{owner}"}}"#);
            put(address_key(first), &rest);
            vec![(Kind::Duplicate, here, None)]
        }
        Damage::AnotherNode => {
            put(owner_key(&owner.replace("/n0/", "/n7/")), &record(&[]));
            vec![(Kind::TwoNodes, None, None)]
        }
        Damage::ForeignKey => {
            put(format!("{DEFAULT_PREFIX}/note"), "mine");
            vec![(Kind::UnknownKey, None, None)]
        }
        Damage::OddAddressKey => {
            put(format!("{}.", address_key(first)), &owner);
            vec![(Kind::Unreadable, None, Some(Repair::DeleteKey))]
        }
        Damage::OddOwnerKey => {
            put(owner_key("default/n0"), "{}");
            vec![(Kind::Unreadable, None, Some(Repair::DeleteKey))]
        }
        Damage::NewerVersion => {
            put(
                owner_key(&owner),
                &record(held).replace(r#""v":1"#, r#""v":2"#),
            );
            vec![(Kind::NewerRecord, None, None)]
        }
        Damage::NewerKind => {
            let newer = record(held).replace(r#""v":1"#, r#""v":1,"kind":"lent""#);
            put(owner_key(&owner), &newer);
            vec![(Kind::NewerRecord, None, None)]
        }
    }
}

proptest! {
    #[test]
    fn in_a_store_that_fits_nothing_is_found(hosts in hosts()) {
        prop_assert_eq!(compare(&store_of(&hosts)), vec![]);
    }

    #[test]
    fn each_damage_is_found_and_nothing_else(hosts in hosts(), which in 0..ALL.len()) {
        let mut entries = store_of(&hosts);
        let expected = damage(&mut entries, &hosts, ALL[which]);
        prop_assert_eq!(compare(&entries), expected, "{:?}", ALL[which]);
    }

    #[test]
    fn nothing_that_stands_in_a_store_makes_it_panic(
        hosts in hosts(), keys in prop::collection::vec(".{0,40}", 0..8), value in ".{0,60}",
    ) {
        let mut entries = store_of(&hosts);
        for (place, key) in ["addr/", "owner/", "range/", ""].into_iter().cycle().zip(keys) {
            entries.insert(format!("{DEFAULT_PREFIX}/v1/{place}{key}"), value.clone());
        }
        let _ = compare(&entries);
    }
}

#[test]
fn an_address_is_never_deleted_that_a_record_claims() {
    // Its key names a holder without a record, but another record claims it.
    let mut entries = store_of(&[vec![5], vec![6]]);
    entries.remove(&owner_key(&name(1)));
    entries.insert(address_key(5), name(1));
    let found = compare(&entries);
    assert!(
        found.contains(&(Kind::Duplicate, Some(address(5)), None)),
        "{found:?}"
    );
    let orphans = found
        .iter()
        .filter(|(kind, ..)| *kind == Kind::OrphanedAddress);
    assert_eq!(
        orphans.map(|(_, address, _)| *address).collect::<Vec<_>>(),
        [Some(address(6))]
    );
}

#[test]
fn a_missing_address_that_two_claim_is_given_to_neither() {
    let mut entries = store_of(&[vec![5], vec![6]]);
    entries.insert(owner_key(&name(1)), record(&[5, 6]));
    entries.remove(&address_key(5));
    let two = (Kind::Duplicate, Some(address(5)), None);
    assert_eq!(compare(&entries), [two, two]);
}

#[test]
fn an_unreadable_record_may_hold_what_names_it() {
    let mut entries = store_of(&[vec![5, 6], vec![7]]);
    entries.insert(owner_key(&name(0)), "garbage".into());
    assert_eq!(
        compare(&entries),
        [(Kind::Unreadable, None, Some(Repair::DeleteKey))]
    );
}

#[test]
fn ranges_that_cannot_both_be_right_are_remarked() {
    let mut entries = store_of(&[vec![5], vec![6]]);
    entries.extend([range(10, 20, 1)]);
    assert_eq!(compare(&entries), []);
    entries.extend([range(100, 120, 99)]);
    assert_eq!(compare(&entries), [(Kind::OverlappingRanges, None, None)]);
}

#[test]
fn only_where_ranges_are_known_something_lies_outside() {
    let mut entries = store_of(&[vec![5], vec![200]]);
    entries.remove(&range(1, 254, 1).0);
    assert_eq!(compare(&entries), []);
    entries.extend([range(1, 100, 1)]);
    assert_eq!(
        compare(&entries),
        [(Kind::OutsideRanges, Some(address(200)), None)]
    );
}
