//! One of several collectors leads; another takes over when it ends, however it ends.

use anyhow::Result;
use chaos_tests::collector::Collector;
use chaos_tests::collectors::{
    Cluster, Leader, begin_to_collect, collect, ended, logged, metric, saying,
    wait_for_first_sweep, wait_until_it_follows,
};
use chaos_tests::kubernetes::{Fault, Resource, Verb, on};
use chaos_tests::lab::Lab;
use nix::sys::signal::Signal;

use crate::{SHORT_LEASE, SLOWLY};

/// Waits until the metrics say that this one leads, and none of the others.
fn wait_for_metrics(leader: &mut Collector, others: &[&Collector]) -> Result<()> {
    leader.wait_until("it leads", Collector::is_leader)?;
    for other in others {
        assert!(!other.is_leader()?);
    }
    Ok(())
}

#[test]
fn one_of_three_leads_and_another_takes_over_when_it_is_killed() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let start = |name| cluster.collector(name, &SHORT_LEASE);
    let mut collectors = [start("0")?, start("1")?, start("2")?].map(Some);
    let mut before = Leader {
        identity: String::new(),
        token: 0,
    };
    for number in 1..=3 {
        cluster.hold([number])?;
        let leader = cluster.wait_for_leader(&[&before.identity])?;
        assert!(leader.token > before.token);
        let mut leading = collectors[leader.identity.parse::<usize>()?].take();
        let leading = leading.as_mut().expect("a dead collector leads");
        let others: Vec<_> = collectors.iter().flatten().collect();
        wait_for_metrics(leading, &others)?;
        wait_for_first_sweep(leading)?;
        collect(leading)?;
        cluster.wait_until_held([])?;
        assert_eq!(logged(leading, "released")?.len(), 1);
        before = leader;
        // The leader is dropped here, and so killed.
    }
    Ok(())
}

#[test]
fn a_leader_that_is_told_to_end_hands_over_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut first = cluster.collector("first", &[])?;
    wait_for_first_sweep(&mut first)?;
    let old = cluster.wait_for_leader(&[])?;
    let mut second = cluster.collector("second", &[])?;
    wait_until_it_follows(&mut second)?;

    // A candidate that ends changes nothing.
    let mut third = cluster.collector("third", &[])?;
    wait_until_it_follows(&mut third)?;
    let (status, _) = third.stop()?;
    assert!(status.success(), "{status}");
    assert_eq!(cluster.leader()?.as_ref(), Some(&old));

    // The lease of the one that ends would have lasted longer than a test waits.
    let (status, log) = first.stop()?;
    assert!(status.success(), "{status}");
    assert_eq!(saying(&log, "handed over").len(), 1);
    let new = cluster.wait_for_leader(&["first"])?;
    assert_eq!(new.identity, "second");
    assert!(new.token > old.token);
    wait_for_metrics(&mut second, &[])
}

#[test]
fn a_leader_that_is_told_to_end_while_it_releases_leaves_the_rest_to_the_next() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut first = cluster.collector("first", &SLOWLY)?;
    wait_for_first_sweep(&mut first)?;
    cluster.hold(1..=10)?;
    begin_to_collect(&mut first)?;
    let (status, log) = first.stop()?;
    assert!(status.success(), "{status}");
    assert_eq!(saying(&log, "handed over").len(), 1);
    let rest = cluster.held()?;
    assert!(!rest.is_empty());
    let given_up = saying(&log, "a sweep was not completed");
    assert_eq!(given_up[0]["result"], "interrupted");
    assert_eq!(given_up[0]["released"], saying(&log, "released").len());
    // Each release is whole.
    lab.holdings()?;

    let mut second = cluster.collector("second", &[])?;
    wait_for_first_sweep(&mut second)?;
    second.sweep_now()?;
    cluster.wait_until_held([])?;
    assert_eq!(logged(&second, "released")?.len(), rest.len());
    lab.ensure_all_is_free()
}

#[test]
fn a_leader_that_slept_through_its_lease_releases_nothing_more() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut first = cluster.collector("first", &[SHORT_LEASE, SLOWLY].concat())?;
    wait_for_first_sweep(&mut first)?;
    cluster.hold(1..=10)?;
    begin_to_collect(&mut first)?;
    let old = cluster.wait_for_leader(&[])?;
    let mut second = cluster.collector("second", &SHORT_LEASE)?;
    first.pause()?;
    let new = cluster.wait_for_leader(&["first"])?;
    assert!(new.token > old.token);
    let held = cluster.held()?;
    assert!(!held.is_empty());

    first.resume()?;
    wait_until_it_follows(&mut first)?;
    assert!(!first.is_leader()? && second.is_leader()?);
    // The second has swept once and confirmed nothing, so the first has released what went.
    assert_eq!(cluster.held()?, held);
    assert_eq!(logged(&first, "released")?.len(), 10 - held.len());
    assert_eq!(ended(&first, "interrupted")?, Some(1.0));
    let collected = metric(&first, "etcd_ipam_collected_total", &[])?;
    assert_eq!(
        collected,
        u32::try_from(10 - held.len()).ok().map(f64::from)
    );
    collect(&mut second)?;
    cluster.wait_until_held([])?;

    // Who was asleep may lead again.
    second.kill();
    let again = cluster.wait_for_leader(&["second"])?;
    assert_eq!(again.identity, "first");
    assert!(again.token > new.token);
    first.wait_until("it leads", Collector::is_leader)
}

#[test]
fn a_leader_that_is_told_to_end_while_nobody_answers_ends_all_the_same() -> Result<()> {
    let mut lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    cluster
        .kubernetes
        .fail(on(Verb::List, Resource::Nodes), Fault::Hang);
    let before = cluster.kubernetes.request_count();
    collector.signal(Signal::SIGHUP)?;
    collector.wait_until("it asks Kubernetes", |_| {
        Ok(cluster.kubernetes.request_count() >= before + 2)
    })?;
    lab.etcd.pause()?;
    let (status, log) = collector.stop()?;
    assert!(status.success(), "{status}");
    assert!(saying(&log, "handed over").is_empty());
    Ok(())
}

#[test]
fn a_leader_whose_key_an_operator_deletes_stands_for_election_again() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut first = cluster.collector("first", &SLOWLY)?;
    wait_for_first_sweep(&mut first)?;
    cluster.hold(1..=10)?;
    begin_to_collect(&mut first)?;
    let mut second = cluster.collector("second", &[])?;
    wait_until_it_follows(&mut second)?;
    lab.raw.delete(lab.layout.leader("default"))?;
    let new = cluster.wait_for_leader(&["first"])?;
    assert_eq!(new.identity, "second");
    wait_until_it_follows(&mut first)?;
    assert_eq!(
        cluster.held()?.len(),
        10 - logged(&first, "released")?.len()
    );
    assert!(!first.is_leader()? && second.is_leader()?);
    Ok(())
}
