//! Only who leads may write, and only while the store is not frozen.

use anyhow::{Context as _, Result};
use serde_json::json;
use store::collect::{Fenced, Taken};
use store::election::Fence;
use store::inspect::Owner;
use store::sweep::LastSweep;

use super::bench::{Bench, CLUSTER, soon};
use super::sample::{attachment, record};

/// What a collector writes, and what each came to.
struct Writes {
    release: Fenced<Option<i64>>,
    delete: Fenced<usize>,
    adopt: Fenced<Result<(), Taken>>,
    identity: Fenced<()>,
    history: Fenced<()>,
    last_sweep: Fenced<()>,
    answer: Fenced<()>,
}

/// Tries all of them.
fn write(bench: &Bench, fence: &Fence, dead: &Owner) -> Result<Writes> {
    let store = &bench.store;
    let deadline = soon(store);
    let rest = bench.listed(&bench.address("10.1.0.200")?)?;
    let adopted = record(&["10.1.0.50"])?;
    let lost = attachment("adopted");
    let request = store.pending_request(CLUSTER, deadline);
    let request = bench.wait(request)??.0.context("no request")??;
    Ok(Writes {
        history: bench.wait(store.record_history(fence, CLUSTER, 7, deadline))??,
        last_sweep: bench.wait(store.record_sweep(
            fence,
            CLUSTER,
            &LastSweep {
                error: Some("e".repeat(5000)),
                ..LastSweep::default()
            },
            deadline,
        ))??,
        answer: bench.wait(store.answer_request(
            fence,
            CLUSTER,
            request,
            json!({"result": "complete"}),
            deadline,
        ))??,
        release: bench.wait(store.release_dead(fence, dead, deadline))??,
        delete: bench.wait(store.delete_listed(fence, &[rest], deadline))??,
        adopt: bench.wait(store.adopt(fence, &lost, &adopted, deadline))??,
        identity: bench.wait(store.record_identity(fence, CLUSTER, "uid", deadline))??,
    })
}

/// A dead attachment, a rest that is over, and an operator's wish.
fn prepare(bench: &Bench) -> Result<Owner> {
    let dead = bench.add("dead", &["10.1.0.10", "fd00::10"], 0)?;
    bench.raw.put(
        bench.address("10.1.0.200")?,
        json!({"kind": "cooldown", "released": "2026-01-01T00:00:00Z", "cooldown_s": 1, "was": ""})
            .to_string(),
    )?;
    let wish = json!({"id": "1", "asked": "2026-01-01T00:00:00Z"});
    let key = bench.store.keys().request(CLUSTER);
    bench.raw.put(key, wish.to_string())?;
    Ok(dead)
}

#[test]
fn whoever_leads_may_write() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let dead = prepare(&bench)?;
        let leadership = bench.lead()?;
        let writes = write(&bench, leadership.fence(), &dead)?;
        let Fenced::Done(Some(revision)) = writes.release else {
            anyhow::bail!("{:?}", writes.release);
        };
        assert!(revision > leadership.fence().token());
        assert_eq!(writes.delete, Fenced::Done(1));
        assert_eq!(writes.adopt, Fenced::Done(Ok(())));
        assert_eq!(writes.identity, Fenced::Done(()));
        assert_eq!(writes.history, Fenced::Done(()));
        assert_eq!(writes.last_sweep, Fenced::Done(()));
        assert_eq!(writes.answer, Fenced::Done(()));

        assert!(bench.owner("dead")?.is_none());
        assert!(bench.owner("adopted")?.is_some());
        assert_eq!(bench.raw.count(&bench.layout.addresses())?, 1);
        let store = &bench.store;
        let identity = bench.wait(store.identity(CLUSTER, soon(store)))??;
        assert_eq!(identity.as_deref(), Some("uid"));
        let (position, _) = bench.wait(store.history_position(CLUSTER, soon(store)))??;
        assert_eq!(position, Some(7));
        let (pending, _) = bench.wait(store.pending_request(CLUSTER, soon(store)))??;
        assert!(pending.is_none());
        let clusters = bench.wait(store.clusters(soon(store)))??;
        let last = clusters.get(CLUSTER).and_then(|one| one.last.as_ref());
        let last = last.context("no sweep")?.as_ref();
        let error = last.map(|last| last.error.as_ref().map(String::len));
        assert_eq!(error.ok().flatten(), Some(1000));
    }
    Ok(())
}

#[test]
fn whoever_led_changes_nothing() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let dead = prepare(&bench)?;
        let leadership = bench.lead()?;
        let old = leadership.fence().clone();
        bench.resign(leadership)?;
        // Once while nobody leads, and once while another does.
        for another in [false, true] {
            if another {
                bench.lead()?;
            }
            let before = bench.everything()?;
            let writes = write(&bench, &old, &dead)?;
            assert_eq!(writes.release, Fenced::NotLeader);
            assert_eq!(writes.delete, Fenced::NotLeader);
            assert_eq!(writes.adopt, Fenced::NotLeader);
            assert_eq!(writes.identity, Fenced::NotLeader);
            assert_eq!(writes.history, Fenced::NotLeader);
            assert_eq!(writes.last_sweep, Fenced::NotLeader);
            assert_eq!(writes.answer, Fenced::NotLeader);
            assert_eq!(bench.everything()?, before);
        }
    }
    Ok(())
}

#[test]
fn a_key_that_somebody_else_wrote_is_no_fence() -> Result<()> {
    let bench = Bench::new()?;
    let dead = prepare(&bench)?;
    let leadership = bench.lead()?;
    let key = bench.store.keys().leader(CLUSTER);
    let value = bench.raw.get(key.as_str())?.context("no leader")?;
    bench.raw.put(key.as_str(), "another")?;
    let release = |bench: &Bench| {
        let store = &bench.store;
        let release = store.release_dead(leadership.fence(), &dead, soon(store));
        anyhow::Ok(bench.wait(release)??)
    };
    assert_eq!(release(&bench)?, Fenced::NotLeader);
    // The same value, but not the same election.
    bench.raw.delete(key.as_str())?;
    bench.raw.put(key.as_str(), value)?;
    assert_eq!(release(&bench)?, Fenced::NotLeader);
    assert!(bench.owner("dead")?.is_some());
    Ok(())
}

#[test]
fn a_frozen_store_keeps_every_address_and_its_history_goes_on() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let dead = prepare(&bench)?;
        let leadership = bench.lead()?;
        bench.freeze("drill")?;
        let addresses = bench.raw.list(&bench.layout.addresses())?;
        let owners = bench.raw.list(&bench.layout.owners())?;
        let writes = write(&bench, leadership.fence(), &dead)?;
        assert_eq!(writes.release, Fenced::Frozen("drill".to_owned()));
        assert_eq!(writes.delete, Fenced::Frozen("drill".to_owned()));
        assert_eq!(writes.adopt, Fenced::Frozen("drill".to_owned()));
        assert_eq!(writes.identity, Fenced::Frozen("drill".to_owned()));
        assert_eq!(writes.history, Fenced::Done(()));
        assert_eq!(writes.last_sweep, Fenced::Done(()));
        assert_eq!(writes.answer, Fenced::Done(()));
        assert_eq!(bench.raw.list(&bench.layout.addresses())?, addresses);
        assert_eq!(bench.raw.list(&bench.layout.owners())?, owners);
    }
    Ok(())
}
