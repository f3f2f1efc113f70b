//! What a collector asks for between its sweeps.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaos_tests::collector::Collector;
use chaos_tests::collectors::{
    Cluster, collect, metric, wait_for_first_sweep, wait_until, wait_until_it_follows,
};
use chaos_tests::kubernetes::Verb;
use chaos_tests::lab::Lab;

/// Longer than anything is repeated that must not be.
const A_WHILE: Duration = Duration::from_secs(2);

/// How many requests of a kind were made of etcd.
fn asked(collector: &Collector, operation: &str) -> Result<Option<f64>> {
    let count = "etcd_ipam_etcd_request_duration_seconds_count";
    metric(collector, count, &[("operation", operation)])
}

#[test]
fn between_sweeps_nothing_is_asked_for_but_that_the_lease_goes_on() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut leader = cluster.collector("leader", &["--election-ttl", "3s"])?;
    wait_for_first_sweep(&mut leader)?;
    let mut candidate = cluster.collector("candidate", &[])?;
    wait_until_it_follows(&mut candidate)?;
    cluster.hold([1])?;
    collect(&mut leader)?;
    // The release's Event goes out, and the history's position is recorded.
    wait_until("the release was told", || {
        Ok(!cluster.kubernetes.events()?.is_empty())
    })?;
    thread::sleep(A_WHILE);

    let requests = cluster.kubernetes.request_count();
    let look = || {
        let kinds = ["txn", "watch", "lease_grant", "lease_revoke"];
        let of_both = [&leader, &candidate].map(|it| kinds.map(|kind| asked(it, kind)));
        let counts = of_both.into_iter().flatten();
        counts.collect::<Result<Vec<_>>>()
    };
    let renewals = || asked(&leader, "lease_keep_alive")?.context("no such kind");
    let (before, first) = (look()?, renewals()?);
    let since = Instant::now();
    thread::sleep(A_WHILE);
    assert_eq!(cluster.kubernetes.request_count(), requests);
    assert_eq!(look()?, before);
    assert_eq!(asked(&candidate, "lease_keep_alive")?, Some(0.0));
    // Three times in the length of a lease, which here is once a second.
    let renewed = renewals()? - first;
    assert!(renewed > 0.5 && renewed < since.elapsed().as_secs_f64() + 2.0);
    Ok(())
}

#[test]
fn a_pod_that_the_watch_saw_go_has_waited_since_then() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let grace = Duration::from_secs(4);
    let arguments = ["--enable-pod-watch", "--grace-period", "4s"];
    let mut watching = cluster.collector("watching", &arguments)?;
    wait_for_first_sweep(&mut watching)?;
    cluster.hold([1])?;
    cluster.live([1])?;
    watching.sweep_now()?;
    let watches = || {
        let requests = cluster.kubernetes.requests();
        requests
            .iter()
            .filter(|request| request.verb == Verb::Watch)
            .count()
    };
    wait_until("it watches", || Ok(watches() == 1))?;
    let requests = cluster.kubernetes.request_count();
    cluster.end(1)?;
    let went = Instant::now();
    thread::sleep(grace);
    // The watch went on meanwhile, and was all.
    assert_eq!(
        (watches(), cluster.kubernetes.request_count()),
        (1, requests)
    );
    let swept = Instant::now();
    collect(&mut watching)?;
    let took = swept.elapsed();
    if took < grace {
        // Who has not watched would wait for the whole period from the first of these sweeps on.
        assert!(
            cluster.held()?.is_empty(),
            "{:?} after it went",
            went.elapsed()
        );
    }
    Ok(())
}

#[test]
fn a_pod_whose_end_nobody_watched_waits_from_the_next_sweep_on() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &["--grace-period", "30s"])?;
    wait_for_first_sweep(&mut collector)?;
    cluster.hold([1])?;
    collect(&mut collector)?;
    let gone = [("evidence", "pod_gone")];
    let waiting = metric(&collector, "etcd_ipam_candidates", &gone)?;
    assert_eq!(waiting, Some(1.0));
    assert_eq!(cluster.held()?, [1].into());
    Ok(())
}
