//! One of many leads, and the others take over from it.

use std::time::Duration;

use anyhow::Result;
use store::collect::Fenced;
use store::election::{Fence, Lost};

use super::bench::{Bench, CLUSTER, LONG, settings, soon, until};
use super::contender::Contender;

/// A lease whose end a test waits for, and that a leader on a busy machine keeps all the same.
const SHORT: Duration = Duration::from_secs(5);

fn contender(bench: &Bench, name: &str, ttl: Duration) -> Result<Contender> {
    Contender::start(settings(&bench.etcd), name, ttl)
}

/// Whether the bearer of a fence may write.
fn may_write(bench: &Bench, fence: &Fence) -> Result<bool> {
    let store = &bench.store;
    let write = store.record_history(fence, CLUSTER, 1, soon(store));
    Ok(bench.wait(write)?? == Fenced::Done(()))
}

fn leader(bench: &Bench) -> Result<Option<String>> {
    let leader = bench.store.leader(CLUSTER, soon(&bench.store));
    Ok(bench.wait(leader)??.map(|leader| leader.identity))
}

#[test]
fn one_of_three_leads_and_the_others_know_which() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = contender(&bench, "a", LONG)?;
        let fence = first.leads()?;
        let others = [contender(&bench, "b", LONG)?, contender(&bench, "c", LONG)?];
        for other in &others {
            assert_eq!(other.follows()?.identity, "a");
        }
        assert_eq!(leader(&bench)?.as_deref(), Some("a"));
        assert!(may_write(&bench, &fence)?);
        assert!(first.is_silent() && others.iter().all(Contender::is_silent));
    }
    Ok(())
}

#[test]
fn candidates_that_start_together_elect_one() -> Result<()> {
    let bench = Bench::new()?;
    for _ in 0..5 {
        let names = ["a", "b", "c", "d", "e"];
        let start = |name| contender(&bench, name, LONG);
        let mut waiting: Vec<_> = names.into_iter().map(start).collect::<Result<_>>()?;
        let mut last = 0;
        // Each leads once, in whatever order, and never two at a time.
        while !waiting.is_empty() {
            until("somebody leads", || Ok(leader(&bench)?.is_some()))?;
            let name = leader(&bench)?.unwrap_or_default();
            let place = waiting.iter().position(|one| one.is_called(&name));
            let leading = waiting.swap_remove(place.unwrap_or_default());
            let fence = leading.leads()?;
            assert!(fence.token() > last);
            last = fence.token();
            leading.resign()?;
            until("the key changes", || {
                Ok(leader(&bench)?.as_deref() != Some(&name))
            })?;
            assert!(!may_write(&bench, &fence)?);
        }
    }
    Ok(())
}

#[test]
fn a_candidate_takes_over_from_a_leader_that_crashed() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = contender(&bench, "a", SHORT)?;
        let old = first.leads()?;
        let second = contender(&bench, "b", SHORT)?;
        second.follows()?;
        first.crash()?;
        let new = second.leads()?;
        assert!(new.token() > old.token());
        assert!(!may_write(&bench, &old)?);
        assert!(may_write(&bench, &new)?);
    }
    Ok(())
}

#[test]
fn a_leader_outlasts_the_lease_that_it_was_granted() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = contender(&bench, "a", SHORT)?;
        let fence = first.leads()?;
        let second = contender(&bench, "b", SHORT)?;
        second.follows()?;
        std::thread::sleep(2 * SHORT);
        assert!(first.is_silent() && second.is_silent());
        assert!(may_write(&bench, &fence)?);
    }
    Ok(())
}

#[test]
fn a_candidate_need_not_wait_for_the_lease_of_a_leader_that_resigns() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = contender(&bench, "a", LONG)?;
        let old = first.leads()?;
        let second = contender(&bench, "b", LONG)?;
        second.follows()?;
        first.resign()?;
        // Its lease would have lasted longer than this test waits.
        let new = second.leads()?;
        assert!(new.token() > old.token());
        assert!(!may_write(&bench, &old)?);
    }
    Ok(())
}

#[test]
fn a_leader_whose_key_an_operator_deletes_is_told_and_another_elected() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = contender(&bench, "a", LONG)?;
        let old = first.leads()?;
        bench.raw.delete(bench.store.keys().leader(CLUSTER))?;
        let lost = first.lost()?;
        assert!(matches!(lost, Lost::Deposed), "{lost:?}");
        assert!(!may_write(&bench, &old)?);

        let second = contender(&bench, "b", LONG)?;
        let new = second.leads()?;
        let third = contender(&bench, "c", LONG)?;
        third.follows()?;
        bench.raw.delete(bench.store.keys().leader(CLUSTER))?;
        assert!(matches!(second.lost()?, Lost::Deposed));
        assert!(third.leads()?.token() > new.token());
    }
    Ok(())
}

#[test]
fn a_leader_that_etcd_does_not_answer_is_told_before_another_may_lead() -> Result<()> {
    for bench in Bench::of_every_version() {
        let mut bench = bench?;
        let first = contender(&bench, "a", SHORT)?;
        let old = first.leads()?;
        let second = contender(&bench, "b", SHORT)?;
        second.follows()?;
        bench.etcd.pause()?;
        // The server still sleeps, so nobody else can have been elected by then.
        let lost = first.lost()?;
        assert!(matches!(lost, Lost::Silence(_)), "{lost:?}");
        std::thread::sleep(SHORT);
        bench.etcd.resume()?;
        let new = second.leads()?;
        assert!(new.token() > old.token());
        assert!(!may_write(&bench, &old)?);
        assert!(may_write(&bench, &new)?);
    }
    Ok(())
}

#[test]
fn leader_and_candidates_outlast_a_restart_of_etcd() -> Result<()> {
    for bench in Bench::of_every_version() {
        let mut bench = bench?;
        let first = contender(&bench, "a", LONG)?;
        let old = first.leads()?;
        let second = contender(&bench, "b", LONG)?;
        second.follows()?;
        bench.etcd.kill()?;
        bench.etcd.restart()?;
        // It looks again, and the same one leads.
        assert_eq!(second.follows()?.identity, "a");
        assert!(may_write(&bench, &old)?);
        assert!(first.is_silent());
        first.resign()?;
        assert!(second.leads()?.token() > old.token());
    }
    Ok(())
}

#[test]
fn a_candidate_waits_for_an_etcd_that_is_away() -> Result<()> {
    let mut bench = Bench::new()?;
    bench.etcd.stop()?;
    let candidate = contender(&bench, "a", LONG)?;
    std::thread::sleep(SHORT);
    bench.etcd.restart()?;
    candidate.leads()?;
    Ok(())
}
