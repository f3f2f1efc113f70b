//! What the memory keeps through sweeps, whole and void ones.

use std::time::Duration;

use proptest::prelude::*;
use store::inspect::Owner;

use super::build::{NodeExt as _, OwnerExt as _, at, ready, record, space};
use super::world::{World, world};
use crate::evidence::{Evidence, Finding, Marks, Policy, Verdict};

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// What a sweep saw of a record: five states, none of which continues another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Alive,
    Gone,
    GoneRewritten,
    GoneWhileReadyAgain,
    Superseded,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Minutes since the step before.
    later: u64,
    state: State,
    void: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let state = prop_oneof![
        4 => Just(State::Gone),
        1 => Just(State::Alive),
        1 => Just(State::GoneRewritten),
        1 => Just(State::GoneWhileReadyAgain),
        1 => Just(State::Superseded),
    ];
    let step = (0_u64..12, state, prop::bool::weighted(0.25));
    let step = step.prop_map(|(later, state, void)| Step { later, state, void });
    prop::collection::vec(step, 1..20)
}

fn seen(state: State) -> (World, Owner, Finding) {
    let mut owner = record();
    let mut node = ready("a");
    let finding = match state {
        State::Alive => Finding::Alive,
        State::Superseded => Finding::Suspect(Evidence::Superseded),
        State::Gone | State::GoneRewritten | State::GoneWhileReadyAgain => {
            Finding::Suspect(Evidence::PodGone)
        }
    };
    if state == State::GoneRewritten {
        owner.judged.mod_revision = 8;
    }
    if state == State::GoneWhileReadyAgain {
        node = node.since(Some(at("12:30:00")));
    }
    (world([node], []), owner, finding)
}

proptest! {
    /// Exactly when the same suspicion was seen without a break through two whole sweeps and for
    /// the grace period, void sweeps being as none.
    #[test]
    fn a_suspicion_is_confirmed_exactly_when_it_stood_for_its_wait_through_two_whole_sweeps(
        steps in steps(),
    ) {
        let policy = Policy::default();
        let mut marks = Marks::default();
        let mut now = Duration::ZERO;
        let mut history: Vec<(Duration, State)> = Vec::new();
        for Step { later, state, void } in steps {
            now += minutes(later);
            let (world, owner, finding) = seen(state);
            let mut sweep = marks.sweep(world.reading(now), &policy);
            let verdict = sweep.look(&owner, finding);
            let unbroken = history.iter().rev().take_while(|(_, before)| *before == state);
            let (sweeps, since) = unbroken.fold((1, now), |(count, _), (then, _)| (count + 1, *then));
            let stood = now.checked_sub(since).unwrap();
            let proven = state != State::Alive && sweeps >= 2 && stood >= policy.grace;
            prop_assert_eq!(matches!(verdict, Verdict::Confirmed(_)), proven);
            if let Verdict::Waiting { remaining, .. } = verdict {
                prop_assert_eq!(remaining, policy.grace.saturating_sub(stood));
            }
            if !void {
                sweep.finish();
                history.push((now, state));
            }
        }
    }
}

#[test]
fn looking_twice_in_one_sweep_is_one_look() {
    let (policy, mut marks) = (
        Policy {
            grace: Duration::ZERO,
            ..Policy::default()
        },
        Marks::default(),
    );
    let (world, owner, finding) = seen(State::Gone);
    let mut sweep = marks.sweep(world.reading(minutes(0)), &policy);
    for _ in 0..3 {
        let verdict = sweep.look(&owner, finding.clone());
        assert!(matches!(verdict, Verdict::Waiting { .. }));
    }
}

#[test]
fn each_record_has_a_mark_of_its_own() {
    let (policy, mut marks) = (Policy::default(), Marks::default());
    let gone = world([ready("a")], []);
    let group = [record(), record().container("c2").holds("10.0.0.6")];
    gone.sweep(&mut marks, &policy, minutes(0), &group[..1]);
    let verdicts = gone.sweep(&mut marks, &policy, minutes(15), &group);
    assert_eq!(verdicts[0], Verdict::Confirmed(Evidence::PodGone));
    assert!(matches!(verdicts[1], Verdict::Waiting { .. }));
}

#[test]
fn an_address_is_rested_after_its_whole_cool_down_of_one_release() {
    let (policy, mut marks, world) = (Policy::default(), Marks::default(), World::default());
    let mut rested = |minute, revision| {
        let mut sweep = marks.sweep(world.reading(minutes(minute)), &policy);
        let rested = sweep.rested("/addr/x", revision, minutes(5));
        sweep.finish();
        rested
    };
    assert!(!rested(0, 7));
    assert!(!rested(4, 7));
    assert!(rested(5, 7));
    assert!(!rested(6, 9), "released again");
    assert!(!rested(10, 9));
    assert!(rested(11, 9));
}

#[test]
fn a_range_is_unused_after_a_week_without_allocation_or_registration() {
    let (policy, mut marks, world) = (Policy::default(), Marks::default(), World::default());
    let mut unused = |hour, revision: Option<i64>| {
        let mut sweep = marks.sweep(world.reading(Duration::from_hours(hour)), &policy);
        let unused = revision.is_some_and(|revision| sweep.unused("/range/x", revision));
        sweep.finish();
        unused
    };
    assert!(!unused(0, Some(7)));
    assert!(!unused(167, Some(7)));
    assert!(unused(168, Some(7)));
    assert!(!unused(169, None), "an allocation");
    assert!(!unused(170, Some(7)));
    assert!(!unused(171, Some(8)), "registered again");
    assert!(!unused(338, Some(8)));
    assert!(unused(339, Some(8)));
}

#[test]
fn an_address_is_adopted_for_a_pod_that_two_whole_sweeps_saw_with_it() {
    let (policy, mut marks, world) = (Policy::default(), Marks::default(), World::default());
    let address = "10.0.0.5".parse().unwrap();
    let mut missing = |pod: Option<&str>, void: bool| {
        let mut sweep = marks.sweep(world.reading(minutes(0)), &policy);
        let adopt = pod.is_some_and(|pod| sweep.missing(&space(), address, pod));
        if !void {
            sweep.finish();
        }
        adopt
    };
    assert!(!missing(Some("u1"), true));
    assert!(!missing(Some("u1"), false), "the first sweep was void");
    assert!(missing(Some("u1"), false));
    assert!(!missing(Some("u2"), false), "another pod");
    assert!(!missing(None, false));
    assert!(!missing(Some("u2"), false), "not seen between");
    assert!(missing(Some("u2"), false));
}
