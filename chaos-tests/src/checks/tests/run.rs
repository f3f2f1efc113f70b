//! How a run ends, and whether it counts.

use super::super::{Finish, check};
use super::story::{Story, fault, ip};
use super::{assert_found, assert_passes};
use crate::history::{History, Outcome, Process, What};

#[track_caller]
fn assert_void(history: &History, why: &str) {
    let verdict = check(history);
    assert_eq!(verdict.finish, Finish::Void, "{verdict:#?}");
    assert_eq!(verdict.finish, Finish::Void, "{verdict:#?}");
    assert!(
        verdict.void.iter().any(|one| one.contains(why)),
        "{:?}",
        verdict.void
    );
}

#[test]
fn a_run_in_which_little_happened_is_void() {
    assert_void(&History::default(), "does not begin");
    let mut story = Story::new();
    story.run().least_operations = 100;
    assert_void(story.end(), "100 are the least");
    let mut story = Story::new();
    story.end();
    story.history.events.pop();
    assert_void(&story.history, "no end");
    let mut story = Story::new();
    story.add("a", ip(10)).del("a", ip(10));
    assert_void(&story.history, "never all taken back");
    let mut story = Story::new();
    let swept = |what: &What| format!("{what:?}").contains("gc/default/last");
    for event in &mut story.history.events {
        if swept(&event.what)
            && let What::Commit(commit) = &mut event.what
        {
            commit.changes[0].value = Some(r#"{"result":"void"}"#.to_owned());
        }
    }
    assert_void(story.end(), "no collector swept");
}

#[test]
fn a_fault_must_be_proven_and_taken_back() {
    let with = |proven: bool, ended: bool| {
        let mut story = Story::new();
        story.tell(What::FaultBegins(fault(1, "leader_killed")));
        if proven {
            story.tell(What::FaultProven(fault(1, "leader_killed")));
        }
        if ended {
            story.tell(What::FaultEnds(fault(1, "leader_killed")));
        }
        story
    };
    assert_passes(with(true, true).end());
    assert_void(with(false, true).end(), "effect");
    assert_void(with(true, false).end(), "taken back");
}

#[test]
fn the_last_calls_must_succeed() {
    let mut story = Story::new();
    story.heal();
    let call = story.invoke("ADD", "z");
    story.outcome(call, Outcome::Unknown);
    let end = story.state();
    story.tell(What::End(end));
    assert_void(&story.history, "the last ADD");
}

#[test]
fn after_the_faults_a_call_fails_or_takes_long() {
    let ending = |code: Option<u32>, took: u64| {
        let mut story = Story::new();
        story.tell(What::Healed);
        let call = story.invoke("ADD", "z");
        story.wait(took);
        match code {
            Some(code) => story.fail(call, code),
            None => story
                .take("z", ip(77))
                .answer(call, &[ip(77)])
                .up("z", ip(77)),
        };
        story
    };
    assert_found(&mut ending(Some(11), 100), "liveness");
    assert_found(&mut ending(None, 11_000), "liveness");
    assert_passes(ending(Some(100), 100).end());
    assert_passes(ending(None, 9_000).end());
}

#[test]
fn something_is_left_over_or_missing() {
    let left = |spooled: u64, held: bool| {
        let mut story = Story::new();
        story.add("a", ip(10)).down("a", ip(10)).heal();
        let mut end = story.state();
        (end.spooled, end.held_by_breaker) = (spooled, held);
        story.tell(What::End(end));
        let verdict = check(&story.history);
        verdict.violations.first().map(|one| one.check)
    };
    assert_eq!(left(0, false), Some("leaks"));
    assert_eq!(left(1, false), None);
    assert_eq!(left(0, true), None);

    let mut story = Story::new();
    story.add("a", ip(10)).heal();
    let mut end = story.state();
    end.owners.clear();
    story.tell(What::End(end));
    let verdict = check(&story.history);
    assert_eq!(verdict.violations.len(), 2, "{verdict:#?}");
}

#[test]
fn a_process_misbehaves() {
    let ended = |process: Process| {
        let mut story = Story::new();
        story.process(process);
        story
    };
    let fine = Process {
        status: Some(0),
        ran: 10,
        budget: Some(20),
        ..Process::default()
    };
    assert_passes(ended(fine.clone()).end());
    let late = Process {
        ran: 21,
        ..fine.clone()
    };
    assert_found(&mut ended(late.clone()), "processes");
    assert_passes(
        ended(Process {
            disturbed: true,
            ..late
        })
        .end(),
    );
    let panicked = Process {
        panic: Some("panicked at".into()),
        disturbed: true,
        ..fine.clone()
    };
    assert_found(&mut ended(panicked), "processes");
    let killed = Process {
        status: None,
        signal: Some(6),
        ..fine.clone()
    };
    assert_found(&mut ended(killed), "processes");

    let said = |status: i32, failed: bool| {
        let mut story = Story::new();
        let call = story.invoke("DEL", "a");
        if failed {
            story.fail(call, 11)
        } else {
            story.answer(call, &[])
        };
        story.process(Process {
            call: Some(call),
            status: Some(status),
            ..Process::default()
        });
        story
    };
    assert_passes(said(0, false).end());
    assert_passes(said(1, true).end());
    assert_found(&mut said(1, false), "processes");
    assert_found(&mut said(0, true), "processes");
}

#[test]
fn something_of_ours_stays_behind() {
    for (zombies, leaked_files) in [(1, 0), (0, 100)] {
        let mut story = Story::new();
        story.heal();
        let mut end = story.state();
        (end.zombies, end.leaked_files) = (zombies, leaked_files);
        story.tell(What::End(end));
        let verdict = check(&story.history);
        assert_eq!(verdict.violations.len(), 1);
        assert_eq!(verdict.violations[0].check, "processes");
    }
}
