//! Which addresses a network may give out, from either spelling.

mod host_local;
mod whereabouts;

use store::address::{Address, Family, Network};
use store::claim::PoolRange;
use store::names::Space;
use store::range::{Range, Span};

use super::section::{HostLocalRange, IpamSection};
use super::text::{TextError, Zeros, parse_address, parse_cidr};
use crate::cni::error::{CniError, Code};

/// The address space of a network that names none.
const DEFAULT_SPACE: &str = "default";

/// What is wrong with a range, and under which key it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub(super) struct RangeError {
    key: String,
    problem: Box<Problem>,
}

/// What is wrong with a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// A text cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// What says the network is missing.
    #[error("the network is missing; give it, such as 192.168.20.0/24")]
    NoNetwork,
    /// Host-local's spelling allows no host bits.
    #[error("{0} has host bits set; write {1}")]
    HostBits(String, Network),
    /// The prefix is too long.
    #[error("{0} has fewer than 2 usable addresses; use a shorter prefix")]
    TooSmall(Network),
    /// The first address lies elsewhere.
    #[error("it starts at {0}, which is not in {1}")]
    StartOutside(Address, Network),
    /// The last address lies elsewhere.
    #[error("it ends at {0}, which is not in {1}")]
    EndOutside(Address, Network),
    /// The bounds are in the wrong order, or hold only addresses that cannot be given out.
    #[error("no usable address of {2} lies between its start {0} and its end {1}")]
    Empty(Address, Address, Network),
    /// A set without ranges.
    #[error("the set is empty; give it a range or take it away")]
    EmptySet,
    /// IPv4 and IPv6 in one set.
    #[error("{0} and {1} are of two families; give each family a set of its own")]
    Families(Network, Network),
    /// Two ranges share addresses.
    #[error("it overlaps {1}, which has {0} too; let ranges be apart")]
    Overlap(Address, String),
}

impl Problem {
    /// The problem with the place where it is.
    fn at(self, key: impl Into<String>) -> RangeError {
        RangeError {
            key: key.into(),
            problem: Box::new(self),
        }
    }
}

impl From<RangeError> for CniError {
    fn from(error: RangeError) -> Self {
        Self::new(Code::InvalidConfig, error.to_string())
    }
}

/// A range as it was read, before it is known what else must not be given out.
#[derive(Clone, Debug)]
struct Draft {
    key: String,
    network: Network,
    bounds: Span,
    gateway: Option<Address>,
    excludes: Vec<Span>,
}

/// In which address spaces a network's addresses are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spaces {
    name: String,
    overlapping: bool,
}

impl Spaces {
    /// What `network_name` and `enable_overlapping_ranges` say.
    pub(super) fn of(section: &IpamSection) -> Self {
        let name = section.network_name.as_deref().unwrap_or(DEFAULT_SPACE);
        Self {
            name: name.to_owned(),
            overlapping: section.enable_overlapping_ranges.unwrap_or(true),
        }
    }

    /// The space of the addresses of `network`.
    pub(super) fn of_network(&self, network: Network) -> Space {
        if self.overlapping {
            Space::Shared(self.name.clone())
        } else {
            Space::Private(self.name.clone(), network)
        }
    }
}

/// The ranges of a network: an interface gets one address of every set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pools {
    /// The sets, in the order of the answer. Each is one pool, and all its ranges are of one family.
    pub(super) sets: Vec<Vec<PoolRange>>,
    /// Every gateway that is configured anywhere. None of them is ever given out.
    pub(super) gateways: Vec<Address>,
}

impl Pools {
    /// Reads the ranges of the section and of `runtimeConfig.ipRanges`. The order is the
    /// runtime's, Whereabouts' spelling, host-local's spelling.
    pub(super) fn read(
        section: &IpamSection,
        runtime: &[Vec<HostLocalRange>],
    ) -> Result<Self, RangeError> {
        let gateway = top_gateway(section)?;
        let whereabouts = whereabouts::read(section, gateway)?;
        let mut sets = host_local::read(section, gateway, runtime)?;
        let ours = sets.split_off(runtime.len());
        sets.extend(whereabouts.into_iter().map(|draft| vec![draft]));
        sets.extend(ours);

        let mut gateways: Vec<_> = sets
            .iter()
            .flatten()
            .filter_map(|draft| draft.gateway)
            .collect();
        gateways.extend(gateway);
        gateways.extend(gateways_of_fixed(section));
        gateways.sort_unstable();
        gateways.dedup();

        let spaces = Spaces::of(section);
        let sets = sets
            .into_iter()
            .map(|set| {
                set.into_iter()
                    .map(|draft| finish(draft, &gateways, &spaces))
                    .collect()
            })
            .collect();
        Ok(Self { sets, gateways })
    }

    /// All ranges of all sets.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &PoolRange> {
        self.sets.iter().flatten()
    }
}

/// The section's `gateway`, read by the rules of the spelling that it belongs to.
fn top_gateway(section: &IpamSection) -> Result<Option<Address>, RangeError> {
    let host_local = section.range.is_none()
        && section.ip_ranges.is_none()
        && (section.subnet.is_some() || section.ranges.is_some());
    let zeros = if host_local {
        Zeros::Refused
    } else {
        Zeros::Decimal
    };
    optional_address(section.gateway.as_ref(), zeros, "ipam.gateway")
}

/// The gateways of `addresses`. One that cannot be read is reported where the addresses are read.
fn gateways_of_fixed(section: &IpamSection) -> impl Iterator<Item = Address> {
    let fixed = section.addresses.iter().flatten();
    fixed.filter_map(|entry| parse_address(entry.gateway.as_ref()?, Zeros::Decimal).ok())
}

/// Makes the range, without any gateway of the whole configuration.
fn finish(draft: Draft, gateways: &[Address], spaces: &Spaces) -> PoolRange {
    let Draft {
        network,
        bounds,
        gateway,
        mut excludes,
        ..
    } = draft;
    let gateway = gateway.filter(|gateway| gateway.family() == network.family());
    let others = gateways.iter().copied();
    excludes.extend(
        others
            .filter(|other| bounds.contains(*other) && Some(*other) != gateway)
            .map(Span::from),
    );
    PoolRange {
        space: spaces.of_network(network),
        range: Range::new(network, bounds, gateway, excludes),
    }
}

/// Reads an address that may be missing.
fn optional_address(
    text: Option<&String>,
    zeros: Zeros,
    key: &str,
) -> Result<Option<Address>, RangeError> {
    text.map(|text| parse_address(text, zeros))
        .transpose()
        .map_err(|error| Problem::from(error).at(key))
}

/// Reads what is never given out: addresses, and prefixes whose host bits are masked.
fn excludes(texts: Option<&[String]>, zeros: Zeros, path: &str) -> Result<Vec<Span>, RangeError> {
    let exclude = |text: &String| {
        if text.contains('/') {
            parse_cidr(text, zeros).map(|cidr| cidr.network.into())
        } else {
            parse_address(text, zeros).map(Span::from)
        }
    };
    let excludes: Result<_, _> = texts.unwrap_or_default().iter().map(exclude).collect();
    excludes.map_err(|error| Problem::from(error).at(format!("{path}exclude")))
}

/// Which is the last usable address of an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastOfIpv6 {
    /// The last (host-local).
    Used,
    /// The last but one, as in IPv4 (Whereabouts).
    Unused,
}

/// The first and last address to give out. A start on the network address and an end on the
/// broadcast address are moved inward.
fn bounds(
    network: Network,
    start: Option<Address>,
    end: Option<Address>,
    last_of_ipv6: LastOfIpv6,
) -> Result<Span, Problem> {
    if network.length().saturating_add(2) > network.family().bits() {
        return Err(Problem::TooSmall(network));
    }
    if let Some(start) = start.filter(|start| !network.contains(*start)) {
        return Err(Problem::StartOutside(start, network));
    }
    if let Some(end) = end.filter(|end| !network.contains(*end)) {
        return Err(Problem::EndOutside(end, network));
    }
    let all = last_of_ipv6 == LastOfIpv6::Used && network.family() == Family::V6;
    let lowest = network.first().checked_add(1);
    let highest = network.last().checked_sub(u128::from(!all));
    let (Some(lowest), Some(highest)) = (lowest, highest) else {
        return Err(Problem::TooSmall(network));
    };
    let start = start.unwrap_or(lowest);
    let end = end.unwrap_or(highest);
    Span::new(start, end)
        .and_then(|_| Span::new(start.max(lowest), end.min(highest)))
        .ok_or(Problem::Empty(start, end, network))
}

#[cfg(test)]
mod tests;
