//! What was broken, and what happened before.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::html::{escape, left_out, seconds, shortened};
use crate::checks::facts::Facts;
use crate::checks::{Verdict, Violation};
use crate::layout::Layout;

/// How many violations are listed, and how many are shown with their events.
const LISTED: usize = 200;
const SHOWN: usize = 12;

/// How many events before and after a violation are shown.
const BEFORE: usize = 50;
const AFTER: usize = 10;

/// The longest line of an event (characters).
const LONGEST: usize = 400;

pub(super) fn violations(page: &mut String, verdict: &Verdict) {
    let all = &verdict.violations;
    if all.is_empty() {
        return;
    }
    page.push_str(
        "<h2>What was broken</h2>\n<table>\n<tr><th>at (s)</th><th>checker</th><th>what</th>\
         <th>address</th><th>attachment</th><th>revision</th></tr>\n",
    );
    for violation in all.iter().take(LISTED) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let revision = violation.revision.map(|revision| revision.to_string());
        let _ = writeln!(
            page,
            "<tr><td class=\"n\">{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"n\">{}</td></tr>",
            seconds(violation.at),
            violation.check,
            escape(&shortened(&violation.what, LONGEST)),
            escape(&text(&violation.address)),
            escape(&text(&violation.attachment)),
            text(&revision),
        );
    }
    page.push_str("</table>\n");
    left_out(
        page,
        all.len() + verdict.more,
        LISTED.min(all.len()),
        "violations",
    );
}

/// What happened around each violation.
pub(super) fn windows(page: &mut String, facts: &Facts<'_>, verdict: &Verdict) {
    let all = &verdict.violations;
    if all.is_empty() {
        return;
    }
    page.push_str("<h2>What happened before</h2>\n");
    for (number, violation) in all.iter().take(SHOWN).enumerate() {
        window(page, facts, violation, number == 0);
    }
    left_out(page, all.len(), SHOWN, "windows of events");
}

/// The events around a violation. What names its attachment or its address stands out.
fn window(page: &mut String, facts: &Facts<'_>, violation: &Violation, open: bool) {
    let events = &facts.history.events;
    let first = violation.event.saturating_sub(BEFORE);
    let last = (violation.event + AFTER + 1).min(events.len());
    let marks = marks(violation);
    let (at, check) = (seconds(violation.at), violation.check);
    let what = escape(&violation.what).to_string();
    let open = if open { " open=\"\"" } else { "" };
    let _ = write!(
        page,
        "<details{open}>\n<summary><code>{check}</code> at {at} s: {what}</summary>\n<pre>"
    );
    for (number, event) in events.iter().enumerate().take(last).skip(first) {
        let line = serde_json::to_string(event).unwrap_or_default();
        let about = marks.iter().any(|mark| line.contains(mark.as_str()));
        let class = match (number == violation.event, about) {
            (true, _) => "hit",
            (false, true) => "about",
            (false, false) => "",
        };
        let line = shortened(&line, LONGEST);
        let _ = writeln!(
            page,
            "<span class=\"{class}\">{number:>6} {}</span>",
            escape(&line)
        );
    }
    page.push_str("</pre>\n</details>\n");
}

/// How a violation's attachment and address are spelled in events.
fn marks(violation: &Violation) -> Vec<String> {
    let container = violation.attachment.as_ref();
    let container = container.and_then(|name| name.split('/').nth(3));
    let container = container.map(str::to_owned);
    let address = violation.address.as_ref();
    let address = address.and_then(|text| text.rsplit_once('/'));
    let address = address.and_then(|(_, address)| address.parse::<IpAddr>().ok());
    // As in answers, and as in keys.
    let answered = address.map(|address| format!("\"{address}\""));
    let key = address.map(|address| Layout::default().address("", address));
    let key = key.and_then(|key| key.rsplit_once('/').map(|(_, address)| address.to_owned()));
    container.into_iter().chain(answered).chain(key).collect()
}
