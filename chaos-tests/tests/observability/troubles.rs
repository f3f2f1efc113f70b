//! Every alert, with the trouble that it is there for. None of them waits here, as `for` would have it;
//! nothing else is changed.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use chaos_tests::collectors::wait_until;
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::kubernetes::pod;
use chaos_tests::plugin::network;
use chaos_tests::prometheus::{Install, Prometheus};
use chaos_tests::reconciling::AT_ONCE;
use etcd_client::CompactionOptions;
use serde_json::json;

use crate::files::{rules_with, text};
use crate::live::{Live, watch_etcd};

/// What the tests below have fire.
const PROVOKED: [&[&str]; 5] = [RANGES, RECORDS, DEATHS, OUTAGE, FULL];

const RANGES: &[&str] = &[
    "EtcdIpamRangeNearlyFull",
    "EtcdIpamRangeFullSoon",
    "EtcdIpamRangeExhausted",
    "EtcdIpamAddsFailing",
];
const RECORDS: &[&str] = &[
    "EtcdIpamLeaksFound",
    "EtcdIpamLeaksStay",
    "EtcdIpamAddressConflict",
    "EtcdIpamDamagedKeys",
    "EtcdIpamLeaderFlaps",
    "EtcdIpamStoreFrozen",
    "EtcdIpamStoreRefused",
];
const DEATHS: &[&str] = &["EtcdIpamBreakerOpen", "EtcdIpamHistoryGap"];
const OUTAGE: &[&str] = &[
    "EtcdIpamNoLeader",
    "EtcdIpamEtcdFailing",
    "EtcdIpamSweepFailing",
    "EtcdIpamEtcdNotScraped",
    "EtcdIpamCollectorGone",
];
const FULL: &[&str] = &["EtcdIpamEtcdNearQuota", "EtcdIpamEtcdFull"];

#[test]
fn no_alert_is_left_out() -> Result<()> {
    let rules = rules_with("alert")?;
    let alerts: Result<BTreeSet<_>> = rules.iter().map(|alert| text(alert, "alert")).collect();
    assert_eq!(BTreeSet::from_iter(PROVOKED.concat()), alerts?);
    Ok(())
}

/// Waits until this alert fires. Fails if its texts are not what a person can read.
fn fires(prometheus: &mut Prometheus, alert: &str) -> Result<()> {
    prometheus.wait_for(&format!(
        r#"ALERTS{{alertname="{alert}", alertstate="firing"}}"#
    ))?;
    for alert in prometheus.alerts()? {
        let notes = alert["annotations"].to_string();
        ensure!(
            !notes.contains("<no value>") && !notes.contains("<error"),
            "{notes}"
        );
    }
    Ok(())
}

/// Fails if this alert fires already.
fn is_silent(prometheus: &Prometheus, alert: &str) -> Result<()> {
    let fires = prometheus.query(&format!(r#"ALERTS{{alertname="{alert}"}}"#))?;
    ensure!(fires.is_empty(), "{fires:?}");
    Ok(())
}

/// Twelve records of pods that are gone, on a node that is well.
fn write_leaks(live: &Live) -> Result<()> {
    live.scene.machines(&["w1"])?;
    let leaks = (1..=12).map(|number| live.scene.attached("w1", &format!("leak-{number}")));
    live.scene.write(leaks)
}

#[test]
fn a_range_that_fills_up_alerts() -> Result<()> {
    let Some(install) = Install::for_test("a_range_that_fills_up_alerts") else {
        return Ok(());
    };
    let mut live = Live::new(&AT_ONCE)?;
    let small = network("small", json!({"range": "10.87.0.0/28"}));
    live.add("0", &small)?;
    live.sweep()?;
    let mut prometheus = live.watched_by(&install)?;
    prometheus.wait_for(r#"etcd_ipam_addresses{state="free"} == 13"#)?;
    for alert in RANGES {
        is_silent(&prometheus, alert)?;
    }
    for number in 1..=12 {
        live.add(&number.to_string(), &small)?;
    }
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamRangeNearlyFull")?;
    fires(&mut prometheus, "EtcdIpamRangeFullSoon")?;
    is_silent(&prometheus, "EtcdIpamRangeExhausted")?;
    live.add("13", &small)?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamRangeExhausted")?;
    // What the kubelet then counts.
    live.scene.lab.node.add("14", &small)?.failure(100)?;
    live.kubelet.fail(6);
    fires(&mut prometheus, "EtcdIpamAddsFailing")
}

#[test]
fn records_without_living_pods_and_stores_out_of_use_alert() -> Result<()> {
    let name = "records_without_living_pods_and_stores_out_of_use_alert";
    let Some(install) = Install::for_test(name) else {
        return Ok(());
    };
    let mut live = Live::new(&AT_ONCE)?;
    let mut prometheus = live.watched_by(&install)?;
    prometheus.wait_for("sum(etcd_ipam_leader) == 1")?;

    write_leaks(&live)?;
    live.sweep()?;
    is_silent(&prometheus, "EtcdIpamLeaksFound")?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamLeaksFound")?;

    let stranger = live.scene.attached("never-seen", "stranger");
    let held = live.scene.attached("w1", "held");
    let address = held.addresses()[0].to_string();
    live.scene.write([stranger, held])?;
    let user = pod("shop", "user", "uid-of-user", "w1").ip(&address);
    live.scene.kubernetes.put_pod(user)?;
    let ip = live.scene.next_address();
    let key = live.scene.lab.layout.address("default", ip);
    live.scene.lab.raw.put(key, "{damaged")?;
    live.sweep()?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamLeaksStay")?;
    fires(&mut prometheus, "EtcdIpamAddressConflict")?;
    fires(&mut prometheus, "EtcdIpamDamagedKeys")?;

    for _ in 0..5 {
        is_elected_anew(&mut live)?;
    }
    fires(&mut prometheus, "EtcdIpamLeaderFlaps")?;

    is_silent(&prometheus, "EtcdIpamStoreFrozen")?;
    live.scene.lab.ctl(&["freeze", "--reason", "a drill"], 0)?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamStoreFrozen")?;

    is_silent(&prometheus, "EtcdIpamStoreRefused")?;
    live.scene.lab.raw.delete(live.scene.lab.layout.store())?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamStoreRefused")
}

/// Takes the election from the collector that leads, and waits until one leads again.
fn is_elected_anew(live: &mut Live) -> Result<()> {
    let key = live.scene.lab.layout.leader("default");
    let transitions = |live: &Live| -> Result<f64> {
        let mut sum = 0.0;
        for collector in &live.collectors {
            let metrics = collector.metrics()?;
            let counted = metrics.value("etcd_ipam_leader_transitions_total", &[]);
            sum += counted.unwrap_or_default();
        }
        Ok(sum)
    };
    let before = transitions(live)?;
    live.scene.lab.raw.delete(key)?;
    wait_until("one loses and one wins", || {
        Ok(transitions(live)? >= before + 2.0)
    })?;
    live.leader().map(drop)
}

#[test]
fn deaths_that_nobody_believes_and_a_history_that_nobody_read_alert() -> Result<()> {
    let name = "deaths_that_nobody_believes_and_a_history_that_nobody_read_alert";
    let Some(install) = Install::for_test(name) else {
        return Ok(());
    };
    let careful = ["--grace-period=0s"];
    let mut live = Live::new(&careful)?;
    let mut prometheus = live.watched_by(&install)?;
    prometheus.wait_for("sum(etcd_ipam_leader) == 1")?;
    write_leaks(&live)?;
    live.sweep()?;
    is_silent(&prometheus, "EtcdIpamBreakerOpen")?;
    live.sweep()?;
    fires(&mut prometheus, "EtcdIpamBreakerOpen")?;

    let position = live.scene.lab.layout.history("default");
    wait_until("the history has begun", || {
        Ok(live.scene.lab.raw.get(position.clone())?.is_some())
    })?;
    // Nobody collects, and etcd forgets what happens meanwhile.
    is_silent(&prometheus, "EtcdIpamHistoryGap")?;
    live.collectors.clear();
    let net = network("net", json!({"range": "10.85.0.0/24"}));
    live.scene.lab.node.add("a", &net)?.success()?;
    live.scene.lab.node.del("a", &net)?.silence()?;
    let status = live
        .scene
        .lab
        .raw
        .ask(async |client| client.status().await)?;
    let revision = status
        .header()
        .map_or(0, etcd_client::ResponseHeader::revision);
    let whole = CompactionOptions::new().with_physical();
    live.scene
        .lab
        .raw
        .ask(async |client| client.compact(revision, Some(whole)).await)?;
    live.start_collectors(&careful)?;
    live.leader()?.wait_until("it sees the gap", |it| {
        Ok(it.metrics()?.value("etcd_ipam_history_gaps_total", &[]) == Some(1.0))
    })?;
    let mut prometheus = live.watched_by(&install)?;
    fires(&mut prometheus, "EtcdIpamHistoryGap")
}

#[test]
fn an_etcd_that_is_gone_alerts_and_so_do_collectors_that_are() -> Result<()> {
    let name = "an_etcd_that_is_gone_alerts_and_so_do_collectors_that_are";
    let Some(install) = Install::for_test(name) else {
        return Ok(());
    };
    let mut live = Live::new(&AT_ONCE)?;
    live.scene.lab.etcd.kill()?;
    // It has seen no better times: a window of it is as long as it has watched.
    let mut prometheus = live.watched_without_etcd(&install)?;
    fires(&mut prometheus, "EtcdIpamNoLeader")?;
    fires(&mut prometheus, "EtcdIpamEtcdFailing")?;
    fires(&mut prometheus, "EtcdIpamSweepFailing")?;
    fires(&mut prometheus, "EtcdIpamEtcdNotScraped")?;
    is_silent(&prometheus, "EtcdIpamCollectorGone")?;
    live.collectors.clear();
    fires(&mut prometheus, "EtcdIpamCollectorGone")
}

#[test]
fn an_etcd_that_fills_up_alerts() -> Result<()> {
    let Some(install) = Install::for_test("an_etcd_that_fills_up_alerts") else {
        return Ok(());
    };
    let etcd = EtcdServer::start_with(Options {
        quota_bytes: Some(16 << 20),
        ..Options::default()
    })?;
    ctl::init(&[etcd.endpoint()], &[])?;
    let mut prometheus = watch_etcd(&install, &etcd)?;
    prometheus.wait_for("member:etcd_ipam_quota_used:ratio < 0.8")?;
    for alert in FULL {
        is_silent(&prometheus, alert)?;
    }
    etcd.raw()?.fill_up("/ballast/")?;
    for alert in FULL {
        fires(&mut prometheus, alert)?;
    }
    Ok(())
}
