//! Changes are told completely, once and in order, however a watch ends and begins again.

use anyhow::{Context as _, Result, bail};
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::layout::Layout;
use store::coordination::{Change, Changes, Coordination, Watch as _};
use store::etcd::{ClientWatch, EtcdError};
use store::key::KeyRange;

use super::bench::{Bench, CLUSTER, RealStore, bounded, runtime, settings, store, until};

/// More revisions than etcd puts into one answer to a watch that has fallen behind.
const MANY: i64 = 2500;

fn owners(store: &RealStore) -> KeyRange {
    store.keys().owners_of_cluster(CLUSTER)
}

fn key(number: i64) -> String {
    Layout::default().owner(&format!("{CLUSTER}/n1/net/c{number}/eth0"))
}

/// Begins a watch of all owner records.
fn watch(bench: &Bench, from: i64) -> Result<ClientWatch> {
    let owners = owners(&bench.store);
    Ok(bench.wait(bench.store.etcd().watch(&owners, from))??)
}

fn next(bench: &Bench, watch: &mut ClientWatch) -> Result<Changes> {
    Ok(bench.wait(watch.next())??)
}

/// Writes one key in each revision.
fn write(bench: &Bench, numbers: impl Iterator<Item = i64>) -> Result<()> {
    bench.raw.ask(async |client| {
        for number in numbers {
            client.put(key(number), number.to_string(), None).await?;
        }
        Ok(())
    })
}

/// Reads until `count` changes are told.
fn read(bench: &Bench, watch: &mut ClientWatch, count: usize) -> Result<Vec<Changes>> {
    let mut told = Vec::new();
    while told
        .iter()
        .map(|changes: &Changes| changes.changes.len())
        .sum::<usize>()
        < count
    {
        told.push(next(bench, watch)?);
    }
    Ok(told)
}

fn text(value: Option<&Vec<u8>>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

#[test]
fn whoever_goes_on_from_the_next_revision_misses_nothing_and_hears_nothing_twice() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = bench.revision()? + 1;
        write(&bench, 0..MANY)?;
        let mut heard = Vec::new();
        let mut from = first;
        while heard.len() < usize::try_from(MANY)? {
            // A new watch for every answer: each ends where the next begins.
            let changes = next(&bench, &mut watch(&bench, from)?)?.changes;
            from = changes.last().context("an empty answer")?.revision + 1;
            heard.extend(changes);
        }
        let revisions: Vec<i64> = heard.iter().map(|change| change.revision).collect();
        assert_eq!(revisions, (first..first + MANY).collect::<Vec<_>>());
        for (change, number) in heard.iter().zip(0..) {
            assert_eq!(change.key, key(number));
            assert_eq!(text(change.value.as_ref()), Some(number.to_string()));
        }
    }
    Ok(())
}

#[test]
fn an_answer_claims_no_revision_before_all_of_it_was_told() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = bench.revision()? + 1;
        write(&bench, 0..MANY)?;
        let mut watch = watch(&bench, first)?;
        let told = read(&bench, &mut watch, MANY.try_into()?)?;
        assert!(told.len() > 1, "nothing was tried: all came at once");
        for pair in told.windows(2) {
            let (claimed, next) = (pair[0].header.revision, pair[1].changes.first());
            let next = next.context("an empty answer")?.revision;
            assert!(claimed < next, "claimed {claimed}, then told {next}");
        }
    }
    Ok(())
}

#[test]
fn changes_of_one_revision_come_together_with_what_was_before() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = bench.revision()? + 1;
        let pair = |value: &str| [(key(1), value.to_owned()), (key(2), value.to_owned())];
        bench.raw.put_all(pair("one"))?;
        bench.raw.put_all(pair("two"))?;
        bench.raw.delete_prefix(&Layout::default().owners())?;
        let mut watch = watch(&bench, first)?;
        let told = read(&bench, &mut watch, 6)?;
        let changes: Vec<Change> = told.into_iter().flat_map(|told| told.changes).collect();
        for (at, value, before, created) in [
            (0, Some("one"), None, true),
            (1, Some("two"), Some("one"), false),
            (2, None, Some("two"), false),
        ] {
            for (change, number) in changes[2 * at..2 * at + 2].iter().zip(1..) {
                assert_eq!(change.key, key(number));
                assert_eq!(change.revision, first + i64::try_from(at)?);
                assert_eq!(text(change.value.as_ref()).as_deref(), value);
                assert_eq!(text(change.before.as_ref()).as_deref(), before);
                assert_eq!(change.created, created);
            }
        }
    }
    Ok(())
}

#[test]
fn changes_are_told_as_they_happen() -> Result<()> {
    let bench = Bench::new()?;
    let mut watch = watch(&bench, bench.revision()? + 1)?;
    for number in 0..5 {
        write(&bench, number..=number)?;
        let changes = next(&bench, &mut watch)?.changes;
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].key, key(number));
    }
    Ok(())
}

#[test]
fn values_of_any_size_that_etcd_takes_are_told() -> Result<()> {
    let bench = Bench::new()?;
    let first = bench.revision()? + 1;
    let count = 4;
    for number in 0..count {
        bench.raw.put(key(number), vec![b'x'; 1_400_000])?;
    }
    let mut watch = watch(&bench, first)?;
    read(&bench, &mut watch, count.try_into()?)?;
    Ok(())
}

#[test]
fn revisions_that_etcd_has_forgotten_are_reported_with_the_oldest_that_it_has() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        let first = bench.revision()? + 1;
        write(&bench, 0..100)?;
        let oldest = first + 49;
        bench
            .raw
            .ask(async |client| client.compact(oldest, None).await)?;
        let mut behind = watch(&bench, first)?;
        match bench.wait(behind.next())? {
            Err(EtcdError::Compacted { oldest: told, .. }) => assert_eq!(told, oldest),
            other => bail!("instead of compacted: {other:?}"),
        }
        // From there on nothing is missing.
        let told = next(&bench, &mut watch(&bench, oldest)?)?.changes;
        assert_eq!(told[0].revision, oldest);
        assert_eq!(told.len(), 51);
    }
    Ok(())
}

#[test]
fn a_watch_ends_with_its_member_and_another_goes_on() -> Result<()> {
    for bench in Bench::of_every_version() {
        let mut bench = bench?;
        let first = bench.revision()? + 1;
        let mut watching = watch(&bench, first)?;
        write(&bench, 0..1)?;
        next(&bench, &mut watching)?;

        bench.etcd.kill()?;
        assert!(bench.wait(watching.next())?.is_err());
        bench.etcd.restart()?;
        write(&bench, 1..2)?;
        let mut again = None;
        until("a watch begins again", || {
            again = watch(&bench, first + 1).ok();
            Ok(again.is_some())
        })?;
        let mut watching = again.context("no watch")?;
        assert_eq!(next(&bench, &mut watching)?.changes[0].key, key(1));

        // A member that does not answer takes the connection down, and the watch with it.
        bench.etcd.pause()?;
        assert!(bench.wait(watching.next())?.is_err());
        bench.etcd.resume()?;
    }
    Ok(())
}

#[test]
fn a_watch_ends_when_its_member_is_cut_off_from_the_others() -> Result<()> {
    let mut cluster = EtcdCluster::start()?;
    let [member, others @ ..] = cluster.members() else {
        bail!("no members");
    };
    let (runtime, store) = (runtime()?, store(settings(member)));
    let from = 1 << 20;
    let owners = owners(&store);
    let mut watching = bounded(&runtime, store.etcd().watch(&owners, from))??;
    for other in others {
        other.kill()?;
    }
    assert!(bounded(&runtime, watching.next())?.is_err());
    Ok(())
}
