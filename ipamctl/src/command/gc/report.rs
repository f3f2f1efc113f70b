//! What the collector reports of a sweep, as far as people are shown it.

use std::collections::BTreeMap;

use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;
use store::key::parse_holder_name;

use crate::output::{Align, Table};
use crate::text::shortened;

/// How many characters of a container's ID a table shows: as many as other tools do.
const CONTAINER_WIDTH: usize = 12;

/// A report. What a later version adds is left out, and what it lacks is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    result: String,
    error: Option<String>,
    frozen: Option<String>,
    duration_seconds: f64,
    records: u64,
    released: BTreeMap<String, u64>,
    candidates: BTreeMap<String, u64>,
    kept: BTreeMap<String, u64>,
    releases: Listed<Release>,
    adopted: u64,
    rests_ended: u64,
    reservations_ended: u64,
    conflicts: Listed<Conflict>,
    breakers: Vec<Breaker>,
    damaged: Listed<Damaged>,
}

/// How many there are, and some of them.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Listed<T> {
    total: u64,
    newest: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Release {
    addresses: Vec<String>,
    owner: String,
    pod: Option<String>,
    evidence: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Conflict {
    address: String,
    holder: String,
    pod: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Breaker {
    kind: String,
    found: u64,
    limit: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Damaged {
    key: String,
    reason: String,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            total: 0,
            newest: Vec::new(),
        }
    }
}

impl Report {
    /// Reads what the collector answered.
    pub(super) fn read(answer: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(answer)
    }

    fn is_dry_run(&self) -> bool {
        self.result == "dry_run"
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.summary()];
        if let Some(reasons) = self.reasons() {
            parts.push(reasons);
        }
        if !self.releases.newest.is_empty() {
            parts.push(releases(&self.releases.newest));
        }
        if !self.conflicts.newest.is_empty() {
            parts.push(conflicts(&self.conflicts.newest));
        }
        parts.join("\n")
    }

    fn summary(&self) -> String {
        let headline = match self.result.as_str() {
            "complete" => "The sweep is complete.",
            "dry_run" => "A dry run: nothing was changed.",
            "frozen" => "The store is frozen: nothing was released.",
            "breaker" => "A breaker held releases back.",
            "interrupted" => "The sweep was interrupted; what it released stays released.",
            "void" => "The sweep is void: nothing was judged.",
            _ => "The collector has answered.",
        };
        let Self {
            records,
            adopted,
            rests_ended,
            reservations_ended,
            duration_seconds,
            ..
        } = self;
        format!(
            "{headline}\n  records              {records}\n  adopted              {adopted}\n  \
             rests ended          {rests_ended}\n  reservations ended   {reservations_ended}\n  \
             took                 {duration_seconds:.1} s\n"
        )
    }

    /// How many records for which reason; `None` without any.
    fn reasons(&self) -> Option<String> {
        let released = if self.is_dry_run() {
            "TO RELEASE"
        } else {
            "RELEASED"
        };
        let mut table = Table::new([
            ("RECORDS", Align::Right),
            ("WHAT", Align::Left),
            ("WHY", Align::Left),
        ]);
        let mut any = false;
        for (what, tally) in [
            (released, &self.released),
            ("WAITING", &self.candidates),
            ("KEPT", &self.kept),
        ] {
            for (why, count) in tally {
                table.row([count.to_string(), what.to_owned(), why.clone()]);
                any = true;
            }
        }
        any.then(|| table.render())
    }

    /// What may need somebody's attention beside the outcome itself.
    pub(super) fn warnings(&self) -> Vec<String> {
        let damaged = self.damaged.newest.iter().map(|Damaged { key, reason }| {
            format!("{key} cannot be read, so what it stands for counts as taken: {reason}")
        });
        let cut = [
            ("releases", self.releases.total, self.releases.newest.len()),
            (
                "conflicts",
                self.conflicts.total,
                self.conflicts.newest.len(),
            ),
            (
                "damaged keys",
                self.damaged.total,
                self.damaged.newest.len(),
            ),
        ];
        let cut = cut.into_iter().filter_map(|(what, total, listed)| {
            let listed = u64::try_from(listed).unwrap_or(u64::MAX);
            (total > listed).then(|| {
                format!("only the newest {listed} of {total} {what} are listed; the collector's log has all")
            })
        });
        damaged.chain(cut).collect()
    }

    /// Whether the sweep did all that it was there for.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let reason = self.error.as_deref().unwrap_or("it does not say why");
        match self.result.as_str() {
            "complete" | "dry_run" => Ok(()),
            "frozen" => bail!(
                "nothing was released, because the store is frozen: {}",
                self.frozen.as_deref().unwrap_or(reason)
            ),
            "breaker" => bail!(
                "releases were held back, because more look dead at once than is plausible: {}; see \
                 whether they are, and raise the collector's limit for the time being if so",
                self.breakers()
            ),
            "interrupted" => bail!("the sweep was interrupted: {reason}"),
            "void" => bail!("the sweep is void, because not everything could be read: {reason}"),
            "" => bail!("the collector reports no result: {reason}"),
            other => bail!("the sweep ended as {other}: {reason}"),
        }
    }

    fn breakers(&self) -> String {
        let breakers = self.breakers.iter().map(|Breaker { kind, found, limit }| {
            format!("{found} by {kind}, where {limit} are let through")
        });
        breakers.collect::<Vec<_>>().join("; ")
    }
}

fn releases(releases: &[Release]) -> String {
    let columns = [
        "ADDRESS",
        "NAMESPACE/POD",
        "NODE",
        "NETWORK",
        "CONTAINER",
        "INTERFACE",
        "EVIDENCE",
    ];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in releases {
        let [node, network, container, interface] = owner(&one.owner);
        table.row([
            one.addresses.join(","),
            one.pod.clone().unwrap_or_default(),
            node,
            network,
            container,
            interface,
            one.evidence.clone(),
        ]);
    }
    table.render()
}

/// The names of an attachment as the store names it, without its cluster.
fn owner(name: &str) -> [String; 4] {
    match parse_holder_name(name) {
        Some(attachment) => [
            attachment.node,
            attachment.network,
            shortened(&attachment.container, CONTAINER_WIDTH),
            attachment.interface,
        ],
        None => [String::new(), String::new(), name.to_owned(), String::new()],
    }
}

fn conflicts(conflicts: &[Conflict]) -> String {
    let columns = ["CONFLICT", "USED BY", "HELD BY"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in conflicts {
        table.row([one.address.clone(), one.pod.clone(), one.holder.clone()]);
    }
    table.render()
}
