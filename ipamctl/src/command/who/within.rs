//! The ranges that an address lies in.

use serde::Serialize;
use store::address::{Address, Network};
use store::names::Space;
use store::record::RangeRecord;

/// A range between whose ends an address lies. The fields' names are those of the JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Within {
    /// As configurations spell it.
    pub(super) range: String,
    /// The network; `None` where the prefix length is none of the family's.
    pub(super) network: Option<String>,
    /// Whether it gives the address out.
    pub(super) gives: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why_not: Option<&'static str>,
}

/// Those of the space's ranges that have the address, in order.
pub(super) fn within(
    space: &Space,
    address: Address,
    ranges: &[(Space, RangeRecord)],
) -> Vec<Within> {
    let of_space = ranges.iter().filter(|(of, _)| of == space);
    let mut with_it: Vec<_> = of_space
        .map(|(_, record)| record)
        .filter(|record| record.bounds.contains(address))
        .collect();
    with_it.sort_by_key(|record| (record.bounds, record.prefix));
    let with_it = with_it.into_iter().map(|record| {
        let network = Network::new(record.bounds.first(), record.prefix);
        let why_not = why_not(record, address);
        Within {
            range: format!("{}/{}", record.bounds, record.prefix),
            network: network.map(|network| network.to_string()),
            gives: why_not.is_none(),
            why_not,
        }
    });
    with_it.collect()
}

/// Why the range does not give the address out, if it does not.
fn why_not(record: &RangeRecord, address: Address) -> Option<&'static str> {
    let Some(range) = record.range() else {
        return Some("it gives nothing out: its prefix length is none of its family's");
    };
    if range.contains(address) {
        return None;
    }
    let excluded = range.excludes().iter().any(|span| span.contains(address));
    Some(if excluded {
        "it is excluded"
    } else if record.gateway == Some(address) {
        "it is the gateway"
    } else {
        "it is the network's first or last address"
    })
}
