//! When a sweep is made: by the schedule, on a signal, on an operator's wish, or once.

use anyhow::{Context as _, Result};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::collectors::{
    Cluster, begin_to_collect, logged, metric, wait_for_first_sweep, wait_until,
};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::record;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::SLOWLY;

/// Writes an operator's wish as it is documented, and waits for the answer.
fn request(lab: &Lab, id: &str, dry_run: bool) -> Result<Value> {
    let key = lab.layout.sweep_request("default");
    let wish = json!({"id": id, "asked": "2026-01-05T08:00:00Z", "dry_run": dry_run});
    lab.raw.put(key.as_str(), wish.to_string())?;
    let mut answer = Value::Null;
    wait_until("the wish is answered", || {
        let value = lab.raw.get(key.as_str())?.context("no request")?;
        let request: Value = serde_json::from_slice(&value)?;
        assert_eq!(request["id"], id);
        answer = request["answer"].clone();
        Ok(!answer.is_null())
    })?;
    Ok(answer)
}

/// Every sweep ended before the next began. Returns how many ended.
fn ensure_no_overlap(collector: &Collector) -> Result<usize> {
    let log = collector.log()?;
    let messages = log.iter().filter_map(|line| line["message"].as_str());
    let steps: Vec<_> = messages
        .filter(|message| message.starts_with("a sweep "))
        .collect();
    for pair in steps.chunks(2) {
        assert_eq!(pair, &["a sweep begins", "a sweep ended"][..pair.len()]);
    }
    Ok(steps.len() / 2)
}

#[test]
fn an_operator_may_ask_for_sweeps_that_only_look_and_for_sweeps_that_release() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    cluster.hold([1])?;
    let answer = request(&lab, "one", true)?;
    assert_eq!(answer["result"], "dry_run");
    assert_eq!(answer["candidates"], json!({"pod_gone": 1}));
    let answer = request(&lab, "two", true)?;
    assert_eq!(answer["released"], json!({"pod_gone": 1}));
    assert_eq!(
        answer["releases"]["newest"][0]["addresses"],
        json!(["10.90.0.1"])
    );
    assert_eq!(cluster.held()?, [1].into());

    let answer = request(&lab, "three", false)?;
    assert_eq!(answer["result"], "complete");
    assert_eq!(answer["released"], json!({"pod_gone": 1}));
    assert_eq!(answer["releases"]["newest"][0]["pod"], "test/pod-1");
    assert!(cluster.held()?.is_empty());

    // What is no wish is not obeyed, and harms nobody.
    let sweeps = metric(&collector, "etcd_ipam_sweeps_total", &[])?;
    for garbage in ["", "{", "[]", r#"{"id": 7}"#] {
        lab.raw.put(lab.layout.sweep_request("default"), garbage)?;
    }
    collector.wait_until("it says so", |it| {
        Ok(!logged(it, "a request cannot be read")?.is_empty())
    })?;
    assert_eq!(metric(&collector, "etcd_ipam_sweeps_total", &[])?, sweeps);
    let answer = request(&lab, "four", false)?;
    assert_eq!(answer["result"], "complete");
    Ok(())
}

#[test]
fn ipamctl_asks_whoever_leads_and_shows_the_report() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1])?;
    let gc = |more: &[&str]| ctl::run(&[lab.etcd.endpoint()], &[&["gc"], more].concat());
    let nobody = gc(&[])?;
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(nobody.stderr.contains("no collector leads"), "{nobody:?}");

    let mut leader = cluster.collector("the-leader", &[])?;
    wait_for_first_sweep(&mut leader)?;
    let looked = gc(&["--dry-run", "-o", "json"])?;
    assert!(looked.status.success(), "{looked:?}");
    assert!(looked.stderr.contains("the-leader"), "{looked:?}");
    let report: Value = serde_json::from_str(&looked.stdout)?;
    assert_eq!(report["result"], "dry_run");
    assert_eq!(report["released"], json!({"pod_gone": 1}));
    assert_eq!(cluster.held()?, [1].into());

    let done = gc(&[])?;
    assert!(done.status.success(), "{done:?}");
    assert!(done.stdout.contains("10.90.0.1"), "{}", done.stdout);
    assert!(cluster.held()?.is_empty());

    // What cannot be done now is no success.
    lab.raw
        .put(lab.layout.freeze(), r#"{"reason":"a drill"}"#)?;
    let frozen = gc(&[])?;
    assert_eq!(frozen.status.code(), Some(1), "{frozen:?}");
    assert!(frozen.stderr.contains("a drill"), "{frozen:?}");
    Ok(())
}

#[test]
fn what_is_asked_for_while_a_sweep_goes_on_comes_after_it() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &SLOWLY)?;
    wait_for_first_sweep(&mut collector)?;
    cluster.hold(1..=3)?;
    begin_to_collect(&mut collector)?;
    for _ in 0..10 {
        collector.signal(Signal::SIGHUP)?;
    }
    let answer = request(&lab, "one", true)?;
    assert_eq!(answer["result"], "dry_run");
    cluster.wait_until_held([])?;
    // The first, the two that collected, one for all the signals, one for the wish.
    collector.wait_until("it has swept again", |it| Ok(it.sweeps()? >= 5.0))?;
    assert_eq!(ensure_no_overlap(&collector)?, 5);
    Ok(())
}

#[test]
fn a_schedule_is_kept_with_the_arguments_of_the_first_manifest() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let arguments = [
        "--log-level=debug",
        "--enable-pod-watch=false",
        "--cron-schedule=* * * * *",
    ];
    let mut collector = cluster.collector("it", &arguments)?;
    wait_for_first_sweep(&mut collector)?;
    let without_pod = cluster.record(1).pod("", "", "");
    record::write(&lab.raw, &lab.layout, [without_pod])?;
    let scheduled = |it: &Collector| {
        let mut begun = logged(it, "a sweep begins")?;
        begun.retain(|line| line["occasion"] == "schedule");
        anyhow::Ok(begun)
    };
    // One wait may end just before the minute does.
    let _ = collector.wait_until("it is due", |it| Ok(!scheduled(it)?.is_empty()));
    collector.wait_until("it is due", |it| Ok(!scheduled(it)?.is_empty()))?;
    let begun = scheduled(&collector)?;
    let time = begun[0]["timestamp"].as_str().context("no time")?;
    let second = time.split(':').nth(2).context("no second")?;
    assert!(second.starts_with("00."), "{time}");
    // What nothing is done about is told only at this level.
    collector.sweep_now()?;
    let kept = logged(&collector, "kept")?;
    assert!(kept.iter().any(|line| line["level"] == "DEBUG"), "{kept:?}");
    Ok(())
}

#[test]
fn a_single_run_releases_and_ends() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1, 2])?;
    cluster.live([2])?;
    let endpoint = lab.etcd.endpoint();
    let output = cluster.run_to_end(&endpoint, &["--once", "--dry-run"])?;
    assert!(output.status.success(), "{output:?}");
    let reports: Vec<Value> = output
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[1]["released"], json!({"pod_gone": 1}));
    assert_eq!(cluster.held()?, [1, 2].into());

    let output = cluster.run_to_end(&endpoint, &["--once"])?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(cluster.held()?, [2].into());
    // The next need not wait for its lease.
    assert_eq!(cluster.leader()?, None);
    Ok(())
}

#[test]
fn a_single_run_that_cannot_do_its_work_says_why_and_fails() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1])?;
    let leader = cluster.collector("the-leader", &[])?;
    cluster.wait_for_leader(&[])?;
    let endpoint = lab.etcd.endpoint();
    let fails = |cluster: &Cluster, why: &str| {
        let output = cluster.run_to_end(&endpoint, &["--once", "--election-ttl", "2s"])?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains(why), "{why}: {}", output.stderr);
        anyhow::Ok(())
    };
    fails(&cluster, r#"\"the-leader\" leads"#)?;
    assert!(leader.is_leader()?);
    drop(leader);
    cluster.kubernetes.stop_listening();
    fails(&cluster, "the Kubernetes API cannot be reached")?;
    assert_eq!(cluster.held()?, [1].into());
    Ok(())
}

#[test]
fn a_single_run_without_an_etcd_does_not_say_that_another_leads() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let pods = directory.path().join("pods.json");
    std::fs::write(&pods, json!({"kind": "List", "items": []}).to_string())?;
    let nowhere = ["http://127.0.0.1:1".to_owned()];
    let output = Collector::once(&nowhere, &Source::File(pods), &["--election-ttl", "2s"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let last = output.stderr.lines().last().context("no log")?;
    assert!(last.contains("no election could be held: "), "{last}");
    Ok(())
}
