//! Times of whole processes, from start to end.

use std::time::Instant;

use anyhow::{Context as _, Result};
use chaos_tests::etcd::{EtcdServer, Options};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::json;

use crate::counting::Counting;
use crate::runner::{Runner, Spool};
use crate::stats::{Times, milliseconds};
use crate::table::Table;

/// How often each is done.
const ROUNDS: usize = 200;
/// And before that, without being counted: what is done once for a network.
const WARM_UP: usize = 3;

/// A plugin, and how long its calls took.
struct Measured {
    runner: Runner,
    version: Times,
    add: Times,
    del: Times,
}

/// A verb, and where its times go.
type Verb = (&'static str, fn(&mut Measured) -> &mut Times);

/// Measures starts, then ADD and DEL.
pub(crate) fn measure() -> Result<()> {
    let plain = born(Options::default())?;
    let secure = born(Options {
        tls: true,
        ..Options::default()
    })?;
    let range = json!({"subnet": "10.60.0.0/16"});
    let ours = |name, etcd, order, spool| Runner::ours(name, etcd, order, spool, (name, &range));
    let (disk, tmpfs) = (Spool::Disk, Spool::Memory);
    let runners = [
        Runner::host_local(&range)?,
        ours("etcd-ipam, lowest", &plain, "lowest", disk)?,
        ours("etcd-ipam, spread", &plain, "spread", disk)?,
        ours("etcd-ipam, lowest, mTLS", &secure, "lowest", disk)?,
        ours("etcd-ipam, spread, mTLS", &secure, "spread", disk)?,
        ours("etcd-ipam, lowest, spool on tmpfs", &plain, "lowest", tmpfs)?,
    ];
    let mut measured = runners.map(|runner| Measured {
        runner,
        version: Times::default(),
        add: Times::default(),
        del: Times::default(),
    });
    let (first_two, _) = measured.split_at_mut(2);
    in_turns(first_two, &[("VERSION", |one| &mut one.version)])?;
    starts(first_two)?;
    in_turns(
        &mut measured,
        &[("ADD", |one| &mut one.add), ("DEL", |one| &mut one.del)],
    )?;
    attachments(&measured, &bare_writes(&plain)?)
}

/// A server with a store.
pub(crate) fn born(options: Options) -> Result<EtcdServer> {
    let etcd = EtcdServer::start_with(options)?;
    Counting::new(&etcd, 1)?;
    Ok(etcd)
}

/// Each round does every verb with every plugin, in a random order: who comes next is not the
/// same every time, so that nobody always meets what another has just left behind.
fn in_turns(measured: &mut [Measured], verbs: &[Verb]) -> Result<()> {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..WARM_UP + ROUNDS {
        for (verb, times) in verbs {
            let mut turns: Vec<_> = measured.iter_mut().collect();
            turns.shuffle(&mut random);
            for one in turns {
                let time = one.runner.timed(verb, round.try_into()?)?.time;
                if round >= WARM_UP {
                    times(one).push(time);
                }
            }
        }
    }
    Ok(())
}

/// What etcd itself costs: a small write on a connection that is open.
fn bare_writes(etcd: &EtcdServer) -> Result<Times> {
    let raw = etcd.raw()?;
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        raw.put("/measure", "x".repeat(500))?;
        times.push(start.elapsed());
    }
    Ok(times)
}

fn starts(measured: &[Measured]) -> Result<()> {
    let host_local = measured.first().context("nothing was measured")?;
    let mut table = Table::new(["VERSION", "median ms", "p99 ms", "× host-local"]);
    for one in measured {
        // The order and the rest of the config do not matter before there is one.
        let name = one.runner.name.split(',').next().unwrap_or_default();
        table.row(&[
            name.to_owned(),
            milliseconds(one.version.median()),
            milliseconds(one.version.percentile(99)),
            one.version.ratio_to(&host_local.version),
        ]);
    }
    table.print(
        "Process start",
        &format!("Start to end of the process, {ROUNDS} runs of each, in turns."),
    );
    Ok(())
}

fn attachments(measured: &[Measured], writes: &Times) -> Result<()> {
    let host_local = measured.first().context("nothing was measured")?;
    let both = |one: &Measured| one.add.plus(&one.del);
    let mut table = Table::new([
        "medians, ms",
        "ADD",
        "p99",
        "DEL",
        "p99",
        "ADD + DEL",
        "× host-local",
    ]);
    for one in measured {
        table.row(&[
            one.runner.name.to_owned(),
            milliseconds(one.add.median()),
            milliseconds(one.add.percentile(99)),
            milliseconds(one.del.median()),
            milliseconds(one.del.percentile(99)),
            milliseconds(both(one).median()),
            both(one).ratio_to(&both(host_local)),
        ]);
    }
    table.print(
        "ADD and DEL",
        &format!(
            "Start to end of the process, {ROUNDS} rounds, in turns, one etcd member on this \
             machine. host-local syncs nothing to disk; a bare write of 500 bytes to this etcd \
             takes {} ms (p99 {} ms).",
            milliseconds(writes.median()),
            milliseconds(writes.percentile(99)),
        ),
    );
    Ok(())
}
