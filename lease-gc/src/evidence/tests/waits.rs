//! How long each suspicion must stand, and what makes it start anew.

use std::time::Duration;

use store::inspect::Owner;

use super::build::{
    NodeExt as _, OwnerExt as _, PodExt as _, at, not_ready, pod, ready, record, tainted,
};
use super::world::{World, world};
use crate::evidence::Evidence::Superseded;
use crate::evidence::Evidence::{self, NameGone, NodeGone, OutOfService, PodGone, Rebooted};
use crate::evidence::{KeepReason, Marks, Policy, Verdict};
use crate::pods::LeaseState;

use Verdict::Confirmed;

/// The collector's memory, and what it thinks of one record from minute to minute.
#[derive(Default)]
struct Collector {
    marks: Marks,
    policy: Policy,
}

impl Collector {
    fn with(policy: Policy) -> Self {
        let marks = Marks::default();
        Self { marks, policy }
    }

    /// One sweep `minute` minutes after the start; what becomes of the first record.
    fn sweeps_at(&mut self, minute: u64, world: &World, group: &[Owner]) -> Verdict {
        let now = Duration::from_mins(minute);
        let verdicts = world.sweep(&mut self.marks, &self.policy, now, group);
        verdicts.into_iter().next().unwrap()
    }
}

fn waiting(evidence: Evidence, minutes: u64) -> Verdict {
    Verdict::Waiting {
        evidence,
        remaining: Duration::from_mins(minutes),
    }
}

fn impatient() -> Policy {
    Policy {
        grace: Duration::ZERO,
        node_gone_grace: Duration::ZERO,
        ..Policy::default()
    }
}

fn renewed(time: &str) -> LeaseState {
    LeaseState::Renewed(time.into())
}

#[test]
fn a_gone_pod_waits_for_the_grace_period() {
    let (mut collector, gone, group) = (Collector::default(), world([ready("a")], []), [record()]);
    assert_eq!(collector.sweeps_at(5, &gone, &group), waiting(PodGone, 15));
    assert_eq!(collector.sweeps_at(19, &gone, &group), waiting(PodGone, 1));
    assert_eq!(collector.sweeps_at(20, &gone, &group), Confirmed(PodGone));
    assert_eq!(collector.sweeps_at(21, &gone, &group), Confirmed(PodGone));
}

#[test]
fn so_do_a_gone_name_and_a_superseded_record() {
    let newer = record().container("c2").started(2000).holds("10.0.0.6");
    let cases = [
        (NameGone, world([ready("a")], []), vec![record().uid("")]),
        (
            Superseded,
            world([ready("a")], [pod("u1")]),
            vec![record(), newer],
        ),
    ];
    for (evidence, world, group) in cases {
        let mut collector = Collector::default();
        assert_eq!(
            collector.sweeps_at(0, &world, &group),
            waiting(evidence, 15)
        );
        assert_eq!(collector.sweeps_at(15, &world, &group), Confirmed(evidence));
    }
}

#[test]
fn no_grace_still_asks_for_a_second_sweep() {
    let cases = [
        (PodGone, world([ready("a")], []), record()),
        (NameGone, world([ready("a")], []), record().uid("")),
        (
            NodeGone,
            world([], []).seen("a").lease("a", LeaseState::Absent),
            record(),
        ),
        (Rebooted, world([ready("a").boot("boot-2")], []), record()),
    ];
    for (evidence, world, owner) in cases {
        let (mut collector, group) = (Collector::with(impatient()), [owner]);
        assert_eq!(collector.sweeps_at(0, &world, &group), waiting(evidence, 0));
        assert_eq!(collector.sweeps_at(0, &world, &group), Confirmed(evidence));
    }
}

#[test]
fn the_next_sweep_confirms_a_reboot_whatever_the_grace_period() {
    let (mut collector, group) = (Collector::default(), [record()]);
    let booted = world([ready("a").boot("boot-2").since(None)], []);
    assert_eq!(
        collector.sweeps_at(0, &booted, &group),
        waiting(Rebooted, 0)
    );
    assert_eq!(collector.sweeps_at(0, &booted, &group), Confirmed(Rebooted));
}

#[test]
fn out_of_service_is_confirmed_at_once() {
    let verdict = Collector::default().sweeps_at(0, &world([tainted("a")], []), &[record()]);
    assert_eq!(verdict, Confirmed(OutOfService));
}

#[test]
fn a_gone_node_waits_until_its_kubelet_was_silent_for_an_hour() {
    for lease in [renewed("11:00"), LeaseState::Absent] {
        let (mut collector, group) = (Collector::default(), [record()]);
        let gone = world([], []).seen("a").lease("a", lease);
        assert_eq!(collector.sweeps_at(0, &gone, &group), waiting(NodeGone, 60));
        assert_eq!(collector.sweeps_at(59, &gone, &group), waiting(NodeGone, 1));
        assert_eq!(collector.sweeps_at(60, &gone, &group), Confirmed(NodeGone));
    }
}

#[test]
fn a_kubelet_that_renews_its_lease_is_not_silent() {
    let (mut collector, group) = (Collector::default(), [record()]);
    let gone = |lease| world([], []).seen("a").lease("a", lease);
    for (minute, time) in [(0, "11:00"), (40, "11:40"), (80, "12:20")] {
        let verdict = collector.sweeps_at(minute, &gone(renewed(time)), &group);
        assert_eq!(verdict, waiting(NodeGone, 60));
    }
    let verdict = collector.sweeps_at(140, &gone(renewed("12:20")), &group);
    assert_eq!(verdict, Confirmed(NodeGone));
}

#[test]
fn a_lease_that_cannot_be_read_keeps() {
    let unknown = world([], []).seen("a").lease("a", LeaseState::Unknown);
    for gone in [unknown, world([], []).seen("a")] {
        let verdict = Collector::with(impatient()).sweeps_at(0, &gone, &[record()]);
        assert_eq!(verdict, Verdict::Keep(KeepReason::LeaseUnknown));
    }
}

#[test]
fn a_node_that_does_not_say_since_when_it_is_ready_keeps() {
    let undated = world([ready("a").since(None)], []);
    let verdict = Collector::with(impatient()).sweeps_at(0, &undated, &[record()]);
    assert_eq!(verdict, Verdict::Keep(KeepReason::ReadySinceUnknown));
}

#[test]
fn whatever_changes_meanwhile_starts_the_wait_anew() {
    let later = || at("12:10:00");
    let changes: [(&str, World, Owner, Evidence); 6] = [
        (
            "node was not Ready",
            world([ready("a").since(Some(later()))], []),
            record(),
            PodGone,
        ),
        (
            "node reports another boot, the record none",
            world([ready("a").boot("boot-2")], []),
            record().boot(""),
            PodGone,
        ),
        (
            "record written again",
            world([ready("a")], []),
            {
                let mut owner = record();
                owner.judged.mod_revision = 8;
                owner
            },
            PodGone,
        ),
        (
            "record of another life under the same revision",
            world([ready("a")], []),
            record().with(|_, record| record.id = "4567".into()),
            PodGone,
        ),
        (
            "other evidence",
            world([ready("a")], []),
            record().uid(""),
            NameGone,
        ),
        (
            "another container",
            world([ready("a")], []),
            record().container("c2"),
            PodGone,
        ),
    ];
    for (what, changed, owner, evidence) in changes {
        let mut collector = Collector::default();
        let gone = world([ready("a")], []);
        let before = match what {
            "node reports another boot, the record none" => record().boot(""),
            _ => record(),
        };
        collector.sweeps_at(0, &gone, &[before]);
        let group = [owner];
        let verdict = collector.sweeps_at(20, &changed, &group);
        assert_eq!(verdict, waiting(evidence, 15), "{what}");
        let verdict = collector.sweeps_at(35, &changed, &group);
        assert_eq!(verdict, Confirmed(evidence), "{what}");
    }
}

#[test]
fn a_sweep_that_does_not_suspect_forgets() {
    let (mut collector, group) = (Collector::default(), [record()]);
    let gone = || world([ready("a")], []);
    let between = [
        world([ready("a")], [pod("u1")]),
        world([not_ready("a")], []),
        world([ready("a")], [pod("u2").naming("10.0.0.5")]),
    ];
    for (hours, between) in (0..).step_by(60).zip(between) {
        assert_eq!(
            collector.sweeps_at(hours, &gone(), &group),
            waiting(PodGone, 15)
        );
        collector.sweeps_at(hours + 10, &between, &group);
        assert_eq!(
            collector.sweeps_at(hours + 20, &gone(), &group),
            waiting(PodGone, 15)
        );
        collector.sweeps_at(hours + 30, &between, &group);
    }
}

#[test]
fn the_wait_starts_when_the_watch_saw_the_pod_go() {
    let (mut collector, group) = (Collector::default(), [record()]);
    collector.sweeps_at(0, &world([ready("a")], [pod("u1")]), &group);
    let mut gone = world([ready("a")], []);
    gone.deleted.insert("u1".into(), Duration::from_mins(1));
    assert_eq!(collector.sweeps_at(10, &gone, &group), waiting(PodGone, 6));
    assert_eq!(collector.sweeps_at(16, &gone, &group), Confirmed(PodGone));
}

#[test]
fn even_then_two_sweeps_must_miss_the_pod() {
    let (mut collector, group) = (Collector::default(), [record()]);
    collector.sweeps_at(0, &world([ready("a")], [pod("u1")]), &group);
    let mut gone = world([ready("a")], []);
    gone.deleted.insert("u1".into(), Duration::from_mins(1));
    assert_eq!(collector.sweeps_at(30, &gone, &group), waiting(PodGone, 0));
    assert_eq!(collector.sweeps_at(30, &gone, &group), Confirmed(PodGone));
}

#[test]
fn a_deletion_counts_from_when_its_node_was_steady() {
    let (mut collector, group) = (Collector::default(), [record()]);
    collector.sweeps_at(0, &world([ready("a")], [pod("u1")]), &group);
    // The node was away when the pod was deleted, and is back.
    let mut gone = world([ready("a").since(Some(at("12:09:00")))], []);
    gone.deleted.insert("u1".into(), Duration::from_mins(1));
    assert_eq!(collector.sweeps_at(10, &gone, &group), waiting(PodGone, 15));
    assert_eq!(collector.sweeps_at(24, &gone, &group), waiting(PodGone, 1));
    assert_eq!(collector.sweeps_at(25, &gone, &group), Confirmed(PodGone));
}

#[test]
fn a_deletion_that_the_watch_saw_late_prolongs_nothing() {
    let (mut collector, group) = (Collector::default(), [record()]);
    let mut gone = world([ready("a")], []);
    collector.sweeps_at(0, &gone, &group);
    gone.deleted.insert("u1".into(), Duration::from_mins(14));
    assert_eq!(collector.sweeps_at(15, &gone, &group), Confirmed(PodGone));
}

#[test]
fn a_deletion_that_the_watch_saw_proves_nothing_else() {
    let newer = record().container("c2").started(2000).holds("10.0.0.6");
    let gone = |uid: &str| {
        let mut gone = world([ready("a")], []);
        gone.deleted.insert(uid.into(), Duration::ZERO);
        gone
    };
    let cases = [
        (NameGone, gone(""), vec![record().uid("")]),
        (Superseded, gone("u1"), vec![record(), newer]),
    ];
    for (evidence, gone, group) in cases {
        let mut collector = Collector::default();
        collector.sweeps_at(0, &world([ready("a")], [pod("u1")]), &[record()]);
        let verdict = collector.sweeps_at(60, &gone, &group);
        assert_eq!(verdict, waiting(evidence, 15));
    }
}

#[test]
fn what_is_younger_than_the_file_of_pods_is_kept() {
    let file = |clock: &str| {
        let mut world = world([ready("a")], []);
        world.as_of = Some(at(clock).into());
        world
    };
    let young = Verdict::Keep(KeepReason::YoungerThanSource);
    let cases = [
        ("10:15:00", "2026-11-20T10:00:01Z", &young),
        ("09:00:00", "2026-11-20T10:00:01Z", &young),
        ("10:15:00", "2026-11-20T10:00:00Z", &waiting(PodGone, 15)),
        ("23:00:00", "some day", &young),
    ];
    for (as_of, created, expected) in cases {
        let verdict = Collector::default().sweeps_at(0, &file(as_of), &[record().created(created)]);
        assert_eq!(verdict, *expected, "{as_of} {created}");
    }
}
