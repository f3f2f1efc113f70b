//! Allocations and releases, as the store's history shows them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::Result;

use super::family::{Counters, Families};

/// How many networks have series of their own. Names come from the store, where any node may write
/// them, and no series ever ends.
const NETWORKS: usize = 1000;

/// The label of all other networks. No network has this name: CNI's begin with a letter or a digit.
const OTHERS: &str = "_others";

pub(super) struct Traffic {
    known: Mutex<BTreeSet<String>>,
    allocations: Counters<1>,
    releases: Counters<1>,
}

impl Traffic {
    pub(super) fn new(families: &Families) -> Result<Self> {
        Ok(Self {
            known: Mutex::default(),
            allocations: families.counters(
                "allocations_total",
                "Attachments that got their addresses, seen by this process while it led.",
                ["network"],
            )?,
            releases: families.counters(
                "releases_total",
                "Attachments whose addresses were released by anybody, seen by this process while \
                 it led.",
                ["network"],
            )?,
        })
    }

    pub(super) fn allocated(&self, network: &str) {
        let label = self.label(network);
        self.allocations.add([label], 1);
        self.releases.begin([label]);
    }

    pub(super) fn released(&self, network: &str) {
        let label = self.label(network);
        self.releases.add([label], 1);
        self.allocations.begin([label]);
    }

    fn label<'a>(&self, network: &'a str) -> &'a str {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(network) {
            return network;
        }
        if known.len() >= NETWORKS {
            return OTHERS;
        }
        known.insert(network.to_owned());
        network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_series_is_bounded() {
        let traffic = Traffic::new(&Families::default()).unwrap();
        for number in 0..NETWORKS {
            let name = format!("net{number}");
            assert_eq!(traffic.label(&name), name);
        }
        assert_eq!(traffic.label("one-more"), OTHERS);
        assert_eq!(traffic.label("net7"), "net7");
    }
}
