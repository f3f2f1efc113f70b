//! A write whose answer was lost is done, and not done again.

use anyhow::{Context as _, Result};
use serde_json::json;
use store::clock::SystemClock;
use store::collect::Fenced;
use store::etcd::Client;
use store::store::Store;

use super::bench::{Bench, CLUSTER, settings, soon, through};
use super::faults::{Fault, Faulty};
use super::sample::{attachment, record};

/// What may happen before a call is answered.
const TROUBLES: [&[Fault]; 4] = [
    &[],
    &[Fault::AnswerLost],
    &[Fault::AnswerLost, Fault::AnswerLost],
    &[Fault::Unreachable, Fault::AnswerLost],
];

/// The store of a bench behind such a network.
fn behind(bench: &Bench, faults: &[Fault]) -> Store<Faulty, SystemClock> {
    let client = Client::new(settings(&bench.etcd));
    through(Faulty::new(client, faults))
}

#[test]
fn a_release_is_done() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    for faults in TROUBLES {
        let dead = bench.add("c", &["10.1.0.10", "fd00::10"], 0)?;
        let store = behind(&bench, faults);
        let release = store.release_dead(leadership.fence(), &dead, soon(&store));
        let release = bench.wait(release)??;
        // Which revision did it cannot be told once the answer is lost.
        let known = !faults.contains(&Fault::AnswerLost);
        assert!(
            matches!(release, Fenced::Done(revision) if revision.is_some() == known),
            "{faults:?}: {release:?}"
        );
        assert!(bench.owner("c")?.is_none());
    }
    Ok(())
}

#[test]
fn a_release_of_what_changed_is_not() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    for faults in TROUBLES {
        let judged = bench.add("c", &["10.1.0.10"], 0)?;
        bench.add("c", &["10.1.0.10"], 0)?;
        let store = behind(&bench, faults);
        let release = store.release_dead(leadership.fence(), &judged, soon(&store));
        assert_eq!(bench.wait(release)??, Fenced::Changed);
        assert!(bench.owner("c")?.is_some());
    }
    Ok(())
}

#[test]
fn a_delete_is_done() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    let key = bench.address("10.1.0.10")?;
    for faults in TROUBLES {
        bench.raw.put(key.as_str(), "{}")?;
        let listed = [bench.listed(&key)?];
        let store = behind(&bench, faults);
        let delete = store.delete_listed(leadership.fence(), &listed, soon(&store));
        assert!(matches!(bench.wait(delete)??, Fenced::Done(_)));
        assert_eq!(bench.raw.get(key.as_str())?, None);
    }
    Ok(())
}

#[test]
fn an_adoption_is_done_once() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    for (faults, number) in TROUBLES.into_iter().zip(0..) {
        let attachment = attachment(&format!("c{number}"));
        let record = record(&[&format!("10.1.0.{number}"), &format!("fd00::{number}")])?;
        let store = behind(&bench, faults);
        let adopt = store.adopt(leadership.fence(), &attachment, &record, soon(&store));
        assert_eq!(bench.wait(adopt)??, Fenced::Done(Ok(())), "{faults:?}");
        assert_eq!(bench.raw.version(store.keys().owner(&attachment))?, 1);
    }
    Ok(())
}

#[test]
fn an_identity_is_recorded() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    for (faults, number) in TROUBLES.into_iter().zip(0..) {
        let store = behind(&bench, faults);
        let cluster = format!("cluster-{number}");
        let record = store.record_identity(leadership.fence(), &cluster, "uid", soon(&store));
        assert_eq!(bench.wait(record)??, Fenced::Done(()), "{faults:?}");
    }
    Ok(())
}

#[test]
fn a_wish_is_answered() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    let key = bench.store.keys().request(CLUSTER);
    for faults in TROUBLES {
        let wish = json!({"id": "1", "asked": "2026-01-01T00:00:00Z"});
        bench.raw.put(key.as_str(), wish.to_string())?;
        let pending = bench.store.pending_request(CLUSTER, soon(&bench.store));
        let pending = bench.wait(pending)??.0.context("no wish")??;
        let store = behind(&bench, faults);
        let answer = store.answer_request(
            leadership.fence(),
            CLUSTER,
            pending,
            json!({"records": 3}),
            soon(&store),
        );
        assert_eq!(bench.wait(answer)??, Fenced::Done(()), "{faults:?}");
        let value = bench.raw.get(key.as_str())?.context("no answer")?;
        let value: serde_json::Value = serde_json::from_slice(&value)?;
        assert_eq!(value["answer"]["records"], 3);
    }
    Ok(())
}
