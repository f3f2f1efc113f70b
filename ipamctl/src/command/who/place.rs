//! An address in one space.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use store::address::Address;
use store::inspect::{Damaged, Owner};
use store::names::Space;

use super::within::Within;
use crate::command::listing::{address, note};
use crate::inventory::{Inventory, Names, Taken};
use crate::text::{age, printable};

/// How wide the names of things are, with the gap behind them.
const WIDTH: usize = "LAST CONTAINER".len() + 3;

/// How the address stands in a space.
pub(super) struct Place {
    pub(super) address: Address,
    pub(super) space: Space,
    /// Of its holder and its key.
    pub(super) inventory: Inventory,
    /// Of its holder's record.
    pub(super) record: Option<Record>,
    /// The revision that wrote its key.
    pub(super) revision: Option<i64>,
    pub(super) within: Vec<Within>,
}

/// What a listing does not show of an owner record. The fields' names are those of the JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Record {
    #[serde(rename = "record_revision")]
    revision: i64,
    machine_id: String,
    boot_id: String,
    rest_seconds: u64,
    also: Vec<Also>,
}

/// Another address of the same attachment.
#[derive(Clone, Debug, Serialize)]
struct Also {
    address: Address,
    space: String,
}

/// What is shown of a place. The fields' names are those of the JSON.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    state: Standing<'a>,
    ranges: &'a [Within],
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    #[serde(flatten)]
    record: Option<&'a Record>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Standing<'a> {
    Taken(Box<Taken<'a>>),
    Free {
        address: Address,
        space: String,
        state: &'static str,
    },
}

impl Record {
    /// Of the holder of an address.
    pub(super) fn of(owner: &Owner, space: &Space, address: Address) -> Self {
        let record = &owner.record;
        let others = record
            .addresses
            .iter()
            .filter(|held| (&held.space, held.address) != (space, address));
        Self {
            revision: owner.judged.mod_revision,
            machine_id: record.boot.machine.clone(),
            boot_id: record.boot.id.clone(),
            rest_seconds: record.cooldown_s,
            also: others
                .map(|held| Also {
                    address: held.address,
                    space: held.space.to_string(),
                })
                .collect(),
        }
    }
}

impl Place {
    /// Whether nobody else may be given the address.
    pub(super) const fn is_taken(&self) -> bool {
        self.revision.is_some()
    }

    /// What of it cannot be read.
    pub(super) fn damaged(&self) -> impl Iterator<Item = Damaged> {
        self.inventory.damaged().iter().map(|damaged| Damaged {
            key: damaged.key.clone(),
            reason: damaged.reason.clone(),
        })
    }

    /// What is shown of it.
    pub(super) fn shown(&self, now: SystemTime) -> Shown<'_> {
        let space = self.space.to_string();
        let here = self.inventory.taken(now).find(|taken| {
            (taken.subject.space, taken.subject.address) == (&space, Some(self.address))
        });
        Shown {
            state: match here {
                Some(taken) => Standing::Taken(Box::new(taken)),
                None => Standing::Free {
                    address: self.address,
                    space,
                    state: "free",
                },
            },
            ranges: &self.within,
            revision: self.revision,
            record: self.record.as_ref(),
        }
    }
}

/// A line for each thing that is known.
pub(super) fn text(shown: &Shown<'_>) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    match &shown.state {
        Standing::Taken(taken) => of_taken(taken, &mut lines),
        Standing::Free {
            address,
            space,
            state,
        } => lines.extend([
            ("ADDRESS", address.to_string()),
            ("STATE", (*state).to_owned()),
            ("SPACE", space.clone()),
        ]),
    }
    if let Some(record) = shown.record {
        let also = record.also.iter();
        lines
            .extend(also.map(|also| ("ALSO HOLDS", format!("{} in {}", also.address, also.space))));
        let rest = Duration::from_secs(record.rest_seconds);
        if !rest.is_zero() {
            lines.push(("COOL-DOWN", format!("{} after its release", age(rest))));
        }
        lines.push(("MACHINE", record.machine_id.clone()));
        lines.push(("BOOT", record.boot_id.clone()));
    }
    let ranges = shown.ranges.iter().map(|within| match within.why_not {
        None => within.range.clone(),
        Some(why_not) => format!("{} does not give it out: {why_not}", within.range),
    });
    lines.extend(ranges.map(|range| ("RANGE", range)));
    if shown.ranges.is_empty() {
        lines.push(("RANGE", "none has it".to_owned()));
    }
    if let Some(revision) = shown.revision {
        lines.push((
            "REVISION",
            match shown.record {
                Some(record) if record.revision != revision => {
                    format!("{revision}, of the record {}", record.revision)
                }
                _ => revision.to_string(),
            },
        ));
    }
    let mut text = String::new();
    for (name, known) in lines.iter().filter(|(_, known)| !known.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<WIDTH$}{}", printable(known));
    }
    text
}

fn of_taken(taken: &Taken<'_>, lines: &mut Vec<(&str, String)>) {
    let subject = &taken.subject;
    let mut state = taken.state.to_string();
    let note = note(taken);
    if !note.is_empty() {
        state = format!("{state}: {note}");
    }
    lines.extend([
        ("ADDRESS", address(taken)),
        ("STATE", state),
        ("SPACE", subject.space.to_owned()),
    ]);
    if let Some(pod) = subject.pod {
        lines.push(("POD", pod.full_name()));
        lines.push(("UID", pod.uid.to_owned()));
    }
    if let Some(names) = subject.names {
        let labels = if taken.rest.is_some() {
            [
                "LAST CLUSTER",
                "LAST NODE",
                "LAST NETWORK",
                "LAST CONTAINER",
                "LAST INTERFACE",
            ]
        } else {
            ["CLUSTER", "NODE", "NETWORK", "CONTAINER", "INTERFACE"]
        };
        let Names {
            cluster,
            node,
            network,
            container,
            interface,
        } = names;
        let names = [cluster, node, network, container, interface];
        lines.extend(labels.into_iter().zip(names.map(str::to_owned)));
    }
    let gateway = taken.gateway.unwrap_or_default();
    lines.push(("GATEWAY", gateway.to_owned()));
    let ago = taken.age.map(|since| format!(" ({} ago)", age(since)));
    let since = |then: &str| format!("{then}{}", ago.clone().unwrap_or_default());
    lines.extend(taken.created.map(|created| ("CREATED", since(created))));
    lines.extend(taken.rest.map(|rest| ("RELEASED", since(rest.released))));
    let plugin = taken.plugin.unwrap_or_default();
    lines.push(("PLUGIN", plugin.to_owned()));
}
