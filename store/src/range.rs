//! Ranges: which addresses of a network may be given out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::{Address, Family, Network};

/// All addresses from `first` to `last`, both included. Never empty, never of two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(Address, Address)", into = "(Address, Address)")]
pub struct Span {
    first: Address,
    last: Address,
}

impl Span {
    /// The span between two addresses, or `None` where they are of two families or in wrong order.
    pub fn new(first: Address, last: Address) -> Option<Self> {
        (first.family() == last.family() && first <= last).then_some(Self { first, last })
    }

    /// The lowest address.
    pub const fn first(self) -> Address {
        self.first
    }

    /// The highest address.
    pub const fn last(self) -> Address {
        self.last
    }

    /// How many addresses the span holds; all of IPv6 counts as 2^128 - 1.
    pub fn size(self) -> u128 {
        (self.last.bits() - self.first.bits()).saturating_add(1)
    }

    /// Whether `address` lies in the span.
    pub fn contains(self, address: Address) -> bool {
        address.family() == self.first.family() && self.first <= address && address <= self.last
    }

    /// The address at `offset` from the first, or `None` past the last.
    pub fn nth(self, offset: u128) -> Option<Address> {
        self.first
            .checked_add(offset)
            .filter(|address| *address <= self.last)
    }

    /// The addresses of the span in order. Lazy: a span may hold more than can be visited.
    pub fn addresses(self) -> impl Iterator<Item = Address> {
        let mut next = Some(self.first);
        std::iter::from_fn(move || {
            let current = next.filter(|address| *address <= self.last)?;
            next = current.checked_add(1);
            Some(current)
        })
    }

    /// What two spans share.
    pub(crate) fn intersection(self, other: Self) -> Option<Self> {
        let same = self.first.family() == other.first.family();
        let shared = Self::new(self.first.max(other.first), self.last.min(other.last));
        shared.filter(|_| same)
    }

    /// What is left of the span without `hole`: nothing, one or two spans, in order.
    fn without(self, hole: Self) -> impl Iterator<Item = Self> {
        let apart = hole.first.family() != self.first.family();
        let (below, above) = if apart {
            (Some(self.last), None)
        } else {
            (hole.first.checked_sub(1), hole.last.checked_add(1))
        };
        let below = below.and_then(|end| Self::new(self.first, end.min(self.last)));
        let above = above.and_then(|start| Self::new(start.max(self.first), self.last));
        below.into_iter().chain(above)
    }

    /// Cuts the span into consecutive blocks of the sizes that `size` names, the last one shorter.
    pub(crate) fn blocks(self, mut size: impl FnMut() -> u128) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let span = rest?;
            let end = span.nth(size().max(1) - 1).unwrap_or(span.last);
            rest = end
                .checked_add(1)
                .and_then(|start| Self::new(start, span.last));
            Self::new(span.first, end)
        })
    }
}

impl TryFrom<(Address, Address)> for Span {
    type Error = &'static str;

    fn try_from((first, last): (Address, Address)) -> Result<Self, Self::Error> {
        Self::new(first, last).ok_or("a span ends before it starts")
    }
}

impl From<Span> for (Address, Address) {
    fn from(span: Span) -> Self {
        (span.first, span.last)
    }
}

impl From<Network> for Span {
    fn from(network: Network) -> Self {
        Self {
            first: network.first(),
            last: network.last(),
        }
    }
}

impl From<Address> for Span {
    fn from(address: Address) -> Self {
        Self {
            first: address,
            last: address,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// One configured range: the first to the last usable address of a network, without its excludes,
/// its gateway and what else must never be given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    network: Network,
    bounds: Span,
    gateway: Option<Address>,
    excludes: Vec<Span>,
    pieces: Vec<Span>,
}

impl Range {
    /// The range `bounds` of `network`. The network address, an IPv4 broadcast address, every
    /// exclude and the gateway are taken out of it; an exclude of the other family takes nothing.
    /// A range may end up without any address: then it is always full.
    pub fn new(
        network: Network,
        bounds: Span,
        gateway: Option<Address>,
        mut excludes: Vec<Span>,
    ) -> Self {
        excludes.retain(|exclude| exclude.first.family() == network.family());
        excludes.sort_unstable();
        excludes.dedup();
        let mut never = excludes.clone();
        never.push(network.first().into());
        if network.family() == Family::V4 {
            never.push(network.last().into());
        }
        never.extend(gateway.map(Span::from));
        let pieces = never.iter().fold(vec![bounds], |pieces, hole| {
            pieces
                .into_iter()
                .flat_map(|piece| piece.without(*hole))
                .collect()
        });
        Self {
            network,
            bounds,
            gateway,
            excludes,
            pieces,
        }
    }

    /// The network that the range lies in; its length is the prefix length of every address.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// The first and the last address that were configured, before anything was taken out.
    pub const fn bounds(&self) -> Span {
        self.bounds
    }

    /// The gateway that is handed out with each address.
    pub const fn gateway(&self) -> Option<Address> {
        self.gateway
    }

    /// What was excluded, sorted.
    pub fn excludes(&self) -> &[Span] {
        &self.excludes
    }

    /// The maximal spans of addresses that may be given out, in order and apart.
    pub fn pieces(&self) -> &[Span] {
        &self.pieces
    }

    /// How many addresses may be given out.
    pub fn size(&self) -> u128 {
        self.pieces
            .iter()
            .fold(0, |sum: u128, piece| sum.saturating_add(piece.size()))
    }

    /// Whether `address` may be given out.
    pub fn contains(&self, address: Address) -> bool {
        self.pieces.iter().any(|piece| piece.contains(address))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bounds, self.network.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(first: &str, last: &str) -> Span {
        Span::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    }

    fn v4(number: u32) -> Address {
        Address::from(std::net::IpAddr::V4(number.into()))
    }

    /// A /24 with bounds, excludes and a gateway anywhere in it.
    fn small_range() -> impl Strategy<Value = (Range, Vec<(u32, u32)>, Option<u32>)> {
        let network = 0x0a00_0000_u32;
        let byte = || 0_u32..256;
        let excludes = proptest::collection::vec((byte(), byte()), 0..6);
        (byte(), byte(), excludes, proptest::option::of(byte())).prop_map(
            move |(one, two, excludes, gateway)| {
                let excludes: Vec<_> = excludes
                    .into_iter()
                    .map(|(a, b)| (a.min(b), a.max(b)))
                    .collect();
                let to = |host: u32| v4(network + host);
                let range = Range::new(
                    Network::new(to(0), 24).unwrap(),
                    Span::new(to(one.min(two)), to(one.max(two))).unwrap(),
                    gateway.map(to),
                    excludes
                        .iter()
                        .map(|(a, b)| Span::new(to(*a), to(*b)).unwrap())
                        .collect(),
                );
                (range, excludes, gateway)
            },
        )
    }

    proptest! {
        #[test]
        fn a_range_is_its_bounds_without_what_was_taken_out((range, excludes, gateway) in small_range()) {
            for host in 0_u32..256 {
                let address = v4(0x0a00_0000 + host);
                let usable = range.bounds().contains(address)
                    && host != 0
                    && host != 255
                    && gateway != Some(host)
                    && !excludes.iter().any(|(a, b)| (*a..=*b).contains(&host));
                prop_assert_eq!(range.contains(address), usable, "host {}", host);
            }
            let listed: Vec<_> = range.pieces().iter().flat_map(|p| p.addresses()).collect();
            prop_assert_eq!(u128::try_from(listed.len()).unwrap(), range.size());
            prop_assert!(listed.is_sorted());
            for pair in range.pieces().windows(2) {
                prop_assert!(pair[0].last().checked_add(1).unwrap() < pair[1].first());
            }
        }

        #[test]
        fn blocks_cover_a_span_without_gap_or_overlap(
            a in any::<u128>(), b in any::<u128>(), size in 1_u128..,
        ) {
            let bits = |n| Address::from_bits(Family::V6, n).unwrap();
            let whole = Span::new(bits(a.min(b)), bits(a.max(b))).unwrap();
            let mut expected = Some(whole.first());
            for block in whole.blocks(|| size).take(100) {
                prop_assert_eq!(Some(block.first()), expected);
                prop_assert!(block.size() <= size);
                prop_assert!(block.size() == size || block.last() == whole.last());
                expected = block.last().checked_add(1);
            }
        }
    }

    #[test]
    fn excluding_most_of_ipv6_is_quick() {
        let network = Network::new("2001:db8::".parse().unwrap(), 30).unwrap();
        let exclude = Network::new("2001:db8::".parse().unwrap(), 32).unwrap();
        let range = Range::new(network, network.into(), None, vec![exclude.into()]);
        assert_eq!(
            range.pieces(),
            [span("2001:db9::", "2001:dbb:ffff:ffff:ffff:ffff:ffff:ffff")]
        );
    }

    #[test]
    fn excluding_everything_leaves_a_range_without_addresses() {
        let network = Network::new("10.61.0.0".parse().unwrap(), 24).unwrap();
        let range = Range::new(network, network.into(), None, vec![network.into()]);
        assert_eq!(range.size(), 0);
    }

    #[test]
    fn the_whole_of_ipv6_can_be_a_range() {
        let network = Network::new("::".parse().unwrap(), 0).unwrap();
        let range = Range::new(network, network.into(), None, vec![]);
        assert_eq!(range.size(), u128::MAX);
        assert!(range.contains("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap()));
    }
}
