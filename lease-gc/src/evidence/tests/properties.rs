//! What holds whatever else is true: small worlds in which the same few names, some of them more
//! often than others, meet again and again.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use store::inspect::Owner;
use store::record::Kind;

use super::build::{NodeExt as _, OwnerExt as _, PodExt as _, at, pod, ready, record};
use super::world::{World, world};
use crate::evidence::{Evidence, Finding};
use crate::pods::{Node, Pod};

const NAMES: [&str; 5] = ["a", "a", "a", "b", ""];
const UIDS: [&str; 5] = ["u1", "u1", "u1", "u2", ""];
const BOOTS: [&str; 5] = ["boot-1", "boot-1", "boot-1", "boot-2", ""];
const MACHINES: [&str; 5] = ["machine-1", "machine-1", "machine-1", "machine-2", ""];
const ADDRESSES: [&str; 3] = ["10.0.0.5", "10.0.0.6", "fd00::5"];

fn node() -> impl Strategy<Value = Node> {
    let time = || prop::option::of(select(vec![at("11:00:00"), at("12:00:00"), at("13:00:00")]));
    let condition = (prop::bool::weighted(0.75), time(), prop::option::of(time()));
    (select(&NAMES), select(&BOOTS), select(&MACHINES), condition).prop_map(
        |(name, boot, machine, (is_ready, since, taint))| {
            let mut node = ready(name).boot(boot).machine(machine).since(since);
            node.readiness.ready = is_ready;
            node.out_of_service = taint;
            node
        },
    )
}

fn a_pod() -> impl Strategy<Value = Pod> {
    let names = (
        select(&NAMES),
        select(&NAMES),
        select(&UIDS),
        select(&NAMES),
    );
    let addresses = prop::collection::vec((select(&ADDRESSES), any::<bool>()), 0..2);
    let mirrors = prop::collection::vec(select(&UIDS), 0..2);
    (names, addresses, mirrors, any::<(bool, bool)>()).prop_map(
        |((namespace, name, uid, node), addresses, mirrors, (finished, terminating))| {
            let mut pod = pod(uid).called(namespace, name).on(node);
            for (address, annotated) in addresses {
                pod = if annotated {
                    pod.naming(address)
                } else {
                    pod.pod_ip(address)
                };
            }
            pod.mirrors = mirrors.into_iter().map(str::to_owned).collect();
            pod.finished = finished;
            pod.terminating = terminating;
            pod
        },
    )
}

fn owner() -> impl Strategy<Value = Owner> {
    let kind = prop_oneof![
        4 => Just(Kind::Allocated),
        1 => Just(Kind::Adopted),
        1 => Just(Kind::Imported),
        1 => Just(Kind::Other("lent".into())),
    ];
    let names = (
        select(&NAMES),
        select(&NAMES),
        select(&UIDS),
        select(&NAMES),
    );
    let boot = (select(&BOOTS), select(&MACHINES), 0_u64..4);
    let what = (
        select(&ADDRESSES),
        kind,
        select(vec!["net1", "net2"]),
        0_u8..9,
    );
    (names, boot, what).prop_map(
        |(
            (namespace, name, uid, node),
            (boot, machine, started),
            (address, kind, interface, c),
        )| {
            record()
                .node(node)
                .pod(namespace, name, uid)
                .boot(boot)
                .machine(machine)
                .started(started)
                .kind(kind)
                .interface(interface)
                .container(&format!("c{c}"))
                .holds(address)
        },
    )
}

#[derive(Debug)]
struct Case {
    world: World,
    pods: Vec<Pod>,
    group: Vec<Owner>,
}

fn case() -> impl Strategy<Value = Case> {
    let nodes = prop::collection::vec(node(), 1..4);
    let pods = prop::collection::vec(a_pod(), 0..4);
    let group = prop::collection::vec(owner(), 1..7);
    let seen = prop::collection::btree_set(select(&NAMES).prop_map(str::to_owned), 0..3);
    (nodes, pods, group, seen).prop_map(|(nodes, pods, group, seen)| {
        let names = seen.iter().map(String::as_str);
        let world = names.fold(world(nodes, pods.clone()), World::seen);
        Case { world, pods, group }
    })
}

impl Case {
    /// Each record with what is found about it.
    fn findings(&self) -> impl Iterator<Item = (&Owner, Finding)> {
        self.group.iter().zip(self.world.judge(&self.group))
    }

    /// The pods that are a record's own: by uid or config hash, else by name.
    fn own_pods<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Pod> {
        let wanted = &owner.record.pod;
        self.pods.iter().filter(|pod| {
            if wanted.uid.is_empty() {
                (&pod.namespace, &pod.name) == (&wanted.namespace, &wanted.name)
            } else {
                pod.uid == wanted.uid || pod.mirrors.contains(&wanted.uid)
            }
        })
    }

    /// Whether an unfinished pod names one of a record's addresses.
    fn named(&self, owner: &Owner) -> bool {
        let mut unfinished = self.pods.iter().filter(|pod| !pod.finished);
        unfinished.any(|pod| {
            let held = &owner.record.addresses;
            let names = |address| held.iter().any(|held| held.address == address);
            pod.addresses.iter().any(|named| names(named.address))
        })
    }

    fn node(&self, owner: &Owner) -> Option<&Node> {
        self.world.living.node(&owner.attachment.node)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_record_whose_pod_is_listed_elsewhere_is_never_suspect(case in case()) {
        for (owner, finding) in case.findings() {
            let mut own = case.own_pods(owner).peekable();
            if own.peek().is_some() && own.all(|pod| pod.node != owner.attachment.node) {
                prop_assert_eq!(finding, Finding::Alive);
            }
        }
    }

    #[test]
    fn a_record_whose_pod_is_listed_is_at_most_rebooted_or_superseded(case in case()) {
        for (owner, finding) in case.findings() {
            if case.own_pods(owner).next().is_some() {
                let allowed = [
                    Finding::Alive,
                    Finding::Suspect(Evidence::Rebooted),
                    Finding::Suspect(Evidence::Superseded),
                ];
                prop_assert!(allowed.contains(&finding), "{:?}", finding);
            }
        }
    }

    #[test]
    fn nothing_is_suspect_while_an_unfinished_pod_names_one_of_its_addresses(case in case()) {
        for (owner, finding) in case.findings() {
            if case.named(owner) {
                let kept = matches!(finding, Finding::Alive | Finding::Conflict(_));
                prop_assert!(kept, "{:?}", finding);
            }
        }
    }

    #[test]
    fn a_node_that_is_not_ready_proves_at_most_that_it_is_out_of_service(case in case()) {
        for (owner, finding) in case.findings() {
            if let Finding::Suspect(evidence) = finding {
                let node = case.node(owner);
                let expected = match evidence {
                    Evidence::NodeGone => node.is_none(),
                    Evidence::OutOfService => node.is_some_and(|node| !node.readiness.ready),
                    _ => node.is_some_and(|node| node.readiness.ready),
                };
                prop_assert!(expected, "{evidence} with {node:?}");
            }
        }
    }

    #[test]
    fn a_record_without_uid_is_never_gone_by_uid_nor_superseded(case in case()) {
        for (owner, finding) in case.findings() {
            if owner.record.pod.uid.is_empty() {
                use Evidence::{NodeGone, PodGone, Superseded};
                let by_uid = [PodGone, Superseded, NodeGone].map(Finding::Suspect);
                prop_assert!(!by_uid.contains(&finding), "{:?}", finding);
            }
        }
    }

    #[test]
    fn a_record_that_nothing_is_known_of_is_kept(case in case()) {
        for (owner, finding) in case.findings() {
            let unknown_kind = matches!(owner.record.kind, Kind::Other(_));
            if unknown_kind || owner.attachment.node.is_empty() {
                prop_assert!(!matches!(finding, Finding::Suspect(_)), "{:?}", finding);
            }
        }
    }

    #[test]
    fn the_newest_add_of_a_pod_is_never_superseded(case in case()) {
        for (owner, finding) in case.findings() {
            if finding == Finding::Suspect(Evidence::Superseded) {
                let newer = case.group.iter().any(|other| {
                    other.record.kind == Kind::Allocated
                        && other.record.boot.started_ms > owner.record.boot.started_ms
                        && other.record.pod.uid == owner.record.pod.uid
                        && other.record.boot.id == owner.record.boot.id
                        && other.attachment.interface == owner.attachment.interface
                });
                prop_assert!(newer);
            }
        }
    }
}

/// The properties above would hold of an empty world too: this one is not.
#[test]
fn small_worlds_yield_every_evidence() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut found = std::collections::HashSet::new();
    for _ in 0..2000 {
        let case = case().new_tree(&mut runner).unwrap().current();
        for (_, finding) in case.findings() {
            if let Finding::Suspect(evidence) = finding {
                found.insert(evidence);
            }
        }
    }
    assert_eq!(found.len(), Evidence::ALL.len(), "{found:?}");
}
