//! Attachments and addresses as small numbers, and how the keys spell them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::hash::Map;
use crate::history::Attachment;

/// The number of an attachment.
pub type Who = usize;

/// The number of an address in a space.
pub type Place = usize;

/// Cluster, node, network, container, interface: none of the harness' names needs to be encoded.
pub(super) type Parts<'a> = [&'a str; 5];

/// Everything that has a name in the history.
#[derive(Debug, Default)]
pub struct Names<'a> {
    whos: Map<Parts<'a>, Who>,
    places: Map<(&'a str, IpAddr), Place>,
    /// By number.
    pub attachments: Vec<Parts<'a>>,
    /// By number: the space's name, and the address.
    pub addresses: Vec<(&'a str, IpAddr)>,
}

impl<'a> Names<'a> {
    /// The number of an attachment.
    pub fn attachment(&mut self, attachment: &'a Attachment) -> Who {
        self.parts(attachment.parts())
    }

    /// The number of the attachment of a holder's name. `None`: not an attachment's.
    pub fn holder(&mut self, name: &'a str) -> Option<Who> {
        Some(self.parts(parts(name)?))
    }

    fn parts(&mut self, parts: Parts<'a>) -> Who {
        let next = self.attachments.len();
        let who = *self.whos.entry(parts).or_insert(next);
        if who == next {
            self.attachments.push(parts);
        }
        who
    }

    /// The number of an address.
    pub fn address(&mut self, space: &'a str, address: IpAddr) -> Place {
        let next = self.addresses.len();
        let place = *self.places.entry((space, address)).or_insert(next);
        if place == next {
            self.addresses.push((space, address));
        }
        place
    }

    /// The number of the address that the end of an address key names: `default/010.000.000.001`.
    pub fn address_key(&mut self, rest: &'a str) -> Option<Place> {
        let (space, address) = rest.split_once('/')?;
        Some(self.address(space, fixed_width(address)?))
    }

    /// The number of an attachment that is known already.
    pub fn known(&self, name: &str) -> Option<Who> {
        self.whos.get(&parts(name)?).copied()
    }

    /// An attachment's name as a holder.
    pub fn name(&self, who: Who) -> String {
        self.attachments[who].join("/")
    }
}

fn parts(name: &str) -> Option<Parts<'_>> {
    let mut segments = name.split('/');
    let parts = [(); 5].map(|()| segments.next().unwrap_or_default());
    let whole = segments.next().is_none() && parts.iter().all(|part| !part.is_empty());
    whole.then_some(parts)
}

/// Reads an address that is spelled as in keys, and only so.
fn fixed_width(text: &str) -> Option<IpAddr> {
    if text.len() == 39 {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let bytes: &[u8; 15] = text.as_bytes().try_into().ok()?;
    let mut octets = [0; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        let digits = &bytes[index * 4..index * 4 + 3];
        if !digits.iter().all(u8::is_ascii_digit) || (index < 3 && bytes[index * 4 + 3] != b'.') {
            return None;
        }
        let number = digits
            .iter()
            .fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
        *octet = number.try_into().ok()?;
    }
    Some(Ipv4Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_keys_spell_it_and_not_otherwise() {
        let read = |text| fixed_width(text).map(|address| address.to_string());
        assert_eq!(read("010.000.200.001").as_deref(), Some("10.0.200.1"));
        let six = "2001:0db8:0000:0000:0000:0000:0000:0001";
        assert_eq!(read(six).as_deref(), Some("2001:db8::1"));
        for wrong in [
            "10.0.200.1",
            "010.000.300.001",
            "010-000.200.001",
            "2001:db8::1",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_holder_and_its_attachment_have_one_number() {
        let attachment = Attachment {
            cluster: "default".into(),
            node: "n1".into(),
            network: "lan".into(),
            container: "c1".into(),
            interface: "eth0".into(),
        };
        let mut names = Names::default();
        let who = names.attachment(&attachment);
        assert_eq!(names.holder("default/n1/lan/c1/eth0"), Some(who));
        assert_eq!(names.known("default/n1/lan/c1/eth0"), Some(who));
        assert_eq!(names.name(who), "default/n1/lan/c1/eth0");
        for wrong in [
            "default/n1/lan/c1",
            "default/n1/lan/c1/eth0/x",
            "default//lan/c1/eth0",
        ] {
            assert_eq!(names.holder(wrong), None, "{wrong}");
        }
    }
}
