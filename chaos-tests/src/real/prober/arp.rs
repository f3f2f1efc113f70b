//! ARP (RFC 826): who has an IPv4 address.

use std::net::{IpAddr, Ipv4Addr};

/// An ARP probe: it comes from nobody's address, so nobody remembers it (RFC 5227).
pub(super) fn question(address: Ipv4Addr, mac: [u8; 6]) -> Vec<u8> {
    let mut frame = Vec::from([0xff; 6]);
    frame.extend(mac);
    frame.extend([0x08, 0x06]);
    // Ethernet, IPv4, the lengths of their addresses, a request.
    frame.extend([0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend([0; 10]);
    frame.extend(address.octets());
    frame
}

/// Who answers in this frame, and for what; `None` if it is no answer.
pub(super) fn answer(frame: &[u8]) -> Option<(IpAddr, [u8; 6])> {
    let is_reply = frame.get(12..14)? == [0x08, 0x06] && frame.get(20..22)? == [0, 2];
    let mac = frame.get(22..28)?.try_into().ok()?;
    let address: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
    is_reply.then_some((Ipv4Addr::from(address).into(), mac))
}
