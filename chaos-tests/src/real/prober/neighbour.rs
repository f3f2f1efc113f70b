//! Neighbour discovery (RFC 4861): who has an IPv6 address.

use std::net::{IpAddr, Ipv6Addr};

/// `ICMPv6`, in the header before it.
const ICMP: u8 = 58;

/// A solicitation as duplicate address detection sends it (RFC 4862): from nobody's address, to those that
/// share the end of the address.
pub(super) fn question(address: Ipv6Addr, mac: [u8; 6]) -> Vec<u8> {
    let [.., a, b, c] = address.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let mut solicitation = Vec::from([135, 0, 0, 0, 0, 0, 0, 0]);
    solicitation.extend(address.octets());
    let sum = checksum(group, &solicitation).to_be_bytes();
    solicitation.splice(2..4, sum);

    let mut frame = Vec::from([0x33, 0x33, 0xff, a, b, c]);
    frame.extend(mac);
    frame.extend([0x86, 0xdd]);
    // Version 6, 24 bytes of ICMP, and a hop limit which shows that no router was passed.
    frame.extend([0x60, 0, 0, 0, 0, 24, ICMP, 255]);
    frame.extend(Ipv6Addr::UNSPECIFIED.octets());
    frame.extend(group.octets());
    frame.extend(solicitation);
    frame
}

/// Who advertises an address in this frame; `None` if it is no advertisement.
pub(super) fn answer(frame: &[u8]) -> Option<(IpAddr, [u8; 6])> {
    let is_advertisement = frame.get(12..14)? == [0x86, 0xdd]
        && frame.get(20).copied()? == ICMP
        && frame.get(54).copied()? == 136;
    let mac = frame.get(6..12)?.try_into().ok()?;
    let address: [u8; 16] = frame.get(62..78)?.try_into().ok()?;
    is_advertisement.then_some((Ipv6Addr::from(address).into(), mac))
}

/// The checksum of a message from nobody's address (RFC 8200, section 8.1).
fn checksum(to: Ipv6Addr, message: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u32 {
        let pairs = bytes.chunks(2);
        pairs
            .map(|pair| match pair {
                [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
                [high] => u32::from(u16::from_be_bytes([*high, 0])),
                _ => 0,
            })
            .sum()
    };
    let length = u32::try_from(message.len()).unwrap_or(0);
    let mut sum = words(&to.octets()) + words(message) + length + u32::from(ICMP);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solicitation_is_as_long_as_it_says_and_sums_up() {
        let address: Ipv6Addr = "fd00:90::1:2345".parse().unwrap();
        let frame = question(address, [2, 0, 0, 0, 0, 1]);
        assert_eq!(frame.len(), 14 + 40 + 24);
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 1, 0x23, 0x45]);
        let group: Ipv6Addr = "ff02::1:ff01:2345".parse().unwrap();
        assert_eq!(frame[38..54], group.octets());
        // With its own checksum, a message sums up to nothing.
        assert_eq!(checksum(group, &frame[54..]), 0);
        assert_eq!(answer(&frame), None);
    }
}
