//! Ranges that nobody could read whole, with many addresses taken.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::network;
use chaos_tests::random::seeded;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;

/// How many addresses are taken before the plugin comes.
const TAKEN: u64 = 60_000;

/// A network and the number of its usable addresses, which are counted from 1.
#[derive(Clone, Copy)]
struct Family {
    range: &'static str,
    usable: u64,
    ip: fn(u64) -> IpAddr,
}

fn ipv4(offset: u64) -> IpAddr {
    let base = u64::from(Ipv4Addr::new(10, 0, 0, 0).to_bits());
    // The offsets end with the network.
    Ipv4Addr::from_bits(u32::try_from(base + offset).unwrap_or(u32::MAX)).into()
}

fn ipv6(offset: u64) -> IpAddr {
    let base = Ipv6Addr::new(0xfd00, 0x64, 0, 0, 0, 0, 0, 0).to_bits();
    Ipv6Addr::from_bits(base + u128::from(offset)).into()
}

const SLASH_8: Family = Family {
    range: "10.0.0.0/8",
    usable: (1 << 24) - 2,
    ip: ipv4,
};

const SLASH_16: Family = Family {
    range: "10.0.0.0/16",
    usable: (1 << 16) - 2,
    ip: ipv4,
};

const SLASH_64: Family = Family {
    range: "fd00:64::/64",
    usable: u64::MAX - 1,
    ip: ipv6,
};

/// Takes these addresses of a space, past the plugin.
fn take(lab: &Lab, space: &str, family: Family, taken: &BTreeSet<u64>) -> Result<()> {
    lab.raw.put_all(taken.iter().map(|offset| {
        let key = lab.layout.address(space, (family.ip)(*offset));
        (key, holder("n9", "net", &format!("x{offset}")))
    }))
}

/// The lowest offsets that are free.
fn lowest_free(taken: &BTreeSet<u64>) -> impl Iterator<Item = u64> {
    (1..).filter(|offset| !taken.contains(offset))
}

/// With these addresses taken, ADD gives the lowest free ones in one order and any free ones in
/// the other.
fn adds_find_what_is_free(
    lab: &Lab,
    space: &str,
    family: Family,
    taken: &BTreeSet<u64>,
) -> Result<()> {
    take(lab, space, family, taken)?;
    let net = |order| {
        network(
            "net",
            json!({"network_name": space, "range": family.range, "order": order}),
        )
    };
    let container = |order: &str, number: usize| format!("{space}-{order}-{number}");

    let mut given = BTreeSet::new();
    for (number, offset) in lowest_free(taken).take(3).enumerate() {
        let answer = lab.node.add(&container("lowest", number), &net("lowest"))?;
        let ip = answer.success()?.ip()?;
        assert_eq!(ip, (family.ip)(offset), "{space}");
        given.insert(ip);
    }
    for number in 0..3 {
        let answer = lab.node.add(&container("spread", number), &net("spread"))?;
        let ip = answer.success()?.ip()?;
        assert!(given.insert(ip), "{space}: {ip} was given out twice");
    }
    let taken: BTreeSet<_> = taken.iter().map(|offset| (family.ip)(*offset)).collect();
    assert!(
        given.is_disjoint(&taken),
        "{space}: a taken address was given out"
    );
    Ok(())
}

/// The lowest addresses without gaps, but for one.
fn from_the_bottom(random: &mut StdRng) -> BTreeSet<u64> {
    let hole = random.random_range(1..=TAKEN);
    (1..=TAKEN + 1).filter(|offset| *offset != hole).collect()
}

/// The lowest addresses, with a hundred gaps anywhere.
fn with_gaps(random: &mut StdRng) -> BTreeSet<u64> {
    let mut taken: BTreeSet<u64> = (1..=TAKEN + 100).collect();
    while taken.len() > usize::try_from(TAKEN).unwrap_or(usize::MAX) {
        taken.remove(&random.random_range(1..=TAKEN + 100));
    }
    taken
}

/// Anywhere in the network.
fn at_random(random: &mut StdRng, family: Family) -> BTreeSet<u64> {
    let mut taken = BTreeSet::new();
    while taken.len() < usize::try_from(TAKEN).unwrap_or(usize::MAX) {
        taken.insert(random.random_range(1..=family.usable));
    }
    taken
}

fn sixty_thousand_taken(family: Family) -> Result<()> {
    let lab = Lab::new()?;
    let mut random = seeded();
    let random = &mut random;
    adds_find_what_is_free(&lab, "bottom", family, &from_the_bottom(random))?;
    adds_find_what_is_free(&lab, "gaps", family, &with_gaps(random))?;
    adds_find_what_is_free(&lab, "random", family, &at_random(random, family))
}

#[test]
fn a_slash_8_with_sixty_thousand_taken_gives_what_is_free() -> Result<()> {
    sixty_thousand_taken(SLASH_8)
}

#[test]
fn a_slash_64_with_sixty_thousand_taken_gives_what_is_free() -> Result<()> {
    sixty_thousand_taken(SLASH_64)
}

#[test]
fn the_last_free_address_of_a_slash_16_is_found_and_then_it_is_full() -> Result<()> {
    let lab = Lab::new()?;
    let last = seeded().random_range(1..=SLASH_16.usable);
    let taken = (1..=SLASH_16.usable).filter(|offset| *offset != last);
    take(&lab, "default", SLASH_16, &taken.collect())?;
    for order in ["lowest", "spread"] {
        let net = network("net", json!({"range": SLASH_16.range, "order": order}));
        let ip = lab.node.add("c", &net)?.success()?.ip()?;
        assert_eq!(ip, (SLASH_16.ip)(last), "{order}");
        let message = lab.node.add("late", &net)?.failure(100)?.message()?;
        assert!(message.contains("65534"), "no count in: {message}");
        lab.node.del("c", &net)?.silence()?;
    }
    Ok(())
}

#[test]
fn the_widest_ranges_have_a_first_address() -> Result<()> {
    let lab = Lab::new()?;
    for (name, range, first) in [("v6", "::/0", "::1"), ("v4", "0.0.0.0/0", "0.0.0.1")] {
        let net = |order| network(name, json!({"range": range, "order": order}));
        let ip = lab.node.add("c", &net("lowest"))?.success()?.ip()?;
        assert_eq!(ip, first.parse::<IpAddr>().context("no address")?);
        lab.node.add("d", &net("spread"))?.success()?;
    }
    lab.holdings()?;
    Ok(())
}
