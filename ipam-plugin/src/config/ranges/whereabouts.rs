//! Whereabouts' spelling: `range` and `ipRanges`, one address of each.

use store::address::{Address, Network};

use super::{Draft, LastOfIpv6, Problem, RangeError, bounds, excludes, optional_address};
use crate::config::section::{IpamSection, WhereaboutsRange};
use crate::config::text::{Cidr, TextError, Zeros, parse_address, parse_cidr};

/// Whereabouts reads all numbers as decimal.
const ZEROS: Zeros = Zeros::Decimal;

/// The section's own range first, then those of the list.
pub(super) fn read(
    section: &IpamSection,
    gateway: Option<Address>,
) -> Result<Vec<Draft>, RangeError> {
    let own = section.range.is_some().then(|| WhereaboutsRange {
        range: section.range.clone(),
        range_start: section.range_start.clone(),
        range_end: section.range_end.clone(),
        exclude: section.exclude.clone(),
        gateway: None,
    });
    let own = own.iter().map(|range| draft(range, "ipam.", gateway));
    let list = section.ip_ranges.iter().flatten().enumerate();
    own.chain(list.map(|(n, range)| draft(range, &format!("ipam.ipRanges[{n}]."), gateway)))
        .collect()
}

/// Reads one range; `path` is what stands before its keys in messages.
fn draft(
    range: &WhereaboutsRange,
    path: &str,
    gateway: Option<Address>,
) -> Result<Draft, RangeError> {
    let key = format!("{path}range");
    let text = range
        .range
        .as_ref()
        .ok_or_else(|| Problem::NoNetwork.at(&key))?;
    let at_key = |error: TextError| Problem::from(error).at(&key);
    let (network, start, end) = if let Some((first, rest)) = text.split_once('-') {
        let (network, first, last) = first_to_last(first, rest).map_err(at_key)?;
        (network, Some(first), Some(last))
    } else {
        let cidr = parse_cidr(text, ZEROS).map_err(at_key)?;
        let address = |text: &Option<String>, name: &str| {
            optional_address(text.as_ref(), ZEROS, &format!("{path}{name}"))
        };
        let start = address(&range.range_start, "range_start")?;
        let end = address(&range.range_end, "range_end")?;
        (cidr.network, start, end)
    };
    let bounds =
        bounds(network, start, end, LastOfIpv6::Unused).map_err(|problem| problem.at(&key))?;
    let excludes = excludes(range.exclude.as_deref(), ZEROS, path)?;
    let own_gateway = optional_address(range.gateway.as_ref(), ZEROS, &format!("{path}gateway"))?;
    Ok(Draft {
        key,
        network,
        bounds,
        gateway: own_gateway.or(gateway),
        excludes,
    })
}

/// `first-last/prefix`: the network is that of the last address.
fn first_to_last(first: &str, rest: &str) -> Result<(Network, Address, Address), TextError> {
    let first = parse_address(first, ZEROS)?;
    let Cidr {
        address, network, ..
    } = parse_cidr(rest, ZEROS)?;
    Ok((network, first, address))
}
