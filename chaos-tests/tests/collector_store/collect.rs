//! The leader changes only what is still as it was judged, and all of it or nothing.

use anyhow::{Context as _, Result};
use chaos_tests::etcd::Options;
use chaos_tests::install::etcd_versions;
use store::collect::{Fenced, Taken};
use store::inspect::Owner;
use store::key::holder_name;

use super::bench::{Bench, CLUSTER, soon};
use super::sample::{attachment, record};

#[test]
fn a_record_that_changed_since_it_was_judged_is_kept() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let judged = bench.add("c", &["10.1.0.10"], 0)?;
        let leadership = bench.lead()?;
        let release = |owner: &Owner| {
            let store = &bench.store;
            let release = store.release_dead(leadership.fence(), owner, soon(store));
            anyhow::Ok(bench.wait(release)??)
        };
        // The same attachment in its next life.
        let stamped = bench.add("c", &["10.1.0.10"], 0)?;
        assert_ne!(judged.record.id, stamped.record.id);
        let before = bench.everything()?;
        assert_eq!(release(&judged)?, Fenced::Changed);
        assert_eq!(bench.everything()?, before);

        assert!(matches!(release(&stamped)?, Fenced::Done(Some(_))));
        // Gone is changed, too: somebody else released it.
        assert_eq!(release(&stamped)?, Fenced::Changed);
    }
    Ok(())
}

#[test]
fn a_release_leaves_an_address_alone_that_another_holds() -> Result<()> {
    let bench = Bench::new()?;
    let dead = bench.add("c", &["10.1.0.10", "10.1.0.11"], 0)?;
    let stolen = bench.address("10.1.0.11")?;
    let thief = holder_name(&attachment("thief"));
    bench.raw.put(stolen.as_str(), thief.as_str())?;
    let leadership = bench.lead()?;
    let store = &bench.store;
    let release = store.release_dead(leadership.fence(), &dead, soon(store));
    assert!(matches!(bench.wait(release)??, Fenced::Done(Some(_))));
    assert_eq!(bench.raw.get(stolen)?, Some(thief.into_bytes()));
    assert_eq!(bench.raw.count(&bench.layout.addresses())?, 1);
    Ok(())
}

#[test]
fn a_released_address_rests_where_its_record_wants_that() -> Result<()> {
    let bench = Bench::new()?;
    let dead = bench.add("c", &["10.1.0.10"], 3600)?;
    let leadership = bench.lead()?;
    let store = &bench.store;
    let release = store.release_dead(leadership.fence(), &dead, soon(store));
    assert!(matches!(bench.wait(release)??, Fenced::Done(Some(_))));
    let rest = bench.raw.get(bench.address("10.1.0.10")?)?;
    let rest: serde_json::Value = serde_json::from_slice(&rest.context("no rest")?)?;
    assert_eq!(rest["kind"], "cooldown");
    assert_eq!(rest["was"], holder_name(&attachment("c")));
    Ok(())
}

#[test]
fn without_space_a_record_is_released_and_its_address_need_not_rest() -> Result<()> {
    for install in etcd_versions() {
        let bench = Bench::with(Options {
            install: Some(install),
            quota_bytes: Some(4 << 20),
            ..Options::default()
        })?;
        let dead = bench.add("c", &["10.1.0.10"], 3600)?;
        let leadership = bench.lead()?;
        bench.raw.fill_up("filler/")?;
        let store = &bench.store;
        let release = store.release_dead(leadership.fence(), &dead, soon(store));
        assert!(matches!(bench.wait(release)??, Fenced::Done(Some(_))));
        assert!(bench.owner("c")?.is_none());
    }
    Ok(())
}

#[test]
fn only_what_is_still_as_it_was_listed_is_deleted() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let leadership = bench.lead()?;
        // More than fit into one transaction.
        let keys: Vec<_> = (0..200)
            .map(|number| bench.address(&format!("10.1.0.{number}")))
            .collect::<Result<_>>()?;
        let rests = keys.iter().map(|key| (key.clone(), "{}".to_owned()));
        bench.raw.put_all(rests)?;
        let listed: Vec<_> = keys
            .iter()
            .map(|key| bench.listed(key))
            .collect::<Result<_>>()?;
        bench.raw.put(keys[3].as_str(), "a pod has it now")?;
        bench.raw.delete(keys[150].as_str())?;
        let store = &bench.store;
        let delete = store.delete_listed(leadership.fence(), &listed, soon(store));
        assert_eq!(bench.wait(delete)??, Fenced::Done(198));
        let left = bench.raw.list(&bench.layout.addresses())?;
        let left: Vec<_> = left.into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, [keys[3].as_bytes()]);
    }
    Ok(())
}

#[test]
fn what_another_holds_is_not_adopted() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let leadership = bench.lead()?;
        bench.add("holder", &["fd00::10"], 0)?;
        let adopt = |container: &str, addresses: &[&str]| {
            let store = &bench.store;
            let (attachment, record) = (attachment(container), record(addresses)?);
            let adopt = store.adopt(leadership.fence(), &attachment, &record, soon(store));
            anyhow::Ok(bench.wait(adopt)??)
        };
        let taken = |by: &str| {
            Fenced::Done(Err(Taken {
                holder: holder_name(&attachment(by)).into_bytes(),
            }))
        };
        let before = bench.everything()?;
        assert_eq!(adopt("c", &["10.1.0.10", "fd00::10"])?, taken("holder"));
        assert_eq!(adopt("c", &["fd00::10", "10.1.0.10"])?, taken("holder"));
        // All or nothing.
        assert_eq!(bench.everything()?, before);

        assert_eq!(
            adopt("c", &["10.1.0.11", "fd00::11"])?,
            Fenced::Done(Ok(()))
        );
        assert_eq!(bench.raw.count(&bench.layout.addresses())?, 3);
        // It has a record now, whatever else it is said to hold.
        let before = bench.everything()?;
        for addresses in [
            ["10.1.0.11", "fd00::11"],
            ["10.1.0.11", "fd00::10"],
            ["10.1.0.12", "fd00::12"],
        ] {
            assert_eq!(adopt("c", &addresses)?, Fenced::Changed);
        }
        // An address key without a record is nobody's to adopt.
        let orphan = bench.address("10.1.0.13")?;
        bench.raw.put(orphan, holder_name(&attachment("d")))?;
        assert_eq!(adopt("d", &["10.1.0.13"])?, taken("d"));
        assert_eq!(bench.everything()?.len(), before.len() + 1);
    }
    Ok(())
}

#[test]
fn the_same_record_may_be_adopted_again() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    let (attachment, record) = (attachment("c"), record(&["10.1.0.10", "fd00::10"])?);
    for _ in 0..2 {
        let store = &bench.store;
        let adopt = store.adopt(leadership.fence(), &attachment, &record, soon(store));
        assert_eq!(bench.wait(adopt)??, Fenced::Done(Ok(())));
    }
    assert_eq!(bench.raw.count(&bench.layout.addresses())?, 2);
    Ok(())
}

#[test]
fn the_first_identity_of_a_cluster_stays() -> Result<()> {
    let bench = Bench::new()?;
    let leadership = bench.lead()?;
    let record = |uid: &str| {
        let store = &bench.store;
        let record = store.record_identity(leadership.fence(), CLUSTER, uid, soon(store));
        anyhow::Ok(bench.wait(record)??)
    };
    assert_eq!(record("mine")?, Fenced::Done(()));
    assert_eq!(record("another")?, Fenced::Changed);
    assert_eq!(record("mine")?, Fenced::Done(()));
    let store = &bench.store;
    let identity = bench.wait(store.identity(CLUSTER, soon(store)))??;
    assert_eq!(identity.as_deref(), Some("mine"));
    Ok(())
}
