//! Which Kubernetes cluster a collector works for.

use anyhow::{Context as _, Result};
use chaos_tests::collectors::{Cluster, collect, metric, wait_for_first_sweep};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use nix::sys::signal::Signal;
use serde_json::json;

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

#[test]
fn a_collector_that_sees_another_cluster_under_its_name_refuses_to_run() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.kubernetes.set_cluster_uid(FIRST)?;
    let mut first = cluster.collector("first", &[])?;
    wait_for_first_sweep(&mut first)?;
    let recorded = lab.raw.get(lab.layout.identity("default"))?;
    assert_eq!(recorded.as_deref(), Some(FIRST.as_bytes()));

    // The records of the first are nothing to the other, and must not look leaked to it.
    cluster.hold([1])?;
    cluster.live([1])?;
    let intruder = Cluster::new(&lab.etcd)?;
    intruder.kubernetes.set_cluster_uid(OTHER)?;
    for once in ["--once=true", "--once=false"] {
        let arguments = ["--listen", "127.0.0.1:0", once];
        let output = intruder.run_to_end(&lab.etcd.endpoint(), &arguments)?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for named in [FIRST, OTHER, "default"] {
            assert!(output.stderr.contains(named), "{}", output.stderr);
        }
    }
    assert!(first.is_leader()?);

    // A leader whose kubeconfig begins to lead elsewhere ends, too.
    cluster.kubernetes.set_cluster_uid(OTHER)?;
    cluster.end(1)?;
    first.signal(Signal::SIGHUP)?;
    let ended = first.wait_until("it has ended", |_| Ok(false));
    let ended = format!("{:#}", ended.err().context("it goes on")?);
    assert!(ended.contains("exit status: 1"), "{ended}");
    assert_eq!(cluster.held()?, [1].into());
    Ok(())
}

#[test]
fn clusters_that_share_a_store_judge_only_their_own_records() -> Result<()> {
    let lab = Lab::new()?;
    let blue = Cluster::named("blue", &lab.etcd)?;
    let green = Cluster::named("green", &lab.etcd)?;
    let mut collectors = [blue.collector("blue", &[])?, green.collector("green", &[])?];
    for collector in &mut collectors {
        wait_for_first_sweep(collector)?;
    }
    blue.hold([1, 2])?;
    blue.live([1])?;
    green.hold([3, 4])?;
    green.live([3])?;
    let [ours, theirs] = &mut collectors;
    collect(ours)?;
    assert_eq!(blue.held()?, [1].into());
    assert_eq!(green.held()?, [3, 4].into());
    collect(theirs)?;
    assert_eq!(green.held()?, [3].into());
    assert_eq!(lab.holdings()?.addresses(), 2);
    Ok(())
}

#[test]
fn pods_of_two_clusters_at_one_address_are_a_conflict() -> Result<()> {
    let lab = Lab::new()?;
    let blue = Cluster::named("blue", &lab.etcd)?;
    let green = Cluster::named("green", &lab.etcd)?;
    blue.hold([7])?;
    blue.live([7])?;
    // A pod of the other cluster says that it has the same address.
    green.live([7])?;
    // This makes the range known.
    let range = network("net", json!({"range": "10.90.0.0/24"}));
    lab.node.add("another", &range)?.success()?;
    let mut collector = green.collector("green", &[])?;
    wait_for_first_sweep(&mut collector)?;
    collect(&mut collector)?;
    assert_eq!(metric(&collector, "etcd_ipam_conflicts", &[])?, Some(1.0));
    assert_eq!(blue.held()?, [7].into());
    assert!(green.held()?.is_empty());
    Ok(())
}
