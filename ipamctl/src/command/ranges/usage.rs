//! One line of the listing: a range and its use.

use serde::Serialize;
use store::address::{Address, Network};
use store::inspect::RangeUsage;

use crate::output::Count;

/// A configured range. The fields' names are those of the JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    pub(super) space: String,
    /// `None` where the prefix length is none of the family's.
    pub(super) network: Option<String>,
    pub(super) first: Address,
    pub(super) last: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<Address>,
    pub(super) excludes: Vec<String>,
    pub(super) allocated: Count,
    pub(super) resting: Count,
    pub(super) reserved: Count,
    pub(super) free: Count,
    pub(super) total: Count,
    pub(super) seen: String,
    #[serde(skip)]
    pub(super) prefix: u8,
}

impl Usage {
    /// The range as configurations spell it.
    pub(super) fn range(&self) -> String {
        format!("{}-{}/{}", self.first, self.last, self.prefix)
    }
}

impl From<RangeUsage> for Usage {
    fn from(usage: RangeUsage) -> Self {
        let free = Count(usage.free());
        let RangeUsage {
            space,
            record,
            range: _,
            total,
            allocated,
            resting,
            reserved,
        } = usage;
        let (first, last) = (record.bounds.first(), record.bounds.last());
        Self {
            space: space.to_string(),
            network: Network::new(first, record.prefix).map(|network| network.to_string()),
            first,
            last,
            gateway: record.gateway,
            excludes: record.excludes.iter().map(ToString::to_string).collect(),
            allocated: Count(allocated),
            resting: Count(resting),
            reserved: Count(reserved),
            free,
            total: Count(total),
            seen: record.seen,
            prefix: record.prefix,
        }
    }
}

/// The ranges, sorted by space and address.
pub(super) fn sorted(ranges: Vec<RangeUsage>) -> Vec<Usage> {
    let mut ranges: Vec<_> = ranges.into_iter().map(Usage::from).collect();
    ranges.sort_by(|one, other| {
        let place = |usage: &Usage| (usage.first, usage.last, usage.prefix);
        one.space
            .cmp(&other.space)
            .then_with(|| place(one).cmp(&place(other)))
    });
    ranges
}
