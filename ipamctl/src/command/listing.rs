//! Taken addresses, one a line.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::inventory::{Inventory, PodNames, State, Taken};
use crate::output::{Align, Table};
use crate::text::{age, shortened};

/// How many characters of a container's ID a table shows: as many as other tools do.
pub(super) const CONTAINER_WIDTH: usize = 12;

/// The taken addresses of an inventory that are wanted. As JSON: an array, written one by one.
pub(super) struct Listing<'a, F> {
    pub(super) inventory: &'a Inventory,
    /// When ages are counted until.
    pub(super) now: SystemTime,
    pub(super) wanted: F,
}

impl<'a, F: Fn(&Taken<'a>) -> bool> Listing<'a, F> {
    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.taken().next().is_none()
    }

    pub(super) fn taken(&self) -> impl Iterator<Item = Taken<'a>> {
        self.inventory.taken(self.now).filter(&self.wanted)
    }

    /// For people.
    pub(super) fn table(&self) -> Table {
        let columns = [
            "ADDRESS",
            "STATE",
            "SPACE",
            "NAMESPACE/POD",
            "NODE",
            "NETWORK",
            "CONTAINER",
            "INTERFACE",
            "AGE",
            "NOTE",
        ];
        let mut table = Table::new(columns.map(|name| (name, Align::Left)));
        for one in self.taken() {
            let subject = &one.subject;
            let [node, network, container, interface] = subject.names.map_or([""; 4], |names| {
                [names.node, names.network, names.container, names.interface]
            });
            table.row([
                address(&one),
                one.state.to_string(),
                subject.space.to_owned(),
                subject.pod.map(PodNames::full_name).unwrap_or_default(),
                node.to_owned(),
                network.to_owned(),
                shortened(container, CONTAINER_WIDTH),
                interface.to_owned(),
                one.age.map(age).unwrap_or_default(),
                note(&one),
            ]);
        }
        table
    }
}

impl<'a, F: Fn(&Taken<'a>) -> bool> Serialize for Listing<'a, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.taken())
    }
}

/// The address with its prefix length, where that is known.
pub(super) fn address(taken: &Taken<'_>) -> String {
    let Some(address) = taken.subject.address else {
        return String::new();
    };
    match taken.prefix {
        Some(prefix) => format!("{address}/{prefix}"),
        None => address.to_string(),
    }
}

/// What stands beside the state.
pub(super) fn note(taken: &Taken<'_>) -> String {
    if let Some(problem) = taken.problem {
        return problem.to_owned();
    }
    if let Some(rest) = taken.rest {
        let whole = Duration::from_secs(rest.cooldown_seconds);
        return match taken.age.map(|age| whole.saturating_sub(age)) {
            None => format!("rests {}", age(whole)),
            Some(Duration::ZERO) => "rested long enough".to_owned(),
            Some(left) => format!("rests {} more", age(left)),
        };
    }
    if let Some(why) = taken.why {
        let mut parts = Vec::new();
        parts.extend((!why.reason.is_empty()).then(|| why.reason.to_owned()));
        parts.extend((!why.owner.is_empty()).then(|| format!("for {}", why.owner)));
        parts.extend(why.expires.map(|expires| format!("until {expires}")));
        return parts.join(", ");
    }
    match (taken.state, taken.kind) {
        (State::Other, Some(kind)) => format!("of kind {kind}"),
        _ => String::new(),
    }
}
