//! When suspiciously many deaths stop the releases.

use store::inspect::Owner;

use super::build::{OwnerExt as _, record};
use crate::evidence::{Breaker, BreakerKind, Evidence, Policy, Tripped};

/// `count` records on node `a`, the first of them named `c<from>`.
fn owners(from: usize, count: usize) -> Vec<Owner> {
    let names = from..from + count;
    names
        .map(|name| record().container(&format!("c{name}")))
        .collect()
}

/// One record on each of `count` nodes.
fn on_nodes(count: usize) -> Vec<Owner> {
    (0..count)
        .map(|node| record().node(&format!("n{node}")))
        .collect()
}

/// A sweep in which these records are confirmed dead.
fn count(breaker: &mut Breaker, owners: &[Owner], evidence: Evidence) {
    breaker.begin();
    for owner in owners {
        breaker.count(owner, evidence);
    }
}

/// As [`count`], in a cluster of 100 records and 10 nodes.
fn check(breaker: &mut Breaker, owners: &[Owner], evidence: Evidence) -> Vec<Tripped> {
    count(breaker, owners, evidence);
    breaker.check(100, 10, &Policy::default())
}

fn tripped(kind: BreakerKind, found: u64, limit: u64) -> Vec<Tripped> {
    vec![Tripped { kind, found, limit }]
}

#[test]
fn more_than_ten_gone_pods_trip_where_five_percent_are_fewer() {
    for evidence in [Evidence::PodGone, Evidence::NameGone] {
        assert_eq!(check(&mut Breaker::default(), &owners(0, 10), evidence), []);
        let trips = check(&mut Breaker::default(), &owners(0, 11), evidence);
        assert_eq!(trips, tripped(BreakerKind::Pods, 11, 10));
    }
}

#[test]
fn more_than_five_percent_of_the_records_trip_where_these_are_more_than_ten() {
    let policy = Policy::default();
    for (dead, expected) in [(50, vec![]), (51, tripped(BreakerKind::Pods, 51, 50))] {
        let mut breaker = Breaker::default();
        count(&mut breaker, &owners(0, dead), Evidence::PodGone);
        // A twentieth of 1019 is 50.95.
        let trips = breaker.check(1019, 10, &policy);
        assert_eq!(trips, expected);
    }
}

#[test]
fn more_than_two_nodes_trip_however_many_records_they_have() {
    for evidence in [
        Evidence::Rebooted,
        Evidence::NodeGone,
        Evidence::OutOfService,
    ] {
        let mut two_nodes = owners(0, 40);
        two_nodes.extend(on_nodes(1));
        assert_eq!(check(&mut Breaker::default(), &two_nodes, evidence), []);
        let trips = check(&mut Breaker::default(), &on_nodes(3), evidence);
        assert_eq!(trips, tripped(BreakerKind::Nodes, 3, 2));
    }
}

#[test]
fn each_kind_trips_alone_and_superseded_records_never() {
    let mut breaker = Breaker::default();
    for owner in owners(0, 11) {
        breaker.count(&owner, Evidence::PodGone);
    }
    for owner in on_nodes(3) {
        breaker.count(&owner, Evidence::Rebooted);
    }
    let trips = breaker.check(100, 10, &Policy::default());
    let kinds: Vec<_> = trips.iter().map(|tripped| tripped.kind).collect();
    assert_eq!(kinds, BreakerKind::ALL);
    assert_eq!(
        check(
            &mut Breaker::default(),
            &owners(0, 99),
            Evidence::Superseded
        ),
        []
    );
}

#[test]
fn it_stays_tripped_until_what_tripped_it_is_gone() {
    let mut breaker = Breaker::default();
    for _ in 0..3 {
        assert_eq!(
            check(&mut breaker, &owners(0, 11), Evidence::PodGone).len(),
            1
        );
    }
    // One of them turned out to be alive.
    assert_eq!(check(&mut breaker, &owners(1, 10), Evidence::PodGone), []);
}

#[test]
fn what_passed_and_waits_for_its_release_is_not_counted_again() {
    let mut breaker = Breaker::default();
    assert_eq!(check(&mut breaker, &owners(0, 8), Evidence::PodGone), []);
    assert_eq!(check(&mut breaker, &owners(0, 16), Evidence::PodGone), []);
    let trips = check(&mut breaker, &owners(0, 27), Evidence::PodGone);
    assert_eq!(trips, tripped(BreakerKind::Pods, 11, 10));
    // It stands, and what passed before is remembered.
    let trips = check(&mut breaker, &owners(0, 27), Evidence::PodGone);
    assert_eq!(trips, tripped(BreakerKind::Pods, 11, 10));
}

#[test]
fn what_comes_back_is_counted_again() {
    let mut breaker = Breaker::default();
    assert_eq!(check(&mut breaker, &owners(0, 8), Evidence::PodGone), []);
    assert_eq!(check(&mut breaker, &[], Evidence::PodGone), []);
    let trips = check(&mut breaker, &owners(0, 12), Evidence::PodGone);
    assert_eq!(trips, tripped(BreakerKind::Pods, 12, 10));
}

#[test]
fn a_ratio_that_is_none_leaves_the_fixed_limits() {
    for breaker_ratio in [f64::NAN, -1.0, 0.0] {
        let policy = Policy {
            breaker_ratio,
            ..Policy::default()
        };
        let mut breaker = Breaker::default();
        count(&mut breaker, &owners(0, 11), Evidence::PodGone);
        assert_eq!(breaker.check(1_000_000, 10, &policy).len(), 1);
    }
}

#[test]
fn what_a_void_sweep_counted_is_forgotten() {
    let mut breaker = Breaker::default();
    count(&mut breaker, &owners(0, 11), Evidence::PodGone);
    assert_eq!(check(&mut breaker, &owners(11, 10), Evidence::PodGone), []);
}
