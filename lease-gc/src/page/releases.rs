//! What was released last, and why.

use jiff::Zoned;

use super::text::{count, escaped};
use super::time::instant;
use crate::report::{Newest, Release};

pub(super) fn section(releases: &Newest<Release>, now: &Zoned) -> String {
    if releases.total() == 0 {
        return "<section>\n<h2>Releases</h2>\n<p class=\"none\">This one has made none yet.</p>\n</section>\n"
            .to_owned();
    }
    let rows: String = releases
        .iter()
        .rev()
        .map(|release| row(release, now))
        .collect();
    format!(
        "<section>\n<h2>Releases <span class=\"of\">{total} since the start</span></h2>\n<table>\n\
         <thead><tr><th>When</th><th>Address</th><th>Pod</th><th>Why</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</section>\n",
        total = count(releases.total().into()),
    )
}

fn row(release: &Release, now: &Zoned) -> String {
    let addresses: Vec<_> = release.addresses.iter().map(ToString::to_string).collect();
    let owner = escaped(&release.owner);
    let pod = match &release.pod {
        Some(pod) => format!("<b>{}</b><div class=\"why\">{owner}</div>", escaped(pod)),
        None => owner.to_string(),
    };
    format!(
        "<tr><td>{when}</td><td class=\"wide\"><b>{addresses}</b></td><td class=\"wide\">{pod}</td>\
         <td><span class=\"badge\">{why}</span></td></tr>\n",
        when = instant(release.at, now),
        addresses = addresses.join("<br>"),
        why = escaped(&release.evidence.replace('_', " ")),
    )
}
