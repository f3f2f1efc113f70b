//! What needs a person.

use super::text::escaped;
use crate::report::{Conflict, OpenBreaker};
use crate::status::{Snapshot, Sweep};

/// How many conflicts are listed.
const CONFLICTS: usize = 10;

pub(super) fn section(status: &Snapshot) -> String {
    let found = &status.found;
    let mut alerts = Vec::new();
    if let Some(why) = &found.frozen {
        alerts.push(alert(
            "bad",
            "The store is frozen: nothing is allocated, and nothing is collected.",
            &escaped(why).to_string(),
        ));
    }
    alerts.extend(found.breakers.iter().map(breaker));
    alerts.extend(status.sweeps.front().and_then(failed));
    if found.conflicts.total() > 0 {
        let lines: String = found
            .conflicts
            .iter()
            .rev()
            .take(CONFLICTS)
            .map(conflict)
            .collect();
        let title = match found.conflicts.total() {
            1 => "1 address is used by two.".to_owned(),
            total => format!("{total} addresses are used by two."),
        };
        alerts.push(alert("bad", &title, &format!("<ul>{lines}</ul>")));
    }
    if found.damaged > 0 {
        let title = match found.damaged {
            1 => "1 key of the store cannot be read; it counts as taken.".to_owned(),
            damaged => format!("{damaged} keys of the store cannot be read; they count as taken."),
        };
        alerts.push(alert("warn", &title, "The log names them."));
    }
    alerts.concat()
}

fn breaker(breaker: &OpenBreaker) -> String {
    let OpenBreaker { kind, found, limit } = breaker;
    let title = format!(
        "The breaker <code>{}</code> is open: it holds its releases back.",
        escaped(kind)
    );
    let text = format!(
        "{found} deaths came to light at once, and {limit} are believed. If they are real, \
         release them as an operator."
    );
    alert("bad", &title, &text)
}

fn failed(sweep: &Sweep) -> Option<String> {
    let error = sweep.error.as_ref()?;
    let title = format!("The last sweep is {}.", sweep.result.name());
    Some(alert("warn", &title, &escaped(error).to_string()))
}

fn conflict(conflict: &Conflict) -> String {
    format!(
        "<li><b>{}</b> is held by {} and used by {}</li>",
        conflict.address,
        escaped(&conflict.holder),
        escaped(&conflict.pod)
    )
}

fn alert(class: &str, title: &str, text: &str) -> String {
    format!("<section class=\"alert {class}\"><h2>{title}</h2><div>{text}</div></section>\n")
}
