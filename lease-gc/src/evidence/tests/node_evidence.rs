//! What a node proves: that it booted again, is gone or is off.

use store::record::Kind;

use super::build::{
    NodeExt as _, OwnerExt as _, PodExt as _, at, not_ready, pod, ready, record, tainted,
};
use super::world::{check, kept, world};
use crate::evidence::Evidence::{NodeGone, OutOfService, PodGone, Rebooted};
use crate::evidence::Finding::{Alive, Suspect};
use crate::evidence::KeepReason;

#[test]
fn rebooted_when_its_ready_node_runs_in_another_boot() {
    let booted = || ready("a").boot("boot-2");
    check([
        (
            "not Ready: it may not have said that it runs in the record's boot",
            world([not_ready("a").boot("boot-2")], []),
            record(),
            kept(KeepReason::NodeNotReady),
        ),
        (
            "last reported before the record was made: the record may be of a newer boot",
            world([booted().reported_at(Some(at("10:00:00")))], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "imported, of the boot before",
            world([booted()], [pod("u1")]),
            record().kind(Kind::Imported).started(0),
            Suspect(Rebooted),
        ),
        (
            "does not say when it last reported",
            world([booted().reported_at(None)], [pod("u1")]),
            record(),
            Suspect(Rebooted),
        ),
        (
            "machine not known to the node",
            world([booted().machine("")], []),
            record(),
            Suspect(Rebooted),
        ),
        (
            "machine not known to the record",
            world([booted()], []),
            record().machine(""),
            Suspect(Rebooted),
        ),
        (
            "another machine under the name: only that the pod is gone counts",
            world([booted().machine("machine-x")], []),
            record(),
            Suspect(PodGone),
        ),
        (
            "another machine, pod listed",
            world([booted().machine("machine-x")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "another machine, no pod named",
            world([booted().machine("machine-x")], []),
            record().pod("", "", ""),
            kept(KeepReason::MachineReplaced),
        ),
        (
            "boot not known to the node",
            world([booted().boot("")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "boot not known to the record",
            world([booted()], [pod("u1")]),
            record().boot(""),
            Alive,
        ),
        (
            "the same boot",
            world([ready("a")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "another node booted",
            world([ready("a"), ready("b").boot("boot-2")], [pod("u1")]),
            record(),
            Alive,
        ),
    ]);
}

#[test]
fn a_reboot_overrules_that_its_pod_is_listed_there_but_not_that_it_names_the_address() {
    let booted = || ready("a").boot("boot-2");
    check([
        (
            "pod gone",
            world([booted()], []),
            record(),
            Suspect(Rebooted),
        ),
        (
            "pod listed on that very node: it will get new containers",
            world([booted()], [pod("u1")]),
            record(),
            Suspect(Rebooted),
        ),
        (
            "pod listed elsewhere",
            world([booted()], [pod("u1").on("b")]),
            record(),
            Alive,
        ),
        (
            "pod listed and not bound",
            world([booted()], [pod("u1").on("")]),
            record(),
            Alive,
        ),
        (
            "its own pod names the address: no reboot overrules that",
            world([booted()], [pod("u1").naming("10.0.0.5")]),
            record(),
            Alive,
        ),
        (
            "its finished pod names nothing any more",
            world([booted()], [pod("u1").naming("10.0.0.5").finished()]),
            record(),
            Suspect(Rebooted),
        ),
        (
            "no pod named at all: no container survives a reboot",
            world([booted()], []),
            record().pod("", "", ""),
            Suspect(Rebooted),
        ),
        (
            "no uid, a pod of the name bound there",
            world([booted()], [pod("u9")]),
            record().uid(""),
            Suspect(Rebooted),
        ),
        (
            "no uid, a pod of the name elsewhere",
            world([booted()], [pod("u9").on("b")]),
            record().uid(""),
            Alive,
        ),
    ]);
}

#[test]
fn node_gone_when_its_node_was_seen_and_went() {
    check([
        ("went", world([], []).seen("a"), record(), Suspect(NodeGone)),
        (
            "never seen in this leadership",
            world([], []),
            record(),
            kept(KeepReason::NodeUnknown),
        ),
        (
            "another one went",
            world([], []).seen("b"),
            record(),
            kept(KeepReason::NodeUnknown),
        ),
        (
            "it came back",
            world([not_ready("a")], []).seen("a"),
            record(),
            kept(KeepReason::NodeNotReady),
        ),
        (
            "its pod is listed, wherever",
            world([], [pod("u1").on("b")]).seen("a"),
            record(),
            Alive,
        ),
        (
            "no uid: nothing says that the pod went",
            world([], []).seen("a"),
            record().uid(""),
            kept(KeepReason::NodeGoneWithoutUid),
        ),
        (
            "no node's name",
            world([], []).seen(""),
            record().node(""),
            kept(KeepReason::NodeUnknown),
        ),
        (
            "no node's name, and a node without one",
            world([ready("")], []).seen(""),
            record().node(""),
            kept(KeepReason::NodeUnknown),
        ),
    ]);
}

#[test]
fn out_of_service_when_an_operator_says_so_of_a_node_that_is_not_ready() {
    check([
        (
            "said after it failed",
            world([tainted("a")], []),
            record(),
            Suspect(OutOfService),
        ),
        (
            "said in the very second",
            world([tainted("a").tainted_at(Some(at("12:00:00")))], []),
            record(),
            Suspect(OutOfService),
        ),
        (
            "the node is Ready again, the taint forgotten",
            world([ready("a").tainted_at(Some(at("12:01:00")))], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "said in an earlier outage",
            world([tainted("a").tainted_at(Some(at("11:59:59")))], []),
            record(),
            kept(KeepReason::TaintOutdated),
        ),
        (
            "not said when",
            world([tainted("a").tainted_at(None)], []),
            record(),
            kept(KeepReason::TaintUndated),
        ),
        (
            "not said when, but seen without the taint since it failed",
            world([tainted("a").tainted_at(None)], []).seen_as(not_ready("a")),
            record(),
            Suspect(OutOfService),
        ),
        (
            "not said when, and seen without the taint in an earlier outage only",
            world([tainted("a").tainted_at(None)], [])
                .seen_as(not_ready("a").since(Some(at("11:00:00")))),
            record(),
            kept(KeepReason::TaintUndated),
        ),
        (
            "not said when, and seen without the taint while it was Ready only",
            world([tainted("a").tainted_at(None)], []).seen("a"),
            record(),
            kept(KeepReason::TaintUndated),
        ),
        (
            "not known when it failed",
            world([tainted("a").since(None)], []),
            record(),
            kept(KeepReason::TaintUndated),
        ),
        (
            "of another boot than the last reported",
            world([tainted("a")], []),
            record().boot("boot-2"),
            kept(KeepReason::OtherBoot),
        ),
        (
            "boot not known to the record",
            world([tainted("a")], []),
            record().boot(""),
            kept(KeepReason::BootUnknown),
        ),
        (
            "boot not known to the node",
            world([tainted("a").boot("")], []),
            record(),
            kept(KeepReason::BootUnknown),
        ),
        (
            "its pod is listed still",
            world([tainted("a")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "no uid, no pod of the name",
            world([tainted("a")], []),
            record().uid(""),
            Suspect(OutOfService),
        ),
        (
            "no uid, a pod of the name",
            world([tainted("a")], [pod("u9").on("b")]),
            record().uid(""),
            Alive,
        ),
        (
            "no pod named at all: the machine is off",
            world([tainted("a")], []),
            record().pod("", "", ""),
            Suspect(OutOfService),
        ),
    ]);
}
