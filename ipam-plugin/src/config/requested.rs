//! Requested addresses: which ones, and which dynamic addresses they replace.

use std::collections::HashSet;

use store::address::Address;
use store::claim::{Claim, PoolRange};
use store::record::HeldAddress;

use super::ranges::Pools;
use super::text::parse_address_of_cidr;
use crate::cni::error::{CniError, Code};

/// The requested addresses, each once, in order: those of `runtimeConfig.ips` and `args.cni.ips`,
/// and only without any of these the ones of `CNI_ARGS` (CNI conventions, "Dynamic Plugin
/// specific Fields": `CNI_ARGS` must be ignored where `args` or `runtimeConfig` say it too).
pub(super) fn read(
    runtime: &[String],
    args: &[String],
    cni_args: &[String],
) -> Result<Vec<Address>, CniError> {
    let config = [("runtimeConfig.ips", runtime), ("args.cni.ips", args)];
    let environment = [("CNI_ARGS IP", cni_args)];
    let sources: &[_] = if runtime.is_empty() && args.is_empty() {
        &environment
    } else {
        &config
    };
    let mut seen = HashSet::new();
    let mut requested = Vec::new();
    for (source, texts) in sources {
        for text in *texts {
            let address = parse_address_of_cidr(text)
                .map_err(|error| CniError::config(format!("{source}: {error}")))?;
            if seen.insert(address) {
                requested.push(address);
            }
        }
    }
    Ok(requested)
}

/// What to claim: of every set any address, but where one was requested exactly that one. Each
/// requested address replaces the dynamic one of the first set that has it and still needs one.
pub(super) fn assign(pools: Pools, requested: &[Address]) -> Result<Vec<Claim>, CniError> {
    let mut chosen: Vec<Option<HeldAddress>> = vec![None; pools.sets.len()];
    for address in requested.iter().copied() {
        let free = pools
            .sets
            .iter()
            .zip(chosen.iter_mut())
            .find_map(|(set, place)| {
                let pool = set.iter().find(|pool| pool.range.contains(address))?;
                place.is_none().then_some((pool, place))
            });
        match free {
            Some((pool, place)) => *place = Some(hold(pool, address)),
            None => return Err(outside(address, &pools)),
        }
    }
    Ok(pools
        .sets
        .into_iter()
        .zip(chosen)
        .map(|(set, chosen)| chosen.map_or(Claim::Any(set), Claim::Exact))
        .collect())
}

/// A requested address takes the prefix length and the gateway of its range.
fn hold(pool: &PoolRange, address: Address) -> HeldAddress {
    HeldAddress {
        space: pool.space.clone(),
        address,
        prefix: pool.range.network().length(),
        gateway: pool.range.gateway(),
    }
}

fn outside(address: Address, pools: &Pools) -> CniError {
    let ranges: Vec<_> = pools.ranges().map(|pool| pool.range.to_string()).collect();
    let ranges = ranges.join(", ");
    let why = if pools.gateways.contains(&address) {
        "is a gateway of this network, and a gateway is never given out".to_owned()
    } else if pools.ranges().any(|pool| pool.range.contains(address)) {
        "is one request too many: an interface gets one address of each set of ranges".to_owned()
    } else if pools
        .ranges()
        .any(|pool| pool.range.bounds().contains(address))
    {
        "is excluded by this network's configuration".to_owned()
    } else {
        "is outside every range of this network".to_owned()
    };
    CniError::new(
        Code::OutsideRanges,
        format!("the requested address {address} {why}"),
    )
    .with_details(if ranges.is_empty() {
        "this network has no ranges; request none".to_owned()
    } else {
        format!("request an address of {ranges}, or none")
    })
}

/// No address may be claimed twice in one ADD.
pub(super) fn refuse_repeats(claims: &[Claim]) -> Result<(), CniError> {
    let mut seen = HashSet::new();
    for claim in claims {
        if let Claim::Exact(held) = claim
            && !seen.insert(held.address)
        {
            return Err(CniError::config(format!(
                "the address {} is asked for twice; take it away once, from ipam.addresses or \
                 from the request",
                held.address
            )));
        }
    }
    Ok(())
}
