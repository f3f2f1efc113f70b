//! What the plugin promises.

use super::story::{Story, fault, holder, ip, record, rest};
use super::{assert_found, assert_passes, found};
use crate::history::{Fault, Outcome, Probe, Process, What};

fn down(story: &mut Story, container: &str, last: u8) {
    story.down(container, ip(last));
}

#[test]
fn an_address_goes_from_one_container_to_the_next() {
    let mut story = Story::new();
    story.add("a", ip(10)).wait(1000).del("a", ip(10));
    story.rested(ip(10)).add("b", ip(10)).add("c", ip(11));
    assert_passes(story.end());
}

#[test]
fn two_containers_have_one_address() {
    let mut story = Story::new();
    story.add("a", ip(10));
    // The store is in order: only the containers know.
    let call = story.invoke("DEL", "a");
    story.free("a", ip(10)).answer(call, &[]);
    story.rested(ip(10)).add("b", ip(10));
    let history = story.end();
    assert_eq!(found(history), ["lifetimes", "holding", "leaks"]);
}

#[test]
fn a_duplicate_behind_a_shorter_one_is_found() {
    let mut story = Story::new();
    story
        .add("a", ip(10))
        .up("b", ip(10))
        .down("b", ip(10))
        .up("c", ip(10))
        .down("c", ip(10));
    let verdict = super::super::check(story.end());
    let lifetimes = verdict
        .violations
        .iter()
        .filter(|one| one.check == "lifetimes");
    assert_eq!(lifetimes.count(), 2);
}

#[test]
fn an_address_is_not_held_for_its_container() {
    let mut story = Story::new();
    story.up("a", ip(10)).down("a", ip(10));
    assert_found(&mut story, "holding");
}

#[test]
fn a_record_goes_under_a_running_container() {
    let mut story = Story::new();
    story.add("a", ip(10));
    let call = story.invoke("DEL", "a");
    story.free("a", ip(10)).answer(call, &[]).down("a", ip(10));
    assert_found(&mut story, "holding");
}

#[test]
fn a_log_that_is_seen_late_is_no_reason() {
    let mut story = Story::of("real");
    let call = story.invoke("ADD", "a");
    story.answer(call, &[ip(10)]).up("a", ip(10)).wait(3000);
    story.take("a", ip(10));
    assert_passes(story.end());
}

#[test]
fn an_add_answers_before_it_has_written() {
    let mut story = Story::new();
    let call = story.invoke("ADD", "a");
    story
        .answer(call, &[ip(10)])
        .take("a", ip(10))
        .up("a", ip(10));
    assert_found(&mut story, "acknowledged");
}

#[test]
fn an_add_answers_another_address_than_it_has_written() {
    let mut story = Story::new();
    let call = story.invoke("ADD", "a");
    story
        .take("a", ip(10))
        .answer(call, &[ip(11)])
        .up("a", ip(10));
    assert_found(&mut story, "acknowledged");
}

#[test]
fn a_repeated_add_must_stamp_the_record() {
    let again = |stamp: bool| {
        let mut story = Story::new();
        story.add("a", ip(10));
        let call = story.invoke("ADD", "a");
        if stamp {
            let value = record("a", &[ip(10)], "another").to_string();
            story.commit([(story.owner("a"), Some(value))]);
        }
        story.answer(call, &[ip(10)]).look(call, "a", true);
        story
    };
    assert_passes(again(true).end());
    assert_found(&mut again(false), "acknowledged");
}

#[test]
fn a_look_after_an_add_finds_nothing() {
    let mut story = Story::new();
    let call = story.invoke("ADD", "a");
    story
        .take("a", ip(10))
        .answer(call, &[ip(10)])
        .look(call, "a", false)
        .up("a", ip(10));
    assert_found(&mut story, "acknowledged");
}

#[test]
fn a_running_add_loses_its_record_to_a_del_but_to_nobody_else() {
    let overtaken = |by_del: bool| {
        let mut story = Story::new();
        let add = story.invoke("ADD", "a");
        story.take("a", ip(10));
        if by_del {
            story.invoke("DEL", "a");
        }
        story.free("a", ip(10)).answer(add, &[ip(10)]);
        story
    };
    assert_passes(overtaken(true).end());
    assert_eq!(found(overtaken(false).end()), ["acknowledged", "explained"]);
}

#[test]
fn a_check_succeeds_without_a_record() {
    let mut story = Story::new();
    let call = story.invoke("CHECK", "a");
    story.answer(call, &[]);
    assert_found(&mut story, "acknowledged");
    let mut story = Story::new();
    story.add("a", ip(10));
    let call = story.invoke("CHECK", "a");
    story.answer(call, &[]);
    assert_passes(story.end());
}

/// A DEL whose record is there still, at once after it, and its process.
fn lazy(leg: &str, spooled: bool, during: Option<&str>, process: &Process) -> Story {
    let mut story = Story::of(leg);
    story.add("a", ip(10)).down("a", ip(10));
    let with = |story: &mut Story, what: fn(Fault) -> What| {
        if let Some(kind) = during {
            story.tell(what(fault(1, kind)));
        }
    };
    with(&mut story, What::FaultBegins);
    with(&mut story, What::FaultProven);
    let call = story.invoke("DEL", "a");
    story
        .process(Process {
            call: Some(call),
            ..process.clone()
        })
        .answer(call, &[])
        .look_at(call, "a", true, spooled, 0);
    with(&mut story, What::FaultEnds);
    // In the end somebody tidies up.
    story.wait(1000).free("a", ip(10));
    story
}

#[test]
fn a_del_succeeds_and_leaves_the_record() {
    let during = Some("node_cut_off");
    let process = Process::default();
    assert_passes(lazy("simulation", true, during, &process).end());
    assert_found(&mut lazy("simulation", false, during, &process), "released");
}

#[test]
fn a_del_leaves_its_release_to_the_spool_although_etcd_takes_releases() {
    let process = Process {
        ran: 7,
        ..Process::default()
    };
    for during in [None, Some("no_space"), Some("frozen")] {
        assert_found(&mut lazy("simulation", true, during, &process), "released");
    }
    // Nobody knows how busy a real machine is.
    assert_passes(lazy("real", true, None, &process).end());
    let stopped = Process {
        disturbed: true,
        ..process.clone()
    };
    assert_passes(lazy("simulation", true, None, &stopped).end());
    // Whoever does not know which etcd it is asks none.
    let silent = Process { ran: 0, ..process };
    assert_passes(lazy("simulation", true, None, &silent).end());
}

#[test]
fn a_late_request_of_a_killed_add_is_nobodys_fault() {
    let mut story = Story::new();
    let add = story.invoke("ADD", "a");
    story.outcome(add, Outcome::Unknown);
    let del = story.invoke("DEL", "a");
    story
        .answer(del, &[])
        .take("a", ip(10))
        .look(del, "a", true)
        .free("a", ip(10));
    // The DEL was over; what is left is for the next one.
    let mut again = Story::new();
    let add = again.invoke("ADD", "a");
    again.outcome(add, Outcome::Unknown);
    let del = again.invoke("DEL", "a");
    again
        .answer(del, &[])
        .take("a", ip(10))
        .look(del, "a", true);
    let del = again.invoke("DEL", "a");
    again
        .free("a", ip(10))
        .answer(del, &[])
        .look(del, "a", false);
    assert_passes(again.end());
    assert_passes(story.end());
}

#[test]
fn a_record_comes_without_an_add() {
    let mut story = Story::new();
    story.take("a", ip(10)).invoke("DEL", "a");
    story.free("a", ip(10));
    assert_found(&mut story, "explained");
}

#[test]
fn a_record_goes_without_a_release() {
    let mut story = Story::new();
    story.add("a", ip(10)).down("a", ip(10)).free("a", ip(10));
    assert_found(&mut story, "explained");
}

#[test]
fn an_old_del_is_no_reason_for_a_new_record_to_go() {
    let mut story = Story::new();
    story
        .add("a", ip(10))
        .del("a", ip(10))
        .add("a", ip(11))
        .down("a", ip(11));
    story.free("a", ip(11));
    assert_found(&mut story, "explained");
}

#[test]
fn a_failed_add_and_a_gc_may_release() {
    let mut story = Story::new();
    let add = story.invoke("ADD", "a");
    story.take("a", ip(10)).free("a", ip(10)).fail(add, 11);
    story.add("b", ip(12)).down("b", ip(12));
    let gc = story.invoke("GC", "");
    story.free("b", ip(12)).answer(gc, &[]);
    assert_passes(story.end());
}

#[test]
fn a_record_changes_its_addresses() {
    let mut story = Story::new();
    story.add("a", ip(10));
    let add = story.invoke("ADD", "a");
    let value = record("a", &[ip(11)], "another").to_string();
    let changes = [
        (story.owner("a"), Some(value)),
        (story.address(ip(10)), None),
        (story.address(ip(11)), Some(holder("a"))),
    ];
    story.commit(changes).fail(add, 11).down("a", ip(10));
    let del = story.invoke("DEL", "a");
    story.free("a", ip(11)).answer(del, &[]);
    assert_eq!(found(story.end()), ["holding", "explained"]);
}

#[test]
fn an_address_outside_the_range_is_given_out() {
    for last in [0, 1, 50, 255] {
        let mut story = Story::new();
        story.add("a", ip(last));
        assert_found(&mut story, "ranges");
    }
    let mut story = Story::new();
    story.add("a", [10, 0, 1, 7].into());
    assert_found(&mut story, "ranges");
    let mut story = Story::new();
    story.run().ranges[0].last = ip(201);
    story.add("a", ip(202));
    assert_found(&mut story, "ranges");
    let mut story = Story::new();
    story.run().ranges[0].first = ip(150);
    story.add("a", ip(149));
    assert_found(&mut story, "ranges");
    let mut story = Story::new();
    story.run().ranges[0].network = "another".into();
    assert_found(&mut story, "ranges");
}

#[test]
fn ranges_of_the_sixth_version_have_no_broadcast_address() {
    let mut story = Story::new();
    let mut range = story.run().ranges[0].clone();
    range.subnet = "2001:db8::/64".into();
    range.first = "2001:db8::".parse().unwrap();
    range.last = "2001:db8::ffff:ffff:ffff:ffff".parse().unwrap();
    range.gateway = None;
    story.run().ranges.push(range);
    story.add("a", "2001:db8::ffff:ffff:ffff:ffff".parse().unwrap());
    assert_passes(story.end());
    story = Story::new();
    story.add("a", "2001:db8::1".parse().unwrap());
    assert_found(&mut story, "ranges");
}

#[test]
fn an_address_does_not_rest() {
    let hasty = |leg: &str, kind: Option<&str>| {
        let mut story = Story::of(leg);
        story.add("a", ip(10));
        if let Some(kind) = kind {
            story.tell(What::FaultBegins(fault(1, kind)));
            story.tell(What::FaultProven(fault(1, kind)));
        }
        story.del("a", ip(10)).wait(1000);
        story
            .commit([(story.address(ip(10)), None)])
            .add("b", ip(10));
        if let Some(kind) = kind {
            story.tell(What::FaultEnds(fault(1, kind)));
        }
        story
    };
    assert_found(&mut hasty("simulation", None), "rests");
    assert_found(&mut hasty("real", None), "rests");
    assert_found(&mut hasty("simulation", Some("leader_killed")), "rests");
    // Without space there is no rest.
    assert_passes(hasty("simulation", Some("nospace")).end());
}

#[test]
fn a_rest_is_taken_over() {
    // The stories' rests say that they began at 2026-01-05T08:00:00Z.
    let taken = |seconds_later: u64| {
        let mut story = Story::new();
        story.run().wall = 1_767_600_000 + seconds_later;
        story.add("a", ip(10)).del("a", ip(10)).wait(1000);
        story.add("b", ip(10));
        story
    };
    assert_found(&mut taken(8), "rests");
    assert_passes(taken(10).end());
}

#[test]
fn a_frozen_store_gives_out_an_address() {
    let mut story = Story::new();
    story.commit([(story.freeze(), Some("{}".into()))]);
    story.add("a", ip(10));
    story.commit([(story.freeze(), None)]);
    assert_found(&mut story, "closed");
}

#[test]
fn a_store_from_the_past_gives_out_an_address() {
    let restored = |term: u64, acknowledged: bool| {
        let mut story = Story::new();
        let revision = story.revision;
        story.restore(revision, term);
        let add = story.invoke("ADD", "a");
        story.take("a", ip(10));
        if acknowledged {
            story
                .answer(add, &[ip(10)])
                .up("a", ip(10))
                .down("a", ip(10))
                .invoke("DEL", "a");
        }
        story.free("a", ip(10));
        if !acknowledged {
            story.fail(add, 104);
        }
        // Recovered: what is sealed anew is of the present.
        let seal = r#"{"schema":1,"id":"s","sealed_term":130,"epoch":1}"#;
        story.commit([("/etcd-ipam/v1/meta/store", Some(seal.to_owned()))]);
        story
    };
    assert_found(&mut restored(2, true), "closed");
    assert_found(&mut restored(0, true), "closed");
    assert_passes(restored(2, false).end());
    assert_passes(restored(64, true).end());
}

#[test]
fn two_answer_for_one_address_or_one_that_is_gone() {
    let probed = |answered: &[&str], up: bool, wait: u64| {
        let mut story = Story::new();
        story.add("a", ip(10));
        if !up {
            down(&mut story, "a", 10);
        }
        story.wait(wait).tell(What::Probe(Probe {
            space: "default".into(),
            address: ip(10),
            answered: answered.iter().map(|&mac| mac.to_owned()).collect(),
        }));
        if up {
            down(&mut story, "a", 10);
        }
        story.invoke("DEL", "a");
        story.free("a", ip(10));
        story
    };
    assert_found(
        &mut probed(&["02:00:00:00:00:01", "02:00:00:00:00:02"], true, 0),
        "probes",
    );
    assert_found(&mut probed(&["02:00:00:00:00:01"], false, 5500), "probes");
    assert_passes(probed(&["02:00:00:00:00:01"], false, 500).end());
    assert_passes(probed(&["02:00:00:00:00:01", "02:00:00:00:00:01"], true, 0).end());
    assert_passes(probed(&[], true, 0).end());
}

#[test]
fn a_rest_is_nobodys() {
    let mut story = Story::new();
    story.commit([(story.address(ip(10)), Some(rest()))]);
    assert_passes(story.end());
}
