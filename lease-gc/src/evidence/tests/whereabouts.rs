//! The cases in which the collector of Whereabouts is tested or errs, as that project's tests and
//! code show them. There identity is the pod's name; here a record has its pod's uid.

use store::inspect::Owner;

use super::build::{OwnerExt as _, PodExt as _, pod, ready, record};
use super::world::world;
use crate::evidence::Evidence::{NameGone, PodGone, Superseded};
use crate::evidence::Finding::{self, Alive, Suspect};
use crate::evidence::KeepReason;
use crate::pods::Pod;

/// A record of the pod `default/<name>`, whose uid is its name.
fn held(address: &str, name: &str) -> Owner {
    record()
        .container(&format!("{name}-{address}"))
        .pod("default", name, name)
        .holds(address)
}

/// The running pod `default/<name>`.
fn running(name: &str) -> Pod {
    pod(name).called("default", name)
}

struct Case {
    id: &'static str,
    pods: Vec<Pod>,
    records: Vec<Owner>,
    found: Vec<Finding>,
}

fn case<const P: usize, const R: usize>(
    id: &'static str,
    pods: [Pod; P],
    records: [(Owner, Finding); R],
) -> Case {
    let (records, found) = records.into_iter().unzip();
    Case {
        id,
        pods: pods.into(),
        records,
        found,
    }
}

fn check(cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        let world = world([ready("a")], case.pods);
        assert_eq!(world.judge(&case.records), case.found, "{}", case.id);
    }
}

#[test]
fn the_dead_are_found_and_the_living_kept() {
    check([
        case(
            "gc-pod-gone",
            [],
            [(held("10.200.1.1", "g1-gone"), Suspect(PodGone))],
        ),
        case(
            "gc-one-live-one-dead",
            [running("g2-live").naming("10.200.2.2")],
            [
                (held("10.200.2.1", "g2-dead"), Suspect(PodGone)),
                (held("10.200.2.2", "g2-live"), Alive),
            ],
        ),
        case(
            "gc-overlap-record-of-dead-pod",
            [
                running("g4-b").naming("10.200.4.2"),
                running("g4-c").naming("10.200.4.3"),
            ],
            [
                (held("10.200.4.1", "g4-dead"), Suspect(PodGone)),
                (held("10.200.4.2", "g4-b"), Alive),
                (held("10.200.4.3", "g4-c"), Alive),
            ],
        ),
        case(
            "gc-v6-live",
            [running("g5").naming("fd00:200:1::2")],
            [(held("fd00:200:1::2", "g5"), Alive)],
        ),
        case(
            "gc-nothing-to-do",
            [running("g8").naming("10.200.7.1")],
            [(held("10.200.7.1", "g8"), Alive)],
        ),
        case(
            "gc-multi-networks",
            [running("g9").naming("10.200.8.1").naming("10.200.8.2")],
            [
                (held("10.200.8.1", "g9"), Alive),
                (held("10.200.8.2", "g9"), Alive),
            ],
        ),
        case(
            "gc-v6-high-half",
            [running("g19").naming("fd00:200:2:0:8000::1")],
            [(held("fd00:200:2:0:8000::1", "g19"), Alive)],
        ),
    ]);
}

#[test]
fn of_two_records_of_one_live_pod_the_older_add_goes() {
    check([
        case(
            "gc-same-podref-two-entries",
            [running("g3").naming("10.200.3.1")],
            [
                (held("10.200.3.1", "g3").started(2000), Alive),
                (held("10.200.3.2", "g3").started(1000), Suspect(Superseded)),
            ],
        ),
        case(
            "gc-same-podref-two-entries: two interfaces, the annotation lacks one",
            [running("g3").naming("10.200.3.1")],
            [
                (held("10.200.3.1", "g3").started(2000), Alive),
                (held("10.200.3.2", "g3").interface("net2"), Alive),
            ],
        ),
    ]);
}

#[test]
fn a_listed_pod_lives_whatever_its_annotations_say() {
    let address = "10.200.5.1";
    let lives = |id, pod: Pod| case(id, [pod], [(held(address, "g"), Alive)]);
    check([
        lives("gc-pending-without-ip", running("g")),
        lives("gc-pending-with-ip", running("g").naming(address)),
        lives("gc-default-network-skipped", running("g").pod_ip(address)),
        lives("gc-invalid-annotation", running("g")),
        lives("gc-no-annotation", running("g")),
        lives("gc-ip-mismatch", running("g").naming("10.200.12.99")),
        lives(
            "gc-taint-manager",
            running("g").terminating().naming(address),
        ),
        lives("gc-other-disruption", running("g").naming(address)),
        lives("gc-network-name-records", running("g").naming(address)),
        // A finished pod's sandbox may be stuck with the address in it: its uid must go first.
        lives("gc-succeeded-pod", running("g").finished().naming(address)),
    ]);
}

#[test]
fn a_record_that_names_no_pod_is_kept() {
    check([
        case(
            "gc-empty-podref",
            [],
            [(
                held("10.200.16.1", "").pod("", "", ""),
                Finding::Kept(KeepReason::NoPodName),
            )],
        ),
        case(
            "gc-pod-gone: as Whereabouts has it, by name only",
            [],
            [(held("10.200.1.1", "g1-gone").uid(""), Suspect(NameGone))],
        ),
    ]);
}
