//! etcd or Kubernetes is away from all collectors, and comes back.

use anyhow::Result;
use chaos_tests::collector::Collector;
use chaos_tests::collectors::{Cluster, logged, wait_until};
use chaos_tests::lab::Lab;
use nix::sys::signal::Signal;

use crate::SHORT_LEASE;

/// Asks all collectors for sweeps until something holds.
fn sweep_until(
    what: &str,
    collectors: &mut [Collector],
    mut holds: impl FnMut(&[Collector]) -> Result<bool>,
) -> Result<()> {
    wait_until(what, || {
        for collector in collectors.iter_mut() {
            collector.signal(Signal::SIGHUP)?;
        }
        holds(collectors)
    })
}

fn ensure_one_leads(collectors: &[Collector]) -> Result<()> {
    wait_until("one leads", || {
        let leads = collectors.iter().map(Collector::is_leader);
        let leads: Vec<_> = leads.collect::<Result<_>>()?;
        Ok(leads.into_iter().filter(|leads| *leads).count() == 1)
    })
}

#[test]
fn collectors_outlast_a_restart_of_etcd() -> Result<()> {
    let mut lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let start = |name| cluster.collector(name, &SHORT_LEASE);
    let mut collectors = [start("0")?, start("1")?, start("2")?];
    cluster.wait_for_leader(&[])?;
    lab.etcd.kill()?;
    for collector in &mut collectors {
        collector.wait_until("it notices", |it| {
            let errors = it
                .metrics()?
                .value("etcd_ipam_etcd_request_errors_total", &[]);
            Ok(errors > Some(0.0))
        })?;
    }
    lab.etcd.restart()?;
    cluster.hold([1])?;
    sweep_until("the leak is gone", &mut collectors, |_| {
        Ok(cluster.held()?.is_empty())
    })?;
    ensure_one_leads(&collectors)
}

#[test]
fn collectors_that_all_lose_sight_of_the_pods_release_nothing_and_go_on_later() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::new(&lab.etcd)?;
    let start = |name| cluster.collector(name, &[]);
    let mut collectors = [start("0")?, start("1")?];
    cluster.wait_for_leader(&[])?;
    cluster.kubernetes.stop_listening();
    cluster.hold([1])?;
    sweep_until("nobody wants to lead", &mut collectors, |collectors| {
        for collector in collectors {
            if logged(collector, "not ready to be elected")?.is_empty() {
                return Ok(false);
            }
        }
        Ok(cluster.leader()?.is_none())
    })?;
    assert_eq!(cluster.held()?, [1].into());

    cluster.kubernetes.listen()?;
    sweep_until("the leak is gone", &mut collectors, |_| {
        Ok(cluster.held()?.is_empty())
    })?;
    ensure_one_leads(&collectors)
}
