//! How much happened.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::html::{escape, left_out, seconds, shortened};
use crate::checks::facts::{Call, Facts};
use crate::history::{Outcome, What};

/// How many faults are listed.
const FAULTS: usize = 300;

/// Calls by verb: how they ended, and how long they took.
pub(super) fn calls(page: &mut String, facts: &Facts<'_>) {
    let mut verbs: BTreeMap<&str, Vec<&Call<'_>>> = BTreeMap::new();
    for call in &facts.calls {
        verbs.entry(&call.invoke.verb).or_default().push(call);
    }
    page.push_str(
        "<h2>Calls</h2>\n<table>\n<tr><th></th><th>calls</th><th>succeeded</th><th>failed</th>\
         <th>unknown</th><th>p50 (s)</th><th>p99 (s)</th><th>max (s)</th><th>failed with</th></tr>\n",
    );
    for (verb, calls) in verbs {
        let took = |call: &&Call<'_>| {
            let (answered, _) = call.acknowledged()?;
            Some(answered.at.saturating_sub(call.began.at))
        };
        let mut took: Vec<_> = calls.iter().filter_map(took).collect();
        took.sort_unstable();
        let mut codes: BTreeMap<u32, usize> = BTreeMap::new();
        for call in &calls {
            if let Some((_, Outcome::Failed { code, .. })) = call.ended {
                *codes.entry(*code).or_default() += 1;
            }
        }
        let failed: usize = codes.values().sum();
        let codes: Vec<_> = codes
            .iter()
            .map(|(code, count)| format!("{code} ({count})"))
            .collect();
        let quantile = |percent: usize| {
            let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
            took.get(index).map_or(String::new(), |ms| seconds(*ms))
        };
        let _ = write!(page, "<tr><td>{}</td>", escape(verb));
        let counts = [
            calls.len(),
            took.len(),
            failed,
            calls.len() - took.len() - failed,
        ];
        for count in counts {
            let _ = write!(page, "<td class=\"n\">{count}</td>");
        }
        for percent in [50, 99, 100] {
            let _ = write!(page, "<td class=\"n\">{}</td>", quantile(percent));
        }
        let _ = writeln!(page, "<td>{}</td></tr>", codes.join(", "));
    }
    page.push_str("</table>\n");
}

/// What else there was.
pub(super) fn work(page: &mut String, facts: &Facts<'_>) {
    let events = &facts.history.events;
    let count = |wanted: fn(&What) -> bool| events.iter().filter(|one| wanted(&one.what)).count();
    let lasted = events.last().map_or(0, |event| event.at);
    let gaps = gaps(facts);
    let longest = gaps.iter().map(|(from, until)| until - from).max();
    let pairs = [
        ("lasted", format!("{} s", seconds(lasted))),
        ("transactions in etcd", facts.log.commits.len().to_string()),
        ("owner records", facts.lives.owners.len().to_string()),
        ("addresses", facts.names.addresses.len().to_string()),
        ("containers' addresses", facts.ups.len().to_string()),
        (
            "sweeps that judged everything",
            facts.lives.sweeps.to_string(),
        ),
        ("releases by collectors", facts.releases.len().to_string()),
        ("changes of leaders", facts.lives.reigns.len().to_string()),
        (
            "restores",
            count(|what| matches!(what, What::Line(_))).to_string(),
        ),
        (
            "probes",
            count(|what| matches!(what, What::Probe(_))).to_string(),
        ),
        (
            "processes",
            count(|what| matches!(what, What::Process(_))).to_string(),
        ),
        ("events", events.len().to_string()),
        ("failover gaps", gaps.len().to_string()),
        ("longest", format!("{} s", seconds(longest.unwrap_or(0)))),
    ];
    page.push_str("<h2>Work</h2>\n<p class=\"facts\">");
    for (name, value) in pairs {
        let _ = write!(page, "<span>{name} <b>{value}</b></span> ");
    }
    page.push_str("</p>\n");
}

/// The faults, by kind and one by one.
pub(super) fn faults(page: &mut String, facts: &Facts<'_>) {
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for fault in &facts.faults {
        let (all, proven) = kinds.entry(fault.kind).or_default();
        *all += 1;
        *proven += usize::from(fault.proven.is_some());
    }
    let count = facts.faults.len();
    let _ = writeln!(
        page,
        "<h2>Faults</h2>\n<p>{count} faults of {} kinds.</p>",
        kinds.len()
    );
    if count == 0 {
        return;
    }
    page.push_str("<table>\n<tr><th>kind</th><th>times</th><th>seen to have an effect</th></tr>\n");
    for (kind, (all, proven)) in kinds {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{all}</td><td class=\"n\">{proven}</td></tr>",
            escape(kind)
        );
    }
    page.push_str(
        "</table>\n<details>\n<summary>One by one</summary>\n<table>\n<tr><th></th><th>kind</th>\
         <th>what it hit</th><th>from (s)</th><th>until (s)</th><th>its effect</th></tr>\n",
    );
    let detail = |event: usize| match &facts.history.events[event].what {
        What::FaultBegins(fault) | What::FaultProven(fault) => shortened(&fault.detail, 300),
        _ => String::new(),
    };
    for fault in facts.faults.iter().take(FAULTS) {
        let end = fault.end.map_or("never".to_owned(), |end| seconds(end.at));
        let proof = fault.proven.map_or("none was seen".to_owned(), |proven| {
            format!("{} s: {}", seconds(proven.at), detail(proven.event))
        });
        let _ = writeln!(
            page,
            "<tr><td class=\"n\">{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{end}</td><td>{}</td></tr>",
            fault.number,
            escape(fault.kind),
            escape(&detail(fault.begin.event)),
            seconds(fault.begin.at),
            escape(&proof),
        );
    }
    page.push_str("</table>\n</details>\n");
    left_out(page, count, FAULTS, "faults");
}

/// How long etcd must have committed nothing for a gap to be told of, and how long a call must have waited
/// in it (milliseconds).
const GAP: u64 = 1000;
const WAITED: u64 = 500;

/// When etcd committed nothing although a call waited, from and until (milliseconds).
pub(super) fn gaps(facts: &Facts<'_>) -> Vec<(u64, u64)> {
    let commits = facts.log.commits.iter().map(|commit| commit.moment.at);
    let end = facts.healed.map(|healed| healed.at);
    let times: Vec<_> = commits.chain(end).collect();
    let pairs = times.iter().zip(times.iter().skip(1));
    let long = pairs.filter(|(from, until)| until.saturating_sub(**from) >= GAP);
    let waited = |from: u64, until: u64| {
        facts.calls.iter().any(|call| {
            let end = call.ended.map_or(until, |(ended, _)| ended.at.min(until));
            end >= call.began.at.max(from) + WAITED
        })
    };
    long.map(|(from, until)| (*from, *until))
        .filter(|(from, until)| waited(*from, *until))
        .collect()
}
