//! `addresses`: what every interface of a network gets besides an address of each range.

use store::address::{Address, Family};
use store::record::HeldAddress;

use super::ranges::{Pools, Spaces};
use super::section::{FixedAddress, IpamSection};
use super::text::{Cidr, Zeros, parse_address, parse_cidr};
use crate::cni::error::CniError;

/// The fixed addresses. Each keeps its own prefix length. It is unique in the network's address
/// space: where every range has a space of its own, in that of the range that it lies in.
pub(super) fn read(section: &IpamSection, pools: &Pools) -> Result<Vec<HeldAddress>, CniError> {
    let spaces = Spaces::of(section);
    section
        .addresses
        .iter()
        .flatten()
        .enumerate()
        .map(|(n, entry)| held(entry, &format!("ipam.addresses[{n}]"), &spaces, pools))
        .collect()
}

fn held(
    entry: &FixedAddress,
    key: &str,
    spaces: &Spaces,
    pools: &Pools,
) -> Result<HeldAddress, CniError> {
    let text = entry.address.as_ref().ok_or_else(|| {
        CniError::config(format!(
            "{key}: the address is missing; give it, such as 192.168.20.7/24"
        ))
    })?;
    let cidr = parse_cidr(text, Zeros::Decimal)
        .map_err(|error| CniError::config(format!("{key}.address: {error}")))?;
    if !is_host(cidr) {
        return Err(CniError::config(format!(
            "{key}.address: {text:?} is the network or the broadcast address of its prefix"
        )));
    }
    let Cidr {
        address,
        length,
        network,
    } = cidr;
    let gateway = entry
        .gateway
        .as_ref()
        .map(|text| parse_address(text, Zeros::Decimal))
        .transpose()
        .map_err(|error| CniError::config(format!("{key}.gateway: {error}")))?
        .filter(|gateway| gateway.family() == address.family());
    if gateway == Some(address) || pools.gateways.contains(&address) {
        return Err(CniError::config(format!(
            "{key}.address: {address} is a gateway, and a gateway is never given out"
        )));
    }
    let networks = pools.ranges().map(|pool| pool.range.network());
    let home = networks
        .into_iter()
        .find(|network| network.contains(address))
        .unwrap_or(network);
    Ok(HeldAddress {
        space: spaces.of_network(home),
        address,
        prefix: length,
        gateway,
    })
}

/// Whether an interface may have it: neither the network address nor an IPv4 broadcast address.
/// Prefixes of one or two addresses have no such addresses.
fn is_host(cidr: Cidr) -> bool {
    let Cidr {
        address, network, ..
    } = cidr;
    let is = |other: Address| address == other;
    let broadcast = network.family() == Family::V4 && is(network.last());
    cidr.length.saturating_add(1) >= network.family().bits() || !(is(network.first()) || broadcast)
}
