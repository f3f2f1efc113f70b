//! What a pod proves: that it is gone, or that it has a newer container.

use store::record::Kind;

use super::build::{
    NodeExt as _, OwnerExt as _, PodExt as _, not_ready, pod, ready, record, tainted,
};
use super::world::{check, check_among, kept, world};
use crate::evidence::Evidence::{NameGone, PodGone, Rebooted, Superseded};
use crate::evidence::Finding::{Alive, Suspect};
use crate::evidence::KeepReason;

#[test]
fn pod_gone_when_its_uid_is_not_listed_and_its_node_is_ready() {
    check([
        ("gone", world([ready("a")], []), record(), Suspect(PodGone)),
        (
            "a pod re-created under the name is another one",
            world([ready("a")], [pod("u2")]),
            record(),
            Suspect(PodGone),
        ),
        (
            "an adopted record goes as any other",
            world([ready("a")], []),
            record().kind(Kind::Adopted),
            Suspect(PodGone),
        ),
        (
            "an imported record goes as any other",
            world([ready("a")], []),
            record().kind(Kind::Imported).started(0),
            Suspect(PodGone),
        ),
        (
            "a boot not known is no matter",
            world([ready("a")], []),
            record().boot(""),
            Suspect(PodGone),
        ),
        (
            "node not Ready",
            world([not_ready("a")], []),
            record(),
            kept(KeepReason::NodeNotReady),
        ),
        (
            "node of unknown readiness",
            world([not_ready("a").since(None)], []),
            record(),
            kept(KeepReason::NodeNotReady),
        ),
        (
            "no such node",
            world([ready("b")], []),
            record(),
            kept(KeepReason::NodeUnknown),
        ),
        (
            "no namespace: the API cannot be asked again",
            world([ready("a")], []),
            record().pod("", "web", "u1"),
            kept(KeepReason::NoPodName),
        ),
        (
            "no name",
            world([ready("a")], []),
            record().pod("shop", "", "u1"),
            kept(KeepReason::NoPodName),
        ),
        (
            "of a kind not known",
            world([ready("a")], []),
            record().kind(Kind::Other("lent".into())),
            kept(KeepReason::KindUnknown),
        ),
    ]);
}

#[test]
fn name_gone_when_a_record_without_uid_has_no_pod_of_its_name() {
    let without_uid = || record().uid("");
    check([
        (
            "gone",
            world([ready("a")], []),
            without_uid(),
            Suspect(NameGone),
        ),
        (
            "a pod of the name",
            world([ready("a")], [pod("u9")]),
            without_uid(),
            Alive,
        ),
        (
            "a pod of the name on another node",
            world([ready("a")], [pod("u9").on("b")]),
            without_uid(),
            Alive,
        ),
        (
            "a finished pod of the name",
            world([ready("a")], [pod("u9").finished()]),
            without_uid(),
            Alive,
        ),
        (
            "the name in another namespace",
            world([ready("a")], [pod("u9").called("x", "web")]),
            without_uid(),
            Suspect(NameGone),
        ),
        (
            "another name in the namespace",
            world([ready("a")], [pod("u9").called("shop", "x")]),
            without_uid(),
            Suspect(NameGone),
        ),
        (
            "node not Ready",
            world([not_ready("a")], []),
            without_uid(),
            kept(KeepReason::NodeNotReady),
        ),
        (
            "no name",
            world([ready("a")], []),
            record().pod("shop", "", ""),
            kept(KeepReason::NoPodName),
        ),
        (
            "nothing at all",
            world([ready("a")], []),
            record().pod("", "", ""),
            kept(KeepReason::NoPodName),
        ),
    ]);
}
#[test]
fn superseded_when_another_add_of_the_same_started_later() {
    let newer = || record().container("c2").started(2000).holds("10.0.0.6");
    let at_home = || world([ready("a")], [pod("u1").naming("10.0.0.6")]);
    check_among([
        (
            "newer",
            at_home(),
            vec![record(), newer()],
            Suspect(Superseded),
        ),
        (
            "the newer one itself is not",
            at_home(),
            vec![newer(), record()],
            Alive,
        ),
        (
            "started at the same time",
            at_home(),
            vec![record(), newer().started(1000)],
            Alive,
        ),
        (
            "started earlier, whenever it was committed",
            at_home(),
            vec![record(), newer().started(999)],
            Alive,
        ),
        (
            "its own start not known",
            at_home(),
            vec![record().started(0), newer()],
            Alive,
        ),
        (
            "an adopted record is never newer",
            at_home(),
            vec![record(), newer().kind(Kind::Adopted)],
            Alive,
        ),
        (
            "nor an imported one",
            at_home(),
            vec![record(), newer().kind(Kind::Imported)],
            Alive,
        ),
        (
            "nor one of a kind not known",
            at_home(),
            vec![record(), newer().kind(Kind::Other("lent".into()))],
            Alive,
        ),
        (
            "of a kind not known itself",
            at_home(),
            vec![record().kind(Kind::Other("lent".into())), newer()],
            Alive,
        ),
        (
            "of another pod",
            at_home(),
            vec![record(), newer().uid("u2")],
            Alive,
        ),
        (
            "of another interface",
            at_home(),
            vec![record(), newer().interface("net2")],
            Alive,
        ),
        (
            "of another boot",
            at_home(),
            vec![record(), newer().boot("boot-0")],
            Alive,
        ),
        (
            "of another network",
            at_home(),
            vec![record(), newer().with(|name, _| name.network = "x".into())],
            Alive,
        ),
        (
            "two records without a uid have nothing in common",
            at_home(),
            vec![record().uid(""), newer().uid("")],
            Alive,
        ),
    ]);
}

#[test]
fn superseded_only_where_its_node_is_ready_in_that_boot_and_no_pod_names_the_address() {
    let newer = || record().container("c2").started(2000).holds("10.0.0.6");
    check_among([
        (
            "both of an earlier boot: that is a reboot",
            world([ready("a").boot("boot-2")], [pod("u1")]),
            vec![record(), newer()],
            Suspect(Rebooted),
        ),
        (
            "neither the node nor the records tell a boot",
            world([ready("a").boot("")], [pod("u1")]),
            vec![record().boot(""), newer().boot("")],
            Alive,
        ),
        (
            "the node does not tell its boot",
            world([ready("a").boot("")], [pod("u1")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "its pod names its address",
            world([ready("a")], [pod("u1").naming("10.0.0.5")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "another pod names its address",
            world([ready("a")], [pod("u1"), pod("u2").naming("10.0.0.5")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "its pod is bound elsewhere",
            world([ready("a")], [pod("u1").on("b")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "node not Ready",
            world([not_ready("a")], [pod("u1")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "node out of service",
            world([tainted("a")], [pod("u1")]),
            vec![record(), newer()],
            Alive,
        ),
        (
            "node gone",
            world([], [pod("u1")]).seen("a"),
            vec![record(), newer()],
            Alive,
        ),
        (
            "of a pod that is gone as well",
            world([ready("a")], []),
            vec![record(), newer()],
            Suspect(Superseded),
        ),
    ]);
}
