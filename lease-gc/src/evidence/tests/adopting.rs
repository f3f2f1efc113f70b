//! Which live addresses are found to be missing in the store, and what is written for them.

use std::collections::HashSet;

use proptest::prelude::*;
use store::address::{Address, Network};
use store::names::Space;
use store::range::{Range, Span};
use store::record::{HeldAddress, Kind};

use super::build::{OwnerExt as _, PodExt as _, not_ready, pod, ready, record, space};
use super::world::{World, world};
use crate::evidence::Finding;
use crate::evidence::adoption::{Missing, Place, Ranges, missing, records};

fn range(network: &str, length: u8) -> Range {
    let network = Network::new(network.parse().unwrap(), length).unwrap();
    Range::new(
        network,
        network.into(),
        Some(network.first().checked_add(1).unwrap()),
        vec![],
    )
}

fn private(name: &str, network: &str, length: u8) -> (Space, Range) {
    let range = range(network, length);
    (Space::Private(name.into(), range.network()), range)
}

fn ranges() -> Ranges {
    Ranges::new([
        (space(), range("10.0.0.0", 24)),
        (space(), range("fd00::", 64)),
        private("one", "10.9.0.0", 24),
        private("two", "10.9.0.0", 16),
    ])
}

fn found<'a>(world: &'a World, ranges: &Ranges) -> Missing<'a> {
    missing(&world.living, ranges, |_, _| false)
}

fn addresses(missing: &Missing<'_>) -> Vec<String> {
    let held = missing.candidates.iter().map(|candidate| &candidate.held);
    held.map(|held| held.address.to_string()).collect()
}

#[test]
fn an_address_that_a_live_pod_names_and_no_record_holds_is_missing() {
    let world = world([ready("a")], [pod("u1").naming("10.0.0.5")]);
    let ranges = ranges();
    let missing = found(&world, &ranges);
    let [candidate] = missing.candidates.as_slice() else {
        panic!("{missing:?}");
    };
    assert_eq!(
        candidate.held,
        HeldAddress {
            space: space(),
            address: "10.0.0.5".parse().unwrap(),
            prefix: 24,
            gateway: Some("10.0.0.1".parse().unwrap()),
        }
    );
    assert_eq!((candidate.pod.uid, candidate.network), ("u1", "shop/net"));
    assert_eq!(candidate.interface, "net1");
}

#[test]
fn only_what_a_bound_and_lasting_pod_is_annotated_with_is_missing() {
    let cases = [
        ("finished", pod("u1").naming("10.0.0.5").finished()),
        ("terminating", pod("u1").naming("10.0.0.5").terminating()),
        ("not bound", pod("u1").naming("10.0.0.5").on("")),
        ("in podIPs only", pod("u1").pod_ip("10.0.0.5")),
        ("in no range", pod("u1").naming("10.1.0.5")),
        ("the gateway", pod("u1").naming("10.0.0.1")),
        ("the broadcast address", pod("u1").naming("10.0.0.255")),
    ];
    for (what, pod) in cases {
        let world = world([ready("a")], [pod]);
        assert_eq!(found(&world, &ranges()), Missing::default(), "{what}");
    }
}

#[test]
fn an_address_that_a_record_holds_in_its_space_is_not_missing() {
    let world = world(
        [ready("a")],
        [pod("u1")
            .naming("10.0.0.5")
            .naming("10.9.1.5")
            .naming("fd00::5")],
    );
    let held: HashSet<(Space, Address)> = [
        (space(), "10.0.0.5".parse().unwrap()),
        (space(), "10.9.1.5".parse().unwrap()),
    ]
    .into();
    let ranges = ranges();
    let missing = missing(&world.living, &ranges, |space, address| {
        held.contains(&(space.clone(), address))
    });
    assert_eq!(addresses(&missing), ["10.9.1.5", "fd00::5"]);
}

#[test]
fn an_address_of_two_spaces_is_only_counted() {
    let world = world(
        [ready("a")],
        [pod("u1").naming("10.9.0.5").naming("10.9.1.5")],
    );
    let missing = found(&world, &ranges());
    assert_eq!(missing.ambiguous, 1);
    assert_eq!(addresses(&missing), ["10.9.1.5"]);
}

#[test]
fn an_address_that_two_pods_name_is_missing_once() {
    let (one, two) = (pod("u2").naming("10.0.0.5"), pod("u1").naming("10.0.0.5"));
    let world = world([ready("a")], [one, two]);
    let missing = found(&world, &ranges());
    assert_eq!(missing.candidates.len(), 1);
    assert_eq!(missing.candidates[0].pod.uid, "u1");
}

#[test]
fn an_interface_gets_one_record_with_all_its_addresses() {
    let world = world(
        [ready("a")],
        [
            pod("u1").naming("10.0.0.5").naming("fd00::5"),
            pod("u2").called("shop", "two").naming("10.0.0.6"),
        ],
    );
    let missing = found(&world, &ranges());
    let mut ids = (0..).map(|id| format!("id-{id}"));
    let adopted = records(
        missing.candidates,
        "prod",
        &world.living,
        || ids.next().unwrap(),
        "2026-11-20T13:00:00Z",
    );
    let [(name, adopted), (_, other)] = adopted.as_slice() else {
        panic!("{adopted:?}");
    };
    let owner_key = store::key::holder_name(name);
    assert_eq!(owner_key, "prod/a/shop%2Fnet/adopted-u1/net1");
    let held: Vec<_> = adopted
        .addresses
        .iter()
        .map(|held| held.address.to_string())
        .collect();
    assert_eq!(held, ["10.0.0.5", "fd00::5"]);
    assert_eq!(adopted.kind, Kind::Adopted);
    assert_eq!(adopted.pod.name, "web");
    assert_eq!(adopted.boot.id, "boot-1");
    assert_eq!(adopted.boot.machine, "machine-a");
    assert_eq!(adopted.boot.started_ms, 0);
    assert_ne!(adopted.id, other.id);
}

#[test]
fn the_boot_of_a_node_that_is_not_ready_is_not_believed() {
    let world = world([not_ready("a")], [pod("u1").naming("10.0.0.5")]);
    let missing = found(&world, &ranges());
    let adopted = records(missing.candidates, "prod", &world.living, String::new, "");
    assert_eq!(adopted[0].1.boot.id, "");
}

#[test]
fn an_adopted_record_lives_as_long_as_its_pod_and_supersedes_nothing() {
    let world = world([ready("a")], [pod("u1").naming("10.0.0.5")]);
    let missing = found(&world, &ranges());
    let (name, adopted) = records(
        missing.candidates,
        "default",
        &world.living,
        String::new,
        "",
    )
    .remove(0);
    let adopted = record().with(|attachment, record| {
        *attachment = name;
        *record = adopted;
    });
    let network = adopted.attachment.network.clone();
    let allocated = record()
        .holds("10.0.0.6")
        .with(|name, _| name.network = network);
    let findings = world.judge(&[adopted, allocated]);
    assert_eq!(findings, [Finding::Alive, Finding::Alive]);
}

/// A range of some of 10.0.0.0/28 or of IPv6, in one of two spaces.
fn some_range() -> impl Strategy<Value = (Space, Range)> {
    let ends = (0_u128..16, 0_u128..16, prop::option::of(0_u128..16));
    (any::<bool>(), any::<bool>(), ends).prop_map(|(one, v6, (a, b, exclude))| {
        let base: Address = if v6 { "::" } else { "255.255.255.240" }.parse().unwrap();
        let network = Network::new(base, if v6 { 124 } else { 28 }).unwrap();
        let host = |offset| base.checked_add(offset).unwrap();
        let span = Span::new(host(a.min(b)), host(a.max(b))).unwrap();
        let exclude = exclude.map(|offset| Span::from(host(offset)));
        let name = if one { "one" } else { "two" };
        let range = Range::new(network, span, None, exclude.into_iter().collect());
        (Space::Shared(name.into()), range)
    })
}

proptest! {
    #[test]
    fn an_address_is_placed_as_if_every_range_were_asked(
        ranges in prop::collection::vec(some_range(), 0..6),
    ) {
        let placed = Ranges::new(ranges.clone());
        for base in ["::", "255.255.255.240"] {
            let base: Address = base.parse().unwrap();
            for offset in 0..16 {
                let address = base.checked_add(offset).unwrap();
                let holding: Vec<_> =
                    ranges.iter().filter(|(_, range)| range.contains(address)).collect();
                let expected = match holding.as_slice() {
                    [] => Place::Nowhere,
                    [(space, range), rest @ ..] => {
                        if rest.iter().all(|(other, _)| other == space) {
                            Place::In(space, range)
                        } else {
                            Place::Ambiguous
                        }
                    }
                };
                prop_assert_eq!(placed.place(address), expected, "{}", address);
            }
        }
    }
}
