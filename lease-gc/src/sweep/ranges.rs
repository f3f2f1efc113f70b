//! The configured ranges and how full they are, counted while the addresses are read.

use std::collections::BTreeMap;

use store::address::Address;
use store::collect::Listed;
use store::inspect::RangeUsage;
use store::names::Space;
use store::record::{Holder, RangeRecord};

use crate::evidence::adoption;
use crate::report::{Count, RangeReport};

/// Every configured range, by its space.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<Space, Vec<Configured>>);

/// One configured range.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) usage: RangeUsage,
    /// Its key, as it was listed.
    pub(super) listed: Listed,
}

impl Ranges {
    pub(super) fn add(&mut self, space: Space, record: RangeRecord, listed: Listed) {
        let usage = RangeUsage::new(space.clone(), record);
        let configured = Configured { usage, listed };
        self.0.entry(space).or_default().push(configured);
    }

    /// Counts a taken address into every range that gives it out. `None` stands for a holder that
    /// cannot be read.
    pub(super) fn count(&mut self, space: &Space, address: Address, holder: Option<&Holder>) {
        for configured in self.0.get_mut(space).into_iter().flatten() {
            configured.usage.count(address, holder);
        }
    }

    /// In which space an address lies.
    pub(super) fn places(&self) -> adoption::Ranges {
        adoption::Ranges::new(self.all().filter_map(|configured| {
            let RangeUsage { space, range, .. } = &configured.usage;
            Some((space.clone(), range.clone()?))
        }))
    }

    /// Those in which nobody holds anything.
    pub(super) fn unused(&self) -> impl Iterator<Item = &Configured> {
        self.all()
            .filter(|configured| configured.usage.allocated + configured.usage.resting == 0)
    }

    /// What the report says of them, in a stable order.
    pub(super) fn reports(&self) -> Vec<RangeReport> {
        let mut reports: Vec<RangeReport> = self.all().map(report).collect();
        reports.sort();
        reports
    }

    fn all(&self) -> impl Iterator<Item = &Configured> {
        self.0.values().flatten()
    }
}

fn report(configured: &Configured) -> RangeReport {
    let usage = &configured.usage;
    let (bounds, prefix) = (usage.record.bounds, usage.record.prefix);
    RangeReport {
        space: usage.space.to_string(),
        range: format!("{}-{}/{prefix}", bounds.first(), bounds.last()),
        capacity: Count(usage.total),
        allocated: Count(usage.allocated),
        resting: Count(usage.resting),
        reserved: Count(usage.reserved),
        free: Count(usage.free()),
    }
}
