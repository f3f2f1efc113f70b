//! Many processes at once: on a range that just suffices, on one that is half full, on one that is empty.

mod outcome;

use std::time::Duration;

use anyhow::Result;
use chaos_tests::etcd::{EtcdServer, Options};
use serde_json::json;

use self::outcome::Outcome;
use crate::Bench;
use crate::plot::Plot;
use crate::plugin::{Plugin, Setting, Spool};
use crate::rate;
use crate::servers::{Three, Way, born, born_with_tls};
use crate::stats::{Times, milliseconds};
use crate::table::Table;
use crate::taken::Taken;
use crate::target::Asked::AtMost;

/// How many call at once, and how often.
const CALLERS: [(u32, usize); 4] = [(1, 20), (8, 20), (32, 10), (128, 10)];
const QUICK_CALLERS: [(u32, usize); 2] = [(1, 1), (8, 1)];
/// The contest that is judged.
const JUDGED: (&str, u32) = ("exactly fitting", 128);

/// The servers.
struct Field {
    plain: EtcdServer,
    secure: EtcdServer,
    three: Three,
}

/// One line of the table.
struct Contest {
    range: &'static str,
    callers: u32,
    name: String,
    outcome: Outcome,
}

/// Measures all plugins in turns, each round in an address space of its own.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let field = Field {
        plain: born(Options::default())?,
        secure: born_with_tls()?,
        three: Three::start()?,
    };
    let mut contests = Vec::new();
    for (callers, rounds) in bench.effort.choose(&CALLERS[..], &QUICK_CALLERS) {
        for (range, taken) in ranges(*callers)? {
            contests.extend(contest(bench, &field, range, &taken, (*callers, *rounds))?);
        }
    }
    report(bench, &contests);
    plot(bench, &contests);
    judge(bench, &contests);
    Ok(())
}

fn ranges(callers: u32) -> Result<[(&'static str, Taken); 3]> {
    Ok([
        (JUDGED.0, Taken::nothing_of(callers)),
        ("half full", Taken::half(Some(2 * callers))?),
        ("/16, empty", Taken::lowest(0)),
    ])
}

/// All contestants on one range, with so many callers in so many rounds.
fn contest(
    bench: &mut Bench,
    field: &Field,
    range: &'static str,
    taken: &Taken,
    (callers, rounds): (u32, usize),
) -> Result<Vec<Contest>> {
    let is_judged = range == JUDGED.0;
    let (plain, secure) = (Way::to(&field.plain), Way::to(&field.secure));
    let mut ours = vec![("lowest", "lowest", &plain), ("spread", "spread", &plain)];
    if is_judged {
        ours.extend([
            ("lowest, mTLS", "lowest", &secure),
            ("spread, mTLS", "spread", &secure),
            ("lowest, three members", "lowest", &field.three.way),
            ("spread, three members", "spread", &field.three.way),
        ]);
    }
    let host_local = Outcome::new("host-local", false);
    let mut theirs: Vec<_> = bench
        .peers
        .iter()
        .map(|peer| Outcome::new(&peer.name, false))
        .collect();
    let mut outcomes: Vec<_> = ours
        .iter()
        .map(|(name, ..)| Outcome::new(name, true))
        .collect();
    let mut host_local = Some(host_local);
    let mut bare = Outcome::new("bare transactions", false);
    let ranges = json!([[taken.range()]]);
    for round in 0..rounds {
        let first_pod = u64::try_from(round)? * u64::from(callers);
        match (&mut host_local, Plugin::host_local(&ranges)?) {
            (Some(outcome), Some(plugin)) => {
                taken.in_files(&plugin.files_of_host_local())?;
                outcome.round(&plugin, callers, first_pod, taken)?;
            }
            (known, _) => *known = None,
        }
        for (peer, outcome) in bench.peers.iter().zip(&mut theirs) {
            outcome.round(&Plugin::peer(peer)?, callers, first_pod, &Taken::lowest(0))?;
        }
        for ((name, order, way), outcome) in ours.iter().zip(&mut outcomes) {
            let space = format!("{name}-{range}-{callers}-{round}").replace([',', ' ', '/'], "-");
            if way.endpoints == plain.endpoints {
                taken.in_etcd(&field.plain, &space)?;
            }
            let plugin = Plugin::ours(&Setting {
                way,
                order,
                space: &space,
                ranges: ranges.clone(),
                spool: Spool::Disk,
            })?;
            outcome.round(&plugin, callers, first_pod, taken)?;
        }
        let space = format!("bare-{range}-{callers}-{round}").replace([' ', ',', '/'], "-");
        if let Ok(rate) = rate::run("bare", &plain.endpoints, &space, (callers, callers)) {
            bare.add.push(rate.time()?);
        }
    }
    let all = host_local
        .into_iter()
        .chain(theirs)
        .chain(outcomes)
        .chain([bare]);
    let named = |outcome: Outcome| Contest {
        range,
        callers,
        name: outcome.name.clone(),
        outcome,
    };
    Ok(all
        .filter(|one| one.add.count() > 0 || one.failures > 0)
        .map(named)
        .collect())
}

fn report(bench: &mut Bench, contests: &[Contest]) {
    let mut table = Table::new([
        "at once",
        "callers",
        "range",
        "ADD, median ms",
        "slowest ms",
        "DEL, median ms",
        "slowest ms",
        "one ADD, p99 ms",
        "failures",
        "duplicates",
    ]);
    for contest in contests {
        let Contest {
            range,
            callers,
            name,
            outcome,
        } = contest;
        table.row(&[
            name.clone(),
            callers.to_string(),
            (*range).to_owned(),
            milliseconds(outcome.add.median()),
            milliseconds(outcome.add.percentile(100)),
            of_any(&outcome.del, Times::median),
            of_any(&outcome.del, |del| del.percentile(100)),
            of_any(&outcome.one_add, |add| add.percentile(99)),
            outcome.failures.to_string(),
            outcome.duplicates.to_string(),
        ]);
        let what = format!("{name}, {callers} callers, {range}");
        bench.report.times("parallel", &what, "ADD", &outcome.add);
        bench.report.times("parallel", &what, "DEL", &outcome.del);
        if outcome.is_ours {
            bench.report.wrong(outcome.failures, outcome.duplicates);
        }
    }
    let rounds = bench.effort.choose(&CALLERS[..], &QUICK_CALLERS);
    let rounds = rounds
        .iter()
        .map(|(callers, rounds)| format!("{rounds} of {callers}"));
    bench.report.table(
        "Many at once",
        &table,
        &format!(
            "From the first start to the last end, in turns; rounds: {}. The bare transactions are \
             of the same size and come from as many connections of one process, which stand \
             before the clock starts.",
            rounds.collect::<Vec<_>>().join(", ")
        ),
    );
}

/// In milliseconds; empty where nothing was measured.
fn of_any(times: &Times, one: impl Fn(&Times) -> Duration) -> String {
    if times.count() == 0 {
        return String::new();
    }
    milliseconds(one(times))
}

fn plot(bench: &mut Bench, contests: &[Contest]) {
    let callers = CALLERS.map(|(callers, _)| callers);
    let mut plot = Plot::new(
        "ADDs at once for as many addresses: until the last has ended",
        "callers",
        &callers,
        "ms",
    );
    for contest in contests.iter().filter(|one| one.range == JUDGED.0) {
        let Some(place) = callers
            .iter()
            .position(|callers| *callers == contest.callers)
        else {
            continue;
        };
        let add = &contest.outcome.add;
        let ms = |percent| add.percentile(percent).as_secs_f64() * 1000.0;
        if add.count() > 0 {
            plot.point(&contest.name, place, ms(50), ms(100));
        }
    }
    bench.report.plot("parallel", plot);
}

fn judge(bench: &mut Bench, contests: &[Contest]) {
    let find = |name: &str| {
        let found = contests
            .iter()
            .find(|one| one.name == name && (one.range, one.callers) == JUDGED);
        found.map(|one| &one.outcome)
    };
    for order in ["lowest", "spread"] {
        if let (Some(ours), Some(theirs)) = (find(order), find("host-local")) {
            let what =
                format!("128 ADDs at once for 128 addresses, `{order}`, against host-local's");
            let ratio = ours.add.ratio_to(&theirs.add);
            bench.report.ratio(&what, AtMost(1.0), ratio);
        }
    }
}
