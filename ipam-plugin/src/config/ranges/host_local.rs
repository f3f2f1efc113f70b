//! host-local's spelling: `runtimeConfig.ipRanges`, `subnet` and `ranges`, sets of ranges of which
//! each is one pool.

use store::address::Address;

use super::{Draft, LastOfIpv6, Problem, RangeError, bounds, excludes, optional_address};
use crate::config::section::{HostLocalRange, IpamSection};
use crate::config::text::{Zeros, parse_cidr};

/// host-local refuses leading zeros.
const ZEROS: Zeros = Zeros::Refused;

/// The runtime's sets, then that of `subnet`, then those of `ranges`.
pub(super) fn read(
    section: &IpamSection,
    gateway: Option<Address>,
    runtime: &[Vec<HostLocalRange>],
) -> Result<Vec<Vec<Draft>>, RangeError> {
    let named = |name: &str, list: &[Vec<HostLocalRange>]| {
        list.iter()
            .enumerate()
            .map(|(n, ranges)| set(ranges, &format!("{name}[{n}]")))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut sets = named("runtimeConfig.ipRanges", runtime)?;
    if section.subnet.is_some() {
        let range = HostLocalRange {
            subnet: section.subnet.clone(),
            range_start: section.start.clone(),
            range_end: section.end.clone(),
            gateway: None,
        };
        let mut draft = draft(&range, "ipam.", gateway)?;
        // Not a key of host-local's, but whoever writes it means it. With `range` it is that one's.
        if section.range.is_none() {
            draft.excludes = excludes(section.exclude.as_deref(), ZEROS, "ipam.")?;
        }
        sets.push(vec![draft]);
    }
    sets.extend(named(
        "ipam.ranges",
        section.ranges.as_deref().unwrap_or_default(),
    )?);
    refuse_overlaps(&sets)?;
    Ok(sets)
}

/// Reads one set; `key` is its name in messages.
fn set(ranges: &[HostLocalRange], key: &str) -> Result<Vec<Draft>, RangeError> {
    let drafts = ranges
        .iter()
        .enumerate()
        .map(|(n, range)| draft(range, &format!("{key}[{n}]."), None))
        .collect::<Result<Vec<_>, _>>()?;
    let (first, others) = drafts
        .split_first()
        .ok_or_else(|| Problem::EmptySet.at(key))?;
    match others
        .iter()
        .find(|other| other.network.family() != first.network.family())
    {
        Some(other) => Err(Problem::Families(first.network, other.network).at(key)),
        None => Ok(drafts),
    }
}

/// Reads one range; `path` is what stands before its keys in messages.
fn draft(
    range: &HostLocalRange,
    path: &str,
    gateway: Option<Address>,
) -> Result<Draft, RangeError> {
    let key = format!("{path}subnet");
    let at = |problem: Problem| problem.at(&key);
    let text = range
        .subnet
        .as_ref()
        .ok_or_else(|| at(Problem::NoNetwork))?;
    let cidr = parse_cidr(text, ZEROS).map_err(|error| at(error.into()))?;
    let network = cidr.network;
    if cidr.address != network.first() {
        return Err(at(Problem::HostBits(text.clone(), network)));
    }
    let address = |text: &Option<String>, name: &str| {
        optional_address(text.as_ref(), ZEROS, &format!("{path}{name}"))
    };
    let start = address(&range.range_start, "rangeStart")?;
    let end = address(&range.range_end, "rangeEnd")?;
    let bounds = bounds(network, start, end, LastOfIpv6::Used).map_err(at)?;
    let gateway = address(&range.gateway, "gateway")?
        .or(gateway)
        .or_else(|| network.first().checked_add(1));
    Ok(Draft {
        key,
        network,
        bounds,
        gateway,
        excludes: Vec::new(),
    })
}

/// No address may be in two ranges, whichever sets they are in.
fn refuse_overlaps(sets: &[Vec<Draft>]) -> Result<(), RangeError> {
    let mut drafts: Vec<_> = sets.iter().flatten().collect();
    drafts.sort_by_key(|draft| draft.bounds);
    for (lower, upper) in drafts.iter().zip(drafts.iter().skip(1)) {
        if lower.bounds.contains(upper.bounds.first()) {
            let both = upper.bounds.first();
            return Err(Problem::Overlap(both, lower.key.clone()).at(&upper.key));
        }
    }
    Ok(())
}
