//! When a record is alive, and when another pod names its address.

use store::record::Kind;

use super::build::{
    NodeExt as _, OwnerExt as _, PodExt as _, not_ready, pod, ready, record, tainted,
};
use super::world::{check, world};
use crate::evidence::Conflict;
use crate::evidence::Evidence::{PodGone, Rebooted};
use crate::evidence::Finding::{self, Alive, Suspect};

fn conflict(namespace: &str, name: &str, uid: &str) -> Finding {
    Finding::Conflict(Conflict {
        namespace: namespace.into(),
        name: name.into(),
        uid: uid.into(),
        address: "10.0.0.5".parse().unwrap(),
    })
}

#[test]
fn alive_while_the_api_lists_its_uid() {
    let node = || ready("a");
    check([
        ("running", world([node()], [pod("u1")]), record(), Alive),
        (
            "under another name: the uid is what counts",
            world([node()], [pod("u1").called("x", "y")]),
            record(),
            Alive,
        ),
        (
            "finished: its sandbox may stand still",
            world([node()], [pod("u1").finished()]),
            record(),
            Alive,
        ),
        (
            "terminating",
            world([node()], [pod("u1").terminating()]),
            record(),
            Alive,
        ),
        (
            "on a node that is not Ready",
            world([not_ready("a")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "on a node out of service",
            world([tainted("a")], [pod("u1")]),
            record(),
            Alive,
        ),
        (
            "whose node is gone",
            world([], [pod("u1")]).seen("a"),
            record(),
            Alive,
        ),
        (
            "though another pod names its address",
            world([node()], [pod("u1"), pod("u2").naming("10.0.0.5")]),
            record(),
            Alive,
        ),
        (
            "a record of a kind not known",
            world([node()], [pod("u1")]),
            record().kind(Kind::Other("lent".into())),
            Alive,
        ),
        (
            "an imported record",
            world([node()], [pod("u1")]),
            record().kind(Kind::Imported).started(0),
            Alive,
        ),
        (
            "an adopted record",
            world([node()], [pod("u1")]),
            record().kind(Kind::Adopted),
            Alive,
        ),
    ]);
}

#[test]
fn alive_while_a_mirror_pod_shows_its_config_hash() {
    let mirror = || pod("api-uid").mirroring("hash");
    check([
        (
            "the runtime passed the hash",
            world([ready("a")], [mirror()]),
            record().uid("hash"),
            Alive,
        ),
        (
            "even where the mirror has finished",
            world([ready("a")], [mirror().finished()]),
            record().uid("hash"),
            Alive,
        ),
        (
            "but not a pod without such an annotation",
            world([ready("a")], [pod("api-uid")]),
            record().uid("hash"),
            Suspect(PodGone),
        ),
        (
            "and a reboot still counts",
            world([ready("a").boot("boot-2")], [mirror()]),
            record().uid("hash"),
            Suspect(Rebooted),
        ),
    ]);
}

#[test]
fn alive_or_a_conflict_while_an_unfinished_pod_names_its_address() {
    let other = || pod("u2").called("shop", "other");
    check([
        (
            "another pod's annotation",
            world([ready("a")], [other().naming("10.0.0.5")]),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "another pod's podIPs",
            world([ready("a")], [other().pod_ip("10.0.0.5")]),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "a pod re-created under the name is another one",
            world([ready("a")], [pod("u2").naming("10.0.0.5")]),
            record(),
            conflict("shop", "web", "u2"),
        ),
        (
            "a terminating pod has it still",
            world([ready("a")], [other().naming("10.0.0.5").terminating()]),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "not even a reboot overrules it",
            world([ready("a").boot("boot-2")], [other().naming("10.0.0.5")]),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "nor an outage",
            world([tainted("a")], [other().naming("10.0.0.5")]),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "nor that the node went",
            world([], [other().naming("10.0.0.5")]).seen("a"),
            record(),
            conflict("shop", "other", "u2"),
        ),
        (
            "without a uid, the pod of that name is the same",
            world([ready("a")], [pod("u9").naming("10.0.0.5")]),
            record().uid(""),
            Alive,
        ),
        (
            "without a uid, a pod of another name is another",
            world([ready("a")], [other().naming("10.0.0.5")]),
            record().uid(""),
            conflict("shop", "other", "u2"),
        ),
        (
            "a record that names no pod",
            world([ready("a")], [other().naming("10.0.0.5")]),
            record().pod("", "", ""),
            conflict("shop", "other", "u2"),
        ),
        (
            "a finished pod names nothing",
            world([ready("a")], [other().naming("10.0.0.5").finished()]),
            record(),
            Suspect(PodGone),
        ),
        (
            "another address is none of its",
            world([ready("a")], [other().naming("10.0.0.6")]),
            record(),
            Suspect(PodGone),
        ),
    ]);
}
