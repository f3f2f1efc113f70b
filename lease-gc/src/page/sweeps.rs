//! What the last sweeps did.

use std::collections::VecDeque;

use jiff::Zoned;

use super::text::{count, escaped};
use super::time::{instant, took};
use crate::report::SweepResult;
use crate::status::Sweep;

pub(super) fn section(sweeps: &VecDeque<Sweep>, now: &Zoned) -> String {
    if sweeps.is_empty() {
        return "<section>\n<h2>Sweeps</h2>\n<p class=\"none\">This one has made none yet.</p>\n</section>\n"
            .to_owned();
    }
    let rows: String = sweeps.iter().map(|sweep| row(sweep, now)).collect();
    format!(
        "<section>\n<h2>Sweeps</h2>\n<table>\n\
         <thead><tr><th>Began</th><th>Result</th><th class=\"n\">Took</th>\
         <th class=\"n\">Records</th><th class=\"n\">Waiting</th><th class=\"n\">Released</th>\
         <th class=\"n\">Adopted</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )
}

fn row(sweep: &Sweep, now: &Zoned) -> String {
    let judged = sweep.result.has_judged();
    let number = |label: &str, number: u64| {
        let zero = if number == 0 { " zero" } else { "" };
        let number = if judged {
            count(number.into())
        } else {
            "–".to_owned()
        };
        format!("<td class=\"n{zero}\" data-is=\"{label}\">{number}</td>")
    };
    let (class, words) = match sweep.result {
        SweepResult::Complete => ("good", "complete"),
        SweepResult::DryRun => ("", "dry run"),
        SweepResult::Frozen => ("bad", "frozen"),
        SweepResult::Breaker => ("bad", "breaker"),
        SweepResult::Interrupted => ("warn", "interrupted"),
        SweepResult::Void => ("warn", "void"),
    };
    let error = match &sweep.error {
        Some(error) => format!("<div class=\"why\">{}</div>", escaped(error)),
        None => String::new(),
    };
    format!(
        "<tr><td>{began}</td><td><span class=\"badge {class}\">{words}</span>{error}</td>\
         <td class=\"n\">{took}</td>{records}{waiting}{released}{adopted}</tr>\n",
        began = instant(sweep.started, now),
        took = took(sweep.duration),
        records = number("records", sweep.records),
        waiting = number("waiting", sweep.candidates),
        released = number("released", sweep.released),
        adopted = number("adopted", sweep.adopted),
    )
}
