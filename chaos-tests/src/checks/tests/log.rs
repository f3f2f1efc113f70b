//! What etcd's log says.

use super::super::{Finish, check};
use super::story::{Story, holder, ip, record};
use super::{assert_found, assert_passes, found};
use crate::history::{Line, What};

#[test]
fn an_address_without_a_record_and_a_record_without_an_address() {
    let mut story = Story::new();
    story.commit([(story.address(ip(10)), Some(holder("a")))]);
    story.commit([(story.address(ip(10)), None)]);
    assert_found(&mut story, "index");
    let mut story = Story::new();
    story.invoke("ADD", "a");
    let value = record("a", &[ip(10)], "x").to_string();
    story.commit([(story.owner("a"), Some(value))]);
    story.commit([(story.owner("a"), None)]);
    assert_found(&mut story, "index");
}

#[test]
fn an_address_is_taken_from_a_record_by_a_blind_put() {
    let mut story = Story::new();
    story.add("a", ip(10)).down("a", ip(10));
    story.run().cooldown = 0;
    let add = story.invoke("ADD", "b");
    story.take("b", ip(10)).answer(add, &[ip(10)]);
    story.invoke("DEL", "a");
    story.commit([(story.owner("a"), None)]);
    story.invoke("DEL", "b");
    story.free("b", ip(10));
    assert_found(&mut story, "index");
}

#[test]
fn what_stands_in_the_store_after_a_restore_is_what_stood_there_then() {
    let mut story = Story::new();
    story.add("a", ip(10));
    let shared = story.revision;
    story.add("b", ip(11)).del("a", ip(10));
    let end = story.revision;
    // Back to when there was only the first; its record is there again, without an ADD.
    story.restore(shared, 2);
    let del = story.invoke("DEL", "a");
    story.free("a", ip(10)).answer(del, &[]);
    // And forward to what it was.
    story.tell(What::Line(Line {
        line: 0,
        from: 0,
        revision: end,
        term: 64,
    }));
    let mut healed = Story::new();
    healed.history = std::mem::take(&mut story.history);
    (healed.at, healed.revision) = (story.at, end);
    healed.del("b", ip(11));
    assert_passes(healed.end());
}

#[test]
fn a_gap_makes_the_run_void_and_silences_whoever_reads_the_log() {
    let mut story = Story::new();
    story.up("a", ip(10)).down("a", ip(10));
    story.revision += 1;
    let verdict = check(story.end());
    assert_eq!(verdict.finish, Finish::Void);
    assert!(verdict.void[0].contains("revision"), "{:?}", verdict.void);
    // The containers need no log to be judged by.
    let mut story = Story::new();
    story
        .up("a", ip(10))
        .up("b", ip(10))
        .down("a", ip(10))
        .down("b", ip(10));
    story.revision += 1;
    assert_eq!(found(story.end()), ["lifetimes"]);
}

#[test]
fn a_restored_store_may_leave_revisions_out_but_once() {
    let mut story = Story::new();
    let revision = story.revision;
    story.restore(revision, 64);
    story.revision += 1000;
    story.add("a", ip(10));
    assert_passes(story.end());
    story = Story::new();
    story.restore(revision, 64);
    story.add("a", ip(10));
    story.revision += 1;
    assert_eq!(check(story.end()).finish, Finish::Void);
}

#[test]
fn a_commit_of_a_line_that_does_not_count_is_a_gap() {
    let mut story = Story::new();
    story.tell(What::Line(Line {
        line: 1,
        from: 0,
        revision: 3,
        term: 2,
    }));
    assert_eq!(check(story.end()).finish, Finish::Void);
    assert_eq!(check(story.end()).finish, Finish::Void);
}

#[test]
fn a_key_or_value_that_is_not_documented() {
    let values = [
        ("addr/default/10.0.0.9", Some("default/n1/lan/a/eth0")),
        ("addr/default/010.000.000.009", Some("somebody")),
        ("addr/default/010.000.000.009", Some(r#"{"kind":"dream"}"#)),
        ("owner/default/n1/lan/a", Some("{}")),
        ("owner/default/n1/lan/a/eth0", Some("{")),
        (
            "owner/default/n1/lan/a/eth0",
            Some(r#"{"v":2,"id":"x","addresses":[]}"#),
        ),
        ("gc/west/leader", Some("me")),
        ("gc/west/crown", Some("me")),
        ("meta/store", Some("mine")),
        ("elsewhere", None),
    ];
    for (key, value) in values {
        let mut story = Story::new();
        let key = format!("/etcd-ipam/v1/{key}");
        story
            .commit([(key.clone(), value.map(str::to_owned))])
            .commit([(key, None)]);
        assert_found(&mut story, "schema");
    }
    let mut story = Story::new();
    story.commit([("/somebody-else/v1/elsewhere", Some("x".to_owned()))]);
    assert_passes(story.end());
}

#[test]
fn a_look_that_contradicts_the_log_or_is_stale() {
    let looked = |present: bool, back: i64| {
        let mut story = Story::of("real");
        let call = story.invoke("ADD", "a");
        story.take("a", ip(10)).answer(call, &[ip(10)]);
        let revision = story.revision - back;
        story
            .look_at(call, "a", present, false, revision)
            .up("a", ip(10));
        story
    };
    assert_passes(looked(true, 0).end());
    assert_found(&mut looked(true, 1), "order");
    assert_eq!(found(looked(false, 0).end()), ["acknowledged", "order"]);
}

#[test]
fn revisions_of_two_lines_are_not_compared() {
    let mut story = Story::of("real");
    let shared = story.revision;
    story.add("a", ip(10)).del("a", ip(10));
    let del = story.invoke("DEL", "a");
    let add = story.invoke("ADD", "b");
    story.answer(del, &[]).restore(shared, 64);
    // What is written and seen from here on has lower revisions than before.
    story.take("b", ip(11)).answer(add, &[ip(11)]);
    let revision = story.revision;
    story
        .look_at(del, "a", false, false, revision)
        .up("b", ip(11));
    assert_passes(story.end());
}

#[test]
fn a_snapshot_may_hold_more_than_was_known() {
    let mut story = Story::of("real");
    let shared = story.revision;
    story.add("a", ip(10));
    let same = story.history.events.iter().rev();
    let same = same.map(|event| event.what.clone());
    let same = same
        .into_iter()
        .find(|what| matches!(what, What::Commit(_)));
    story.restore(shared, 2);
    // The log tells it once more; nothing was written in the store from the past.
    if let Some(What::Commit(mut commit)) = same {
        commit.line = 1;
        story.revision = commit.revision;
        story.tell(What::Commit(commit));
    }
    story.del("a", ip(10));
    let seal = r#"{"schema":1,"id":"s","sealed_term":130,"epoch":1}"#;
    story.commit([("/etcd-ipam/v1/meta/store", Some(seal.to_owned()))]);
    assert_passes(story.end());
}
