//! An operator's wish reaches the collector, and its report the operator.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use chaos_tests::binaries;
use chaos_tests::ctl;
use chaos_tests::process::Output;
use serde_json::{Value, json};
use store::collect::Fenced;
use store::election::Fence;
use store::request::PendingRequest;

use super::bench::{Bench, CLUSTER, soon, until};

/// What a collector does: waits for a wish, without asking again and again.
async fn hear(bench: &Bench) -> Result<PendingRequest> {
    let store = &bench.store;
    loop {
        let (pending, revision) = store.pending_request(CLUSTER, soon(store)).await?;
        if let Some(pending) = pending {
            return Ok(pending?);
        }
        store.await_request(CLUSTER, revision).await?;
    }
}

fn answer(bench: &Bench, fence: &Fence, pending: PendingRequest, report: Value) -> Result<()> {
    let store = &bench.store;
    let answer = store.answer_request(fence, CLUSTER, pending, report, soon(store));
    assert_eq!(bench.wait(answer)??, Fenced::Done(()));
    Ok(())
}

fn wish(bench: &Bench) -> Result<Option<Vec<u8>>> {
    bench.raw.get(bench.store.keys().request(CLUSTER))
}

fn gc(bench: &Bench, more: &[&str]) -> Result<Output> {
    ctl::run(&[bench.etcd.endpoint()], &[&["gc"], more].concat())
}

#[test]
fn the_collector_hears_a_wish_and_its_answer_is_printed() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let leadership = bench.lead()?;
        for (more, dry_run) in [(["--dry-run"].as_slice(), true), (&[], false)] {
            let report = json!({"result": "complete", "records": 3});
            let arguments = [more, &["-o", "json"]].concat();
            let output = thread::scope(|scope| {
                let asking = scope.spawn(|| gc(&bench, &arguments));
                let pending = bench.wait(hear(&bench))??;
                assert_eq!(pending.request.dry_run, dry_run);
                answer(&bench, leadership.fence(), pending, report.clone())?;
                asking
                    .join()
                    .map_err(|_| anyhow!("the operator panicked"))?
            })?;
            assert!(output.status.success(), "{output:?}");
            assert_eq!(serde_json::from_str::<Value>(&output.stdout)?, report);
        }
        // The last answer stays for whoever looks, and is no wish.
        let store = &bench.store;
        let (pending, _) = bench.wait(store.pending_request(CLUSTER, soon(store)))??;
        assert!(pending.is_none() && wish(&bench)?.is_some());
    }
    Ok(())
}

#[test]
fn a_wish_that_nobody_answers_leaves_nothing() -> Result<()> {
    let bench = Bench::new()?;
    // Nobody leads.
    let output = gc(&bench, &[])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("no collector leads"), "{output:?}");
    assert_eq!(wish(&bench)?, None);

    // Somebody leads and hears nothing.
    let _leadership = bench.lead()?;
    let output = gc(&bench, &["--wait", "1s"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("withdrawn"), "{output:?}");
    assert_eq!(wish(&bench)?, None);
    Ok(())
}

#[test]
fn the_wish_of_an_operator_who_went_away_is_forgotten() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let _leadership = bench.lead()?;
        let mut asking = Command::new(binaries::ipamctl()?)
            .args(["gc", "--wait", "10s", "--endpoints", &bench.etcd.endpoint()])
            .env_clear()
            .stderr(Stdio::null())
            .spawn()?;
        let asked = until("the wish is there", || Ok(wish(&bench)?.is_some()));
        asking.kill()?;
        asking.wait()?;
        asked?;
        until("the wish is forgotten", || Ok(wish(&bench)?.is_none()))?;
    }
    Ok(())
}

#[test]
fn an_answer_that_comes_too_late_is_not_given() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    let store = &bench.store;
    let deadline = soon(store);
    let lifetime = Duration::from_mins(5);
    let wish = bench.wait(store.request_sweep(CLUSTER, false, lifetime, deadline))??;
    let pending = bench.wait(store.pending_request(CLUSTER, deadline))??.0;
    let pending = pending.context("no wish")??;
    bench.wait(store.withdraw_request(&wish, deadline))??;
    let late = store.answer_request(
        leadership.fence(),
        CLUSTER,
        pending,
        json!({"result": "complete"}),
        deadline,
    );
    assert_eq!(bench.wait(late)??, Fenced::Changed);
    assert_eq!(bench.raw.get(store.keys().request(CLUSTER))?, None);
    Ok(())
}
