//! How full the ranges are. Only the leader exports it, so that no two collectors ever disagree.

use prometheus::Result;

use super::family::{Families, Gauges, number};
use crate::report::RangeReport;

pub(super) struct Addresses {
    addresses: Gauges<3>,
    capacity: Gauges<2>,
}

impl Addresses {
    pub(super) fn new(families: &Families) -> Result<Self> {
        Ok(Self {
            addresses: families.gauges(
                "addresses",
                "Addresses of a range by state: allocated, resting, reserved or free. Only from \
                 the leader.",
                ["space", "range", "state"],
            )?,
            capacity: families.gauges(
                "range_capacity_addresses",
                "Addresses that a range may give out. Only from the leader.",
                ["space", "range"],
            )?,
        })
    }

    /// Replaces what was said before: a range that is gone is no longer exported.
    pub(super) fn set(&self, ranges: &[RangeReport]) {
        self.clear();
        for range in ranges {
            let place = [range.space.as_str(), range.range.as_str()];
            self.capacity.set(place, number(range.capacity.0));
            let [space, name] = place;
            for (state, count) in [
                ("allocated", range.allocated),
                ("resting", range.resting),
                ("reserved", range.reserved),
                ("free", range.free),
            ] {
                self.addresses.set([space, name, state], number(count.0));
            }
        }
    }

    pub(super) fn clear(&self) {
        self.addresses.clear();
        self.capacity.clear();
    }
}
