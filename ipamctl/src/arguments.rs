//! What several commands take on the command line.

use std::convert::Infallible;

use ipam_plugin::config::text::{Zeros, parse_address, parse_cidr};
use store::address::Address;
use store::names::Space;
use store::range::Span;

/// The most addresses that one call changes.
pub const MOST_ADDRESSES: u128 = 65_536;

/// Reads one address.
///
/// # Errors
/// For people.
pub fn address(text: &str) -> Result<Address, String> {
    parse_address(text.trim(), Zeros::Refused).map_err(|error| error.to_string())
}

/// Reads `192.168.20.50`, `192.168.20.48/29` or `192.168.20.50-192.168.20.59`.
///
/// # Errors
/// For people: what is wrong with the text, and what to write instead.
pub fn span(text: &str) -> Result<Span, String> {
    let span = if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (address(first)?, address(last)?);
        Span::new(first, last).ok_or_else(|| {
            format!("{first} to {last} is no range: the last address lies before the first, or they are of two families")
        })?
    } else if text.contains('/') {
        let cidr = parse_cidr(text, Zeros::Refused).map_err(|error| error.to_string())?;
        if cidr.network.first() != cidr.address && cidr.length < cidr.address.family().bits() {
            return Err(format!(
                "{text} is an address within {}: write {0} for all of it, or {} for the address alone",
                cidr.network, cidr.address
            ));
        }
        cidr.network.into()
    } else {
        address(text)?.into()
    };
    if span.size() > MOST_ADDRESSES {
        return Err(format!(
            "{text} has {} addresses, and at most {MOST_ADDRESSES} are kept one by one: exclude \
             such a stretch in the range's configuration (`exclude`) instead",
            span.size()
        ));
    }
    Ok(span)
}

/// Reads the name of an address space as it is listed: `default`, or `blue@192.168.51.0/24` where
/// ranges do not share their addresses.
///
/// # Errors
/// None: what is no network behind the last `@` belongs to the name.
pub fn space(text: &str) -> Result<Space, Infallible> {
    let private = text.rsplit_once('@').and_then(|(name, network)| {
        let cidr = parse_cidr(network, Zeros::Refused).ok()?;
        Some(Space::Private(name.to_owned(), cidr.network))
    });
    Ok(private.unwrap_or_else(|| Space::Shared(text.to_owned())))
}

/// The longest reason (bytes): it is written once for every address.
const LONGEST_REASON: usize = 500;

/// Reads a reason.
///
/// # Errors
/// Where nothing is said, or too much.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say why, for whoever finds it later".to_owned());
    }
    if text.len() > LONGEST_REASON {
        return Err(format!(
            "at most {LONGEST_REASON} bytes are kept; name a ticket instead"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_stretches_are_read() {
        for (text, first, last) in [
            ("192.168.20.50", "192.168.20.50", "192.168.20.50"),
            ("192.168.20.48/29", "192.168.20.48", "192.168.20.55"),
            ("192.168.20.5/32", "192.168.20.5", "192.168.20.5"),
            (
                "192.168.20.50 - 192.168.20.59",
                "192.168.20.50",
                "192.168.20.59",
            ),
            ("2001:db8::/112", "2001:db8::", "2001:db8::ffff"),
            ("fd00::1-fd00::2", "fd00::1", "fd00::2"),
        ] {
            let span = span(text).unwrap();
            let ends = (span.first().to_string(), span.last().to_string());
            assert_eq!(ends, (first.to_owned(), last.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_a_way_out() {
        for (text, word) in [
            ("", "not an IP address"),
            ("web-0", "not an IP address"),
            ("192.168.20.010", "not an IP address"),
            ("192.168.20.50/24", "192.168.20.0/24"),
            ("192.168.20.0/33", "32 bits"),
            ("192.168.20.9-192.168.20.1", "before the first"),
            ("192.168.20.9-fd00::1", "two families"),
            ("10.0.0.0/15", "exclude"),
            ("2001:db8::/64", "exclude"),
            ("::/0", "exclude"),
        ] {
            let error = span(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_space_is_read_as_it_is_listed() {
        for text in ["default", "blue@192.168.51.0/24", "a@b", "fd@fd00::/64", ""] {
            assert_eq!(space(text).unwrap().to_string(), text);
        }
        assert!(matches!(space("blue@10.0.0.0/8"), Ok(Space::Private(..))));
        assert!(matches!(space("a@b"), Ok(Space::Shared(_))));
    }
}
