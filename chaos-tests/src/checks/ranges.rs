//! Only addresses that may be given out are.

use std::net::IpAddr;

use super::facts::{Facts, Holder, How, Place, Who};
use super::{Found, Violation};
use crate::history::Range;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let ranges: Vec<_> = facts.run.ranges.iter().map(Bounds::of).collect();
    // What was found good once stays good.
    let mut good: Vec<Option<&str>> = vec![None; facts.names.addresses.len()];
    for holding in &facts.lives.holdings {
        let (Holder::Who(who), How::Committed) = (holding.holder, holding.begin.how) else {
            continue;
        };
        let network = facts.names.attachments[who][2];
        if good[holding.place] == Some(network) {
            continue;
        }
        match wrong(facts, &ranges, holding.place, who) {
            None => good[holding.place] = Some(network),
            Some(what) => {
                let moment = holding.begin.moment;
                let violation = Violation::new(moment, what).revision(holding.begin.revision);
                found.push(violation.at(facts, holding.place).of(facts, who));
            }
        }
    }
}

fn wrong(facts: &Facts<'_>, ranges: &[Bounds<'_>], place: Place, who: Who) -> Option<String> {
    let (space, address) = facts.names.addresses[place];
    let network = facts.names.attachments[who][2];
    // What was adopted goes by the name in the pod's annotation, which a namespace may stand before.
    let network = network.rsplit_once("%2F").map_or(network, |(_, name)| name);
    let mut its = ranges
        .iter()
        .filter(|bounds| bounds.range.space == space && bounds.range.network == network)
        .peekable();
    if its.peek().is_none() {
        return Some(format!("network {network} has no range in space {space}"));
    }
    let mut reasons = its.map(|bounds| bounds.wrong(address));
    let mut first = None;
    let fits = reasons.any(|reason| {
        first = first.or(reason);
        reason.is_none()
    });
    if fits { None } else { first.map(str::to_owned) }
}

/// A range, as numbers.
struct Bounds<'a> {
    range: &'a Range,
    /// Where the subnet cannot be read, nothing fits.
    subnet: Option<Subnet>,
    excludes: Vec<Option<Subnet>>,
}

impl<'a> Bounds<'a> {
    fn of(range: &'a Range) -> Self {
        let excludes = range.excludes.iter();
        Self {
            range,
            subnet: Subnet::read(&range.subnet),
            excludes: excludes.map(|text| Subnet::read(text)).collect(),
        }
    }

    fn wrong(&self, address: IpAddr) -> Option<&'static str> {
        let Self { range, subnet, .. } = self;
        let Some(subnet) = subnet.as_ref().filter(|subnet| subnet.contains(address)) else {
            return Some("the address is not in the range's subnet");
        };
        if address < range.first || address > range.last {
            return Some("the address is not between the range's first and last");
        }
        if Some(address) == range.gateway {
            return Some("the address is the gateway's");
        }
        if subnet.reserves(address) {
            return Some("the address is the subnet's own or its broadcast address");
        }
        let mut excludes = self.excludes.iter().flatten();
        excludes
            .any(|one| one.contains(address))
            .then_some("the address is excluded")
    }
}

/// A subnet, or a single address.
struct Subnet {
    /// Of the family's width in bits.
    bits: u32,
    length: u32,
    first: u128,
}

impl Subnet {
    fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse().ok()?)),
            None => (text, None),
        };
        let (bits, number) = number(address.parse().ok()?);
        let length = length.unwrap_or(bits);
        let host = bits.checked_sub(length)?;
        let first = number.checked_shr(host).unwrap_or(0);
        let first = first.checked_shl(host).unwrap_or(0);
        Some(Self {
            bits,
            length,
            first,
        })
    }

    fn size(&self) -> Option<u128> {
        1_u128.checked_shl(self.bits - self.length)
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (bits, number) = number(address);
        let offset = number.checked_sub(self.first);
        bits == self.bits
            && offset.is_some_and(|offset| self.size().is_none_or(|size| offset < size))
    }

    /// The network's and the broadcast address, which only IPv4 keeps, and only where there are others.
    fn reserves(&self, address: IpAddr) -> bool {
        let (_, number) = number(address);
        let last = self.size().map(|size| self.first + (size - 1));
        self.bits == 32 && self.length < 31 && (number == self.first || Some(number) == last)
    }
}

fn number(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(address) => (32, u32::from(address).into()),
        IpAddr::V6(address) => (128, address.into()),
    }
}
