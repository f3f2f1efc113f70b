//! A leader that is cut off: from etcd, or from Kubernetes.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use chaos_tests::collector::Source;
use chaos_tests::collectors::{
    Cluster, begin_to_collect, collect, ended, lead_astray, logged, wait_for_first_sweep,
    wait_until_it_follows,
};
use chaos_tests::lab::Lab;
use chaos_tests::proxy::Proxy;

use crate::SHORT_LEASE;

#[test]
fn a_release_that_was_on_its_way_while_another_took_over_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let proxy = Proxy::of(&lab.etcd.endpoint())?;
    // So many releases a second that one is begun before the leader knows that etcd is silent.
    let arguments = [
        "--election-ttl=6s",
        "--max-releases-per-second=5",
        "--breaker-min=100",
    ];
    let mut first = cluster.collector_at(&proxy.url(), &cluster.source(), "first", &arguments)?;
    wait_for_first_sweep(&mut first)?;
    cluster.hold(1..=100)?;
    begin_to_collect(&mut first)?;
    proxy.cut();
    let held = cluster.held()?;
    // Only a release names an owner's key: the election and the history have others.
    let owners = lab.layout.owners();
    first.wait_until("a release is on its way", |_| Ok(proxy.holds(&owners)))?;
    first.pause()?;

    let second = cluster.collector("second", &SHORT_LEASE)?;
    cluster.wait_for_leader(&["first"])?;
    // By now the pods are known to live.
    cluster.live(1..=100)?;
    proxy.mend();
    // etcd answers before the client wakes up and takes its request back.
    thread::sleep(Duration::from_millis(500));
    first.resume()?;
    wait_until_it_follows(&mut first)?;
    assert!(!first.is_leader()? && second.is_leader()?);
    assert_eq!(cluster.held()?, held);
    lab.holdings()?;
    Ok(())
}

#[test]
fn a_leader_that_is_cut_off_from_etcd_knows_that_it_leads_no_longer() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let proxy = Proxy::of(&lab.etcd.endpoint())?;
    let source = cluster.source();
    let mut first = cluster.collector_at(&proxy.url(), &source, "first", &SHORT_LEASE)?;
    wait_for_first_sweep(&mut first)?;
    let old = cluster.wait_for_leader(&[])?;
    let mut second = cluster.collector("second", &SHORT_LEASE)?;
    wait_until_it_follows(&mut second)?;
    proxy.cut();
    first.wait_until("it gives up", |it| {
        Ok(!logged(it, "leads no longer")?.is_empty())
    })?;
    assert!(!first.is_leader()?);
    let new = cluster.wait_for_leader(&["first"])?;
    assert!(new.token > old.token);
    wait_for_first_sweep(&mut second)?;
    cluster.hold([1])?;
    collect(&mut second)?;
    cluster.wait_until_held([])?;
    assert_eq!(first.get("/healthz")?.status, 200);

    proxy.mend();
    wait_until_it_follows(&mut first)?;
    assert_eq!(cluster.leader()?, Some(new));
    Ok(())
}

#[test]
fn a_leader_that_cannot_see_the_pods_lets_another_lead() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let directory = tempfile::tempdir()?;
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::copy(cluster.kubernetes.kubeconfig(), &kubeconfig)?;
    let source = Source::Kubernetes(kubeconfig.clone());
    let mut first = cluster.collector_at(&lab.etcd.endpoint(), &source, "first", &[])?;
    wait_for_first_sweep(&mut first)?;
    let mut second = cluster.collector("second", &[])?;
    wait_until_it_follows(&mut second)?;
    cluster.hold([1])?;

    lead_astray(&kubeconfig)?;
    for _ in 0..3 {
        assert!(first.is_leader()?);
        first.sweep_now()?;
    }
    assert_eq!(ended(&first, "void")?, Some(3.0));
    // Its lease would have lasted longer than a test waits.
    let leader = cluster.wait_for_leader(&["first"])?;
    assert_eq!(leader.identity, "second");
    wait_for_first_sweep(&mut second)?;
    collect(&mut second)?;
    cluster.wait_until_held([])?;

    // While it cannot see the pods it is no candidate.
    first.wait_until("it says why it waits", |it| {
        Ok(!logged(it, "not ready to be elected")?.is_empty())
    })?;
    assert!(logged(&first, "another leads")?.is_empty());
    std::fs::copy(cluster.kubernetes.kubeconfig(), &kubeconfig)?;
    wait_until_it_follows(&mut first)
}
