//! Long stretches of keys are read as they were at one revision, whatever lies in them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use store::etcd::EtcdError;
use store::scan::Scan;
use store::txn::Entry;

use super::bench::{Bench, soon};

/// More entries than fit into two pages.
const MANY: usize = 5000;
/// Every how many of them one is written again and again: few enough for one transaction.
const STEP: usize = 50;
/// As large as etcd takes them by default, and a little less.
const HUGE: usize = 1_400_000;

fn key(bench: &Bench, number: usize) -> String {
    format!("{}default/n1/net/{number:05}/eth0", bench.layout.owners())
}

fn scan(bench: &Bench) -> Scan {
    Scan::new(bench.store.keys().all_owners())
}

fn fill(bench: &Bench, value: &str) -> Result<()> {
    let entries = (0..MANY).map(|number| (key(bench, number), value.to_owned()));
    bench.raw.put_all(entries)
}

fn page(bench: &Bench, scan: &mut Scan) -> Result<Option<Vec<Entry>>> {
    let page = bench.store.next_page(scan, soon(&bench.store));
    Ok(bench.wait(page)??)
}

/// Reads to the end; also how many pages that took.
fn read(bench: &Bench, mut scan: Scan) -> Result<(Vec<Entry>, usize)> {
    let (mut entries, mut pages) = (Vec::new(), 0);
    while let Some(page) = page(bench, &mut scan)? {
        entries.extend(page);
        pages += 1;
    }
    Ok((entries, pages))
}

/// Writes the same into a hundred keys all over the stretch, in one transaction, and again and
/// again; adds and deletes others. Says how often.
fn disturb(bench: &Bench, done: &AtomicBool) -> Result<usize> {
    let mut turn = 0;
    while turn == 0 || !done.load(Ordering::Relaxed) {
        let marked = (0..MANY).step_by(STEP);
        let value = turn.to_string();
        let writes = marked.map(|number| (key(bench, number), value.clone()));
        bench.raw.put_all(writes)?;
        bench.raw.delete(key(bench, STEP * (turn % 100) + 1))?;
        bench.raw.put(key(bench, MANY + turn), "new")?;
        turn += 1;
    }
    Ok(turn)
}

#[test]
fn all_pages_show_one_revision_while_others_write() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        fill(&bench, "old")?;
        let (revision, done) = (bench.revision()?, AtomicBool::new(false));
        let (then, now) = thread::scope(|scope| {
            let disturbing = scope.spawn(|| disturb(&bench, &done));
            let as_of = Scan::as_of(bench.store.keys().all_owners(), revision);
            let (then, now) = (read(&bench, as_of), read(&bench, scan(&bench)));
            done.store(true, Ordering::Relaxed);
            disturbing
                .join()
                .map_err(|_| anyhow!("the writer panicked"))??;
            anyhow::Ok((then?, now?))
        })?;

        let ((then, pages), (now, _)) = (then, now);
        assert!(pages > 2);
        let keys = then.iter().map(|entry| entry.key.clone());
        let wanted = (0..MANY).map(|number| key(&bench, number));
        assert_eq!(keys.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        assert!(then.iter().all(|entry| entry.value == b"old"));

        let marked: BTreeSet<_> = (0..MANY)
            .step_by(STEP)
            .map(|number| key(&bench, number))
            .collect();
        let mut values = now.iter().filter(|entry| marked.contains(&entry.key));
        let first = values.next().context("nothing was read")?;
        assert!(values.all(|entry| entry.value == first.value));
    }
    Ok(())
}

#[test]
fn a_revision_that_etcd_forgets_on_the_way_is_reported() -> Result<()> {
    for bench in Bench::of_every_version() {
        let bench = bench?;
        fill(&bench, "value")?;
        let mut scan = scan(&bench);
        page(&bench, &mut scan)?;
        bench.raw.put("other", "value")?;
        let now = bench.revision()?;
        bench
            .raw
            .ask(async |client| client.compact(now, None).await)?;
        let next = bench.store.next_page(&mut scan, soon(&bench.store));
        match bench.wait(next)? {
            Err(EtcdError::Compacted { .. }) => {}
            other => bail!("instead of compacted: {other:?}"),
        }
    }
    Ok(())
}

#[test]
fn huge_values_hide_nothing_and_slow_only_their_neighbours() -> Result<()> {
    let bench = Bench::new()?;
    fill(&bench, "value")?;
    // Twice as much as is read at once.
    for number in 0..24 {
        bench
            .raw
            .put(key(&bench, 1000 + number), vec![b'x'; HUGE])?;
    }
    let (entries, pages) = read(&bench, scan(&bench))?;
    assert_eq!(entries.len(), MANY);
    assert!(pages < 100, "{pages} pages");
    Ok(())
}

#[test]
fn an_empty_stretch_has_no_page() -> Result<()> {
    let bench = Bench::new()?;
    assert_eq!(page(&bench, &mut scan(&bench))?, None);
    Ok(())
}
