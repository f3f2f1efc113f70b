//! Who this is, who leads, and when the next sweep is due.

use jiff::Zoned;

use super::text::escaped;
use super::time::{distance, instant};
use crate::status::{Leader, Snapshot};

pub(super) fn section(status: &Snapshot, now: &Zoned) -> String {
    let (badge, leader) = match &status.leader {
        Leader::Me { since } => (
            "<span class=\"badge good\">leads</span>",
            format!("this one, since {}", instant(*since, now)),
        ),
        Leader::Other(name) => (
            "<span class=\"badge\">stands by</span>",
            escaped(name).to_string(),
        ),
        Leader::Unknown => (
            "<span class=\"badge bad\">no leader known</span>",
            "not known".to_owned(),
        ),
    };
    let schedule = escaped(&status.schedule);
    let next = match (status.next_sweep, &status.leader) {
        (Some(at), _) => format!("{} ({})", distance(at, now), instant(at, now)),
        (None, Leader::Me { .. }) => "not planned".to_owned(),
        (None, _) => "the leader's".to_owned(),
    };
    let cluster = escaped(&status.cluster);
    let identity = escaped(&status.identity);
    format!(
        "<header>\n\
         <h1>lease-gc <span class=\"of\">{cluster}</span> {badge}</h1>\n\
         <dl>\
         <div><dt>Collector</dt><dd>{identity}</dd></div>\
         <div><dt>Leader</dt><dd>{leader}</dd></div>\
         <div><dt>Schedule</dt><dd><code>{schedule}</code></dd></div>\
         <div><dt>Next sweep</dt><dd>{next}</dd></div>\
         </dl>\n\
         </header>\n"
    )
}
