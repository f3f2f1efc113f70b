//! Addresses and prefixes as they are written in configurations.

use std::borrow::Cow;
use std::net::IpAddr;

use store::address::{Address, Family, Network};

/// What zeros in front of a number mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Nothing: `010.0.0.1` is `10.0.0.1` (Whereabouts).
    Decimal,
    /// They are refused, because some read such a number as octal (host-local, and Go since 1.17).
    Refused,
}

/// Why a text is no address or no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is no address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// It is no prefix.
    #[error("{0:?} is not an address with a prefix length, such as 192.168.20.0/24")]
    Cidr(String),
    /// The prefix is longer than an address.
    #[error("{text:?} has too long a prefix: an {family} address has {} bits", family.bits())]
    Length {
        /// What was written.
        text: String,
        /// The family of its address.
        family: Family,
    },
    /// An IPv4 prefix is written as IPv6.
    #[error("{0:?} is an IPv4 network written as IPv6; write it as IPv4")]
    Mapped(String),
}

/// An address with a prefix length. Unlike in a [`Network`], host bits may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The address.
    pub address: Address,
    /// The length of the prefix.
    pub length: u8,
    /// The network that the address lies in.
    pub network: Network,
}

/// Reads an address. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is taken for IPv4, as in Go.
pub fn parse_address(text: &str, zeros: Zeros) -> Result<Address, TextError> {
    parse_ip(text, zeros)
        .map(|ip| Address::from(ip.to_canonical()))
        .ok_or_else(|| TextError::Address(text.to_owned()))
}

/// Reads an address with a prefix length.
pub fn parse_cidr(text: &str, zeros: Zeros) -> Result<Cidr, TextError> {
    let malformed = || TextError::Cidr(text.to_owned());
    let (ip, length) = text.split_once('/').ok_or_else(malformed)?;
    let ip = parse_ip(ip, zeros).ok_or_else(malformed)?;
    if ip.to_canonical() != ip {
        return Err(TextError::Mapped(text.to_owned()));
    }
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let address = Address::from(ip);
    length
        .parse()
        .ok()
        .and_then(|length| Some((length, Network::new(address, length)?)))
        .map(|(length, network)| Cidr {
            address,
            length,
            network,
        })
        .ok_or_else(|| TextError::Length {
            text: text.to_owned(),
            family: address.family(),
        })
}

/// Reads an address that may be followed by a prefix length, which must be a possible one and
/// says nothing else.
pub fn parse_address_of_cidr(text: &str) -> Result<Address, TextError> {
    if text.contains('/') {
        parse_cidr(text, Zeros::Refused).map(|cidr| cidr.address)
    } else {
        parse_address(text, Zeros::Refused)
    }
}

fn parse_ip(text: &str, zeros: Zeros) -> Option<IpAddr> {
    let text = match zeros {
        Zeros::Refused => Cow::Borrowed(text),
        Zeros::Decimal => Cow::Owned(without_leading_zeros(text)),
    };
    text.parse().ok()
}

/// Drops the zeros in front of every number of an address, the last digit excepted.
fn without_leading_zeros(text: &str) -> String {
    text.split_inclusive(['.', ':'])
        .map(|part| {
            let trimmed = part.trim_start_matches('0');
            let was_zero = trimmed.len() < part.len();
            if was_zero && !trimmed.starts_with(|c: char| c.is_ascii_hexdigit()) {
                format!("0{trimmed}")
            } else {
                trimmed.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn leading_zeros_are_decimal_or_refused() {
        for (text, meant) in [
            ("00192.00168.01.209", "192.168.1.209"),
            ("010.000.0.08", "10.0.0.8"),
            ("2001:db8:0304:000:0000::0", "2001:db8:304::"),
            ("00fd::00001", "fd::1"),
            ("::0", "::"),
            ("::ffff:010.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(
                parse_address(text, Zeros::Decimal),
                Ok(address(meant)),
                "{text}"
            );
        }
        for text in ["010.0.0.1", "10.0.0.01", "10.00.0.1"] {
            assert!(parse_address(text, Zeros::Refused).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_either_rule() {
        for text in [
            "",
            " 10.0.0.1",
            "10.0.0.1 ",
            "10.0.0",
            "10.0.0.0.1",
            "300.1.1.1",
            "banana",
            "fe80::1%eth0",
            "10.0.0.1/24",
            "1..2.3",
            "0x0a.0.0.1",
        ] {
            for zeros in [Zeros::Decimal, Zeros::Refused] {
                assert!(parse_address(text, zeros).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_prefix_keeps_its_host_bits() {
        let cidr = parse_cidr("10.0.0.77/24", Zeros::Refused).unwrap();
        assert_eq!(cidr.address, address("10.0.0.77"));
        assert_eq!(cidr.network.first(), address("10.0.0.0"));
        assert_eq!(parse_cidr("::0/0", Zeros::Refused).unwrap().length, 0);
    }

    #[test]
    fn impossible_prefixes_are_refused() {
        for text in [
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/ 8",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "/8",
            "10.0.0.0/99999999999999999999",
            "::ffff:10.0.0.0/120",
        ] {
            assert!(parse_cidr(text, Zeros::Decimal).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_address_reads_back_with_any_number_of_zeros(bits: [u8; 4], zeros in 0_usize..4) {
            let pad = "0".repeat(zeros);
            let [a, b, c, d] = bits;
            let text = format!("{pad}{a}.{pad}{b}.{pad}{c}.{pad}{d}");
            let meant = Address::from(IpAddr::from(bits));
            prop_assert_eq!(parse_address(&text, Zeros::Decimal), Ok(meant));
        }

        #[test]
        fn both_rules_agree_on_what_is_strictly_right(bits: u128, length in 0_u8..=128) {
            let text = format!("{}/{length}", std::net::Ipv6Addr::from_bits(bits));
            prop_assert_eq!(parse_cidr(&text, Zeros::Refused), parse_cidr(&text, Zeros::Decimal));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "[0-9a-f.:/ ]{0,30}|.{0,10}") {
            for zeros in [Zeros::Decimal, Zeros::Refused] {
                let _ = parse_address(&text, zeros);
                let _ = parse_cidr(&text, zeros);
            }
        }
    }
}
