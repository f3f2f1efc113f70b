//! What the collector promises.

use super::story::{LEADER, Story, ip, node, record};
use super::{assert_found, assert_passes, found};
use crate::history::{Node, What};

/// A container whose pod went and whose DEL was lost, a while ago.
fn left_behind(wait: u64) -> Story {
    let mut story = Story::new();
    story
        .pods("a", true)
        .add("a", ip(10))
        .down("a", ip(10))
        .pods("a", false)
        .wait(wait);
    story
}

/// The same; released then.
fn lost(wait: u64, evidence: &str) -> Story {
    let mut story = left_behind(wait);
    story.collect("a", ip(10), evidence);
    story
}

#[test]
fn what_is_dead_is_released() {
    assert_passes(lost(45_000, "pod_gone").end());
    assert_passes(lost(45_000, "name_gone").end());
}

#[test]
fn a_pod_is_gone_for_too_short_a_time_or_not_at_all() {
    assert_found(&mut lost(40_000, "pod_gone"), "evidence");
    assert_found(&mut lost(40_000, "name_gone"), "evidence");
    let mut there = Story::new();
    there
        .pods("a", true)
        .add("a", ip(10))
        .down("a", ip(10))
        .wait(60_000);
    there.collect("a", ip(10), "pod_gone");
    assert_found(&mut there, "evidence");
}

#[test]
fn a_running_container_loses_its_record() {
    let mut story = Story::new();
    story
        .pods("a", true)
        .add("a", ip(10))
        .pods("a", false)
        .wait(60_000);
    story.collect("a", ip(10), "pod_gone").down("a", ip(10));
    assert_eq!(found(story.end()), ["holding", "evidence"]);
}

#[test]
fn a_node_that_is_not_ready_proves_nothing() {
    let mut story = Story::new();
    story.tell(What::Node(Node {
        ready: false,
        ..node()
    }));
    story
        .pods("a", true)
        .add("a", ip(10))
        .down("a", ip(10))
        .pods("a", false);
    story.wait(100_000).collect("a", ip(10), "pod_gone");
    assert_found(&mut story, "evidence");
}

#[test]
fn a_reboot_is_true_or_not() {
    let rebooted = |boot: &str| {
        let mut story = Story::new();
        story.add("a", ip(10)).down("a", ip(10));
        let boot = boot.to_owned();
        story.tell(What::Node(Node { boot, ..node() }));
        story.wait(1000).collect("a", ip(10), "rebooted");
        story
    };
    assert_passes(rebooted("boot-2").end());
    assert_found(&mut rebooted("boot-1"), "evidence");
}

#[test]
fn an_evidence_that_nobody_knows_is_none() {
    assert_found(&mut lost(100_000, "hunch"), "evidence");
}

#[test]
fn superseded_is_true_or_not() {
    let superseded = |started: u64, uid: &str| {
        let mut story = Story::new();
        story.pods("a", true).add("a", ip(10)).down("a", ip(10));
        let add = story.invoke("ADD", "a2");
        let mut newer = record("a2", &[ip(11)], "newer");
        newer["started_ms"] = started.into();
        newer["pod"]["uid"] = uid.into();
        let holder = super::story::holder("a2");
        let changes = [
            (story.owner("a2"), Some(newer.to_string())),
            (story.address(ip(11)), Some(holder)),
        ];
        story
            .commit(changes)
            .answer(add, &[ip(11)])
            .up("a2", ip(11));
        story.wait(45_000).collect("a", ip(10), "superseded");
        story
    };
    assert_passes(superseded(1001, "a").end());
    assert_found(&mut superseded(1000, "a"), "evidence");
    assert_found(&mut superseded(2000, "b"), "evidence");
}

#[test]
fn the_operators_word_counts_also_against_a_running_container() {
    let deleted = |wait: u64| {
        let mut story = Story::new();
        story.pods("a", true).add("a", ip(10)).pods("a", false);
        story.tell(What::Node(Node {
            exists: false,
            ..node()
        }));
        story.wait(wait).collect("a", ip(10), "node_gone");
        // Another may have the address, though the first still answers for it.
        story.rested(ip(10)).add("b", ip(10)).down("a", ip(10));
        story
    };
    assert_passes(deleted(120_000).end());
    assert_found(&mut deleted(100_000), "evidence");
    let tainted = |out_of_service: bool, ready: bool| {
        let mut story = Story::new();
        story.pods("a", true).add("a", ip(10)).pods("a", false);
        story.tell(What::Node(Node {
            ready,
            out_of_service,
            ..node()
        }));
        story
            .collect("a", ip(10), "out_of_service")
            .down("a", ip(10));
        story
    };
    assert_passes(tainted(true, false).end());
    assert_found(&mut tainted(false, false), "evidence");
    assert_found(&mut tainted(true, true), "evidence");
}

#[test]
fn a_taint_from_before_the_node_was_ready_is_no_word() {
    let mut story = Story::new();
    story.pods("a", true).add("a", ip(10));
    for ready in [true, false] {
        story.wait(5000).tell(What::Node(Node {
            ready,
            out_of_service: true,
            ..node()
        }));
    }
    story.collect("a", ip(10), "out_of_service");
    story.down("a", ip(10));
    assert_found(&mut story, "evidence");
}

#[test]
fn a_collector_releases_in_a_frozen_store() {
    let frozen = |collected: bool| {
        let mut story = left_behind(60_000);
        story.commit([(story.freeze(), Some("{}".into()))]);
        if collected {
            story.collect("a", ip(10), "pod_gone");
        } else {
            story.del("a", ip(10));
        }
        story.commit([(story.freeze(), None)]);
        story
    };
    assert_found(&mut frozen(true), "closed");
    assert_passes(frozen(false).end());
}

#[test]
fn a_release_that_nobody_committed_is_a_lie() {
    let mut story = Story::new();
    let key = story.owner("a");
    story.tell(What::Released(crate::history::Released {
        collector: LEADER.into(),
        key,
        evidence: "pod_gone".into(),
    }));
    assert_found(&mut story, "evidence");
}

#[test]
fn a_collector_releases_while_another_leads_or_nobody() {
    for leader in [Some("lease-gc-2"), None] {
        let mut story = Story::new();
        story
            .pods("a", true)
            .add("a", ip(10))
            .down("a", ip(10))
            .pods("a", false);
        story
            .wait(60_000)
            .lead(leader)
            .collect("a", ip(10), "pod_gone");
        story.lead(None).lead(Some(LEADER));
        assert_found(&mut story, "fencing");
    }
}

#[test]
fn a_collector_that_does_not_say_what_it_released_is_known_by_its_name() {
    let mut story = Story::new();
    story
        .pods("a", true)
        .add("a", ip(10))
        .down("a", ip(10))
        .pods("a", false);
    story.wait(60_000).lead(None);
    story.free_by("a", ip(10), Some(LEADER)).lead(Some(LEADER));
    assert_found(&mut story, "fencing");
}

#[test]
fn one_that_takes_the_credit_for_a_del_is_forgiven() {
    let mut story = Story::of("real");
    story
        .pods("a", true)
        .add("a", ip(10))
        .pods("a", false)
        .wait(60_000)
        .lead(None);
    story.del("a", ip(10));
    let key = story.owner("a");
    story.tell(What::Released(crate::history::Released {
        collector: LEADER.into(),
        key,
        evidence: "pod_gone".into(),
    }));
    story.lead(Some(LEADER));
    assert_passes(story.end());
}

#[test]
fn nobody_leads_after_the_faults() {
    let mut story = Story::new();
    story.lead(None);
    assert_found(&mut story, "liveness");
}

#[test]
fn a_collector_whose_answer_was_lost_need_not_tell_where_nobody_knows_who_sent_what() {
    let silent = |leg: &str, gone: bool| {
        let mut story = Story::of(leg);
        story.pods("a", true).add("a", ip(10)).down("a", ip(10));
        if gone {
            story.pods("a", false);
        }
        story.wait(60_000).free("a", ip(10));
        story
    };
    assert_passes(silent("real", true).end());
    assert_found(&mut silent("real", false), "explained");
    assert_found(&mut silent("simulation", true), "explained");
}
