//! Starts, ADDs and DELs of whole processes, one at a time, all in turns.

mod contestants;

use std::time::Instant;

use anyhow::Result;
use chaos_tests::etcd::EtcdServer;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use self::contestants::{Contestant, FAMILIES, Field, contestants};
use crate::Bench;
use crate::plot::Plot;
use crate::report::Report;
use crate::stats::{Figure, Times, milliseconds};
use crate::table::Table;
use crate::target::Asked::AtMost;

/// How often each is done.
const ROUNDS: usize = 200;
/// And before that, without being counted: what is done once for a network.
const WARM_UP: usize = 2;

/// Measures them, compares, and judges.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let field = Field::new(bench.effort)?;
    let mut all = contestants(&field, &bench.peers, bench.effort)?;
    if all.iter().all(|one| one.name != "host-local") {
        bench
            .report
            .skip("host-local", "containernetworking-plugins is not installed");
    }
    let rounds = bench.effort.choose(ROUNDS, 2);
    in_turns(&mut all, rounds);
    let writes = bare_writes(&field.plain, rounds)?;
    let report = &mut bench.report;
    for one in &all {
        report.wrong(if one.is_ours { one.failures } else { 0 }, 0);
        for (verb, times) in [
            ("VERSION", &one.version),
            ("ADD", &one.add),
            ("DEL", &one.del),
        ] {
            if times.count() > 0 {
                report.times("calls", &one.full_name(), verb, times);
            }
        }
    }
    starts(report, &all, rounds);
    attachments(report, &all, &writes, rounds);
    plot(report, &all, &field.occupancies);
    judge(report, &all, &field.occupancies);
    Ok(())
}

/// Each round does every verb with every plugin, in a random order: who comes next is not the
/// same every time, so that nobody always meets what another has just left behind.
fn in_turns(all: &mut [Contestant], rounds: usize) {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..WARM_UP + rounds {
        for verb in ["VERSION", "ADD", "DEL"] {
            let mut turns: Vec<_> = all.iter_mut().collect();
            turns.shuffle(&mut random);
            for one in turns {
                if round < WARM_UP || round % one.one_in == 0 {
                    one.call(verb, round, round >= WARM_UP);
                }
            }
        }
    }
}

/// What etcd itself costs: a small write on a connection of its own.
fn bare_writes(etcd: &EtcdServer, rounds: usize) -> Result<Times> {
    let raw = etcd.raw()?;
    let mut times = Times::default();
    raw.ask(async |client| {
        for _ in 0..rounds {
            let start = Instant::now();
            client.put("/bench", "x".repeat(700), None).await?;
            times.push(start.elapsed());
        }
        Ok(())
    })?;
    Ok(times)
}

/// One of them, by what is in its row of the table.
fn find<'a>(
    all: &'a [Contestant],
    name: &str,
    taken: &str,
    family: &str,
) -> Option<&'a Contestant> {
    all.iter()
        .find(|one| one.name == name && one.taken == taken && one.family == family)
}

fn starts(report: &mut Report, all: &[Contestant], rounds: usize) {
    let mut table = Table::new(["VERSION", "median ms", "p99 ms", "× host-local"]);
    let host_local = find(all, "host-local", "0", "v4");
    for one in all.iter().filter(|one| one.version.count() > 0) {
        table.row(&[
            one.name.clone(),
            milliseconds(one.version.median()),
            milliseconds(one.version.percentile(99)),
            ratio(&one.version, host_local.map(|one| &one.version)),
        ]);
    }
    report.table(
        "Process start",
        &table,
        &format!("Start to end of the process, {rounds} runs of each, in turns."),
    );
}

fn attachments(report: &mut Report, all: &[Contestant], writes: &Times, rounds: usize) {
    let host_local = find(all, "host-local", "0", "v4");
    let mut table = Table::new([
        "ms",
        "taken",
        "family",
        "ADD",
        "p99",
        "DEL",
        "p99",
        "ADD × host-local",
        "failures",
    ]);
    for one in all {
        table.row(&[
            one.name.clone(),
            one.taken.clone(),
            one.family.to_owned(),
            milliseconds(one.add.median()),
            milliseconds(one.add.percentile(99)),
            milliseconds(one.del.median()),
            milliseconds(one.del.percentile(99)),
            ratio(&one.add, host_local.map(|one| &one.add)),
            one.failures.to_string(),
        ]);
    }
    report.table(
        "ADD and DEL",
        &table,
        &format!(
            "Medians, start to end of the process, {rounds} rounds, in turns. host-local syncs \
             nothing to disk; a bare write of 700 bytes on an open connection to this etcd takes \
             {} ms (p99 {} ms).",
            milliseconds(writes.median()),
            milliseconds(writes.percentile(99)),
        ),
    );
}

fn ratio(times: &Times, to: Option<&Times>) -> String {
    let ratio = to.map(|to| times.ratio_to(to));
    ratio.map_or_else(String::new, |Figure { value, .. }| format!("{value:.2}"))
}

fn plot(report: &mut Report, all: &[Contestant], occupancies: &[u32]) {
    let mut plot = Plot::new(
        "ADD, one at a time: median, and up to the 99th percentile",
        "addresses of a /16 that are taken",
        occupancies,
        "ms",
    );
    for (place, taken) in occupancies.iter().enumerate() {
        let one = |one: &&Contestant| one.taken == taken.to_string() && one.family == "v4";
        for one in all.iter().filter(one).filter(|one| one.is_plotted()) {
            let ms = |percent| one.add.percentile(percent).as_secs_f64() * 1000.0;
            plot.point(&one.name, place, ms(50), ms(99));
        }
    }
    report.plot("add", plot);
}

fn judge(report: &mut Report, all: &[Contestant], occupancies: &[u32]) {
    let find = |name: &str, taken: &str| find(all, name, taken, FAMILIES[0]);
    if let (Some(ours), Some(theirs)) = (find("lowest", "0"), find("host-local", "0")) {
        report.ratio(
            "VERSION against host-local's",
            AtMost(0.5),
            ours.version.ratio_to(&theirs.version),
        );
    }
    for (order, bound) in [("spread", 1.0), ("lowest", 1.2)] {
        if let (Some(ours), Some(theirs)) = (find(order, "0"), find("host-local", "0")) {
            let what = format!("ADD, quiet, empty range, `{order}`, against host-local's");
            report.ratio(&what, AtMost(bound), ours.add.ratio_to(&theirs.add));
        }
    }
    let [_, .., many, most] = occupancies else {
        return;
    };
    let (many_taken, most_taken) = (many.to_string(), most.to_string());
    for order in ["spread", "lowest"] {
        if let (Some(ours), Some(theirs)) =
            (find(order, &many_taken), find("host-local", &many_taken))
        {
            let what =
                format!("ADD with {many} taken, `{order}`, against host-local's with {many}");
            report.ratio(&what, AtMost(0.05), ours.add.ratio_to(&theirs.add));
        }
    }
    for order in ["spread", "lowest"] {
        if let (Some(full), Some(empty)) = (find(order, &most_taken), find(order, "0")) {
            let what = format!("ADD with {most} taken, `{order}`, against the same range empty");
            report.ratio(&what, AtMost(1.3), full.add.ratio_to(&empty.add));
        }
    }
    for order in ["spread", "lowest"] {
        let secure = find(&format!("{order}, mTLS"), "0");
        if let (Some(secure), Some(plain)) = (secure, find(order, "0")) {
            let what = format!("ADD with mTLS, `{order}`, beyond plaintext");
            let beyond = secure.add.beyond(&plain.add);
            report.target(&what, AtMost(1.2), beyond, "ms");
        }
    }
}
