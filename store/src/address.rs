//! IP addresses as numbers: one type for both families, ordered, with 128-bit arithmetic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An IP family. Ranges and address keys never mix the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: 32-bit addresses.
    V4,
    /// IPv6: 128-bit addresses.
    V6,
}

impl Family {
    /// The length of an address in bits, which is also the longest prefix length.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The highest address of the family, as a number.
    pub const fn max(self) -> u128 {
        match self {
            Self::V4 => 0xffff_ffff,
            Self::V6 => u128::MAX,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One IP address. Ordered by family, then by number, which is also the order of its keys in etcd.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    family: Family,
    bits: u128,
}

impl Address {
    /// The address with this number, or `None` where the family has no such number.
    pub const fn from_bits(family: Family, bits: u128) -> Option<Self> {
        if bits > family.max() {
            None
        } else {
            Some(Self { family, bits })
        }
    }

    /// The address's family.
    pub const fn family(self) -> Family {
        self.family
    }

    /// The address as a number: 0 to 2^32 - 1 or 0 to 2^128 - 1.
    pub const fn bits(self) -> u128 {
        self.bits
    }

    /// The network address of the prefix of `length` bits that this address lies in.
    /// A length beyond the family's is taken as the family's.
    #[must_use]
    pub fn network(self, length: u8) -> Self {
        Self {
            bits: self.bits & !host_mask(self.family, length),
            ..self
        }
    }

    /// The last address of the prefix of `length` bits that this address lies in.
    #[must_use]
    pub fn broadcast(self, length: u8) -> Self {
        Self {
            bits: self.bits | host_mask(self.family, length),
            ..self
        }
    }

    /// The address `distance` above this one, or `None` past the end of the family.
    pub fn checked_add(self, distance: u128) -> Option<Self> {
        Self::from_bits(self.family, self.bits.checked_add(distance)?)
    }

    /// The address `distance` below this one, or `None` below zero.
    pub fn checked_sub(self, distance: u128) -> Option<Self> {
        Self::from_bits(self.family, self.bits.checked_sub(distance)?)
    }

    /// The standard library's form.
    pub fn to_ip(self) -> IpAddr {
        match self.family {
            Family::V4 => {
                let bits = u32::try_from(self.bits).unwrap_or(u32::MAX);
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(self.bits)),
        }
    }
}

/// The bits of an address that a prefix of `length` leaves to the hosts.
fn host_mask(family: Family, length: u8) -> u128 {
    let host_bits = u32::from(family.bits().saturating_sub(length));
    1_u128
        .checked_shl(host_bits)
        .map_or(u128::MAX, |size| size - 1)
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self {
                family: Family::V4,
                bits: u128::from(ip.to_bits()),
            },
            IpAddr::V6(ip) => Self {
                family: Family::V6,
                bits: ip.to_bits(),
            },
        }
    }
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpAddr>().map(Self::from)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ip = IpAddr::deserialize(deserializer)?;
        Ok(Self::from(ip))
    }
}

/// A prefix: a network address and its length, written `192.168.20.0/24`. Host bits are always zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: Address,
    length: u8,
}

impl Network {
    /// The prefix of `length` bits around `address`, or `None` where the family has no such length.
    pub fn new(address: Address, length: u8) -> Option<Self> {
        (length <= address.family().bits()).then(|| Self {
            address: address.network(length),
            length,
        })
    }

    /// The first address: the network address.
    pub const fn first(self) -> Address {
        self.address
    }

    /// The last address: for IPv4 the broadcast address.
    pub fn last(self) -> Address {
        self.address.broadcast(self.length)
    }

    /// The prefix length in bits.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The family of the prefix.
    pub const fn family(self) -> Family {
        self.address.family()
    }

    /// Whether `address` lies in the prefix.
    pub fn contains(self, address: Address) -> bool {
        address.family() == self.family() && address.network(self.length) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![
            any::<u32>().prop_map(|bits| Address::from(IpAddr::V4(bits.into()))),
            any::<u128>().prop_map(|bits| Address::from(IpAddr::V6(bits.into()))),
        ]
    }

    proptest! {
        #[test]
        fn text_and_back(address in address()) {
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }

        #[test]
        fn a_prefix_holds_exactly_the_addresses_between_its_ends(
            address in address(), other in address(), length in 0_u8..=128,
        ) {
            let Some(network) = Network::new(address, length) else {
                prop_assert!(length > address.family().bits());
                return Ok(());
            };
            prop_assert!(network.contains(address));
            prop_assert!(network.first() <= address && address <= network.last());
            let between = other.family() == network.family()
                && network.first() <= other
                && other <= network.last();
            prop_assert_eq!(network.contains(other), between);
        }

        #[test]
        fn addition_and_subtraction_are_inverse(address in address(), distance in any::<u128>()) {
            if let Some(sum) = address.checked_add(distance) {
                prop_assert_eq!(sum.checked_sub(distance), Some(address));
            }
        }
    }

    #[test]
    fn nothing_lies_past_the_last_address() {
        let last: Address = "255.255.255.255".parse().unwrap();
        assert_eq!(last.checked_add(1), None);
        let last: Address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        assert_eq!(last.checked_add(1), None);
    }

    #[test]
    fn the_whole_of_ipv6_is_a_prefix() {
        let all = Network::new("::1".parse().unwrap(), 0).unwrap();
        assert_eq!(all.first().bits(), 0);
        assert_eq!(all.last().bits(), u128::MAX);
    }
}
