//! The keyspace: the only place that spells etcd keys.
//!
//! ```text
//! <prefix>/v1/meta/store
//! <prefix>/v1/meta/freeze
//! <prefix>/v1/addr/<space>/<address>
//! <prefix>/v1/owner/<cluster>/<node>/<network>/<container>/<ifname>
//! <prefix>/v1/range/<space>/<range>
//! <prefix>/v1/gc/<cluster>/{leader,request,history,identity,last}
//! <prefix>/v1/node/<cluster>/<node>/report
//! ```
//!
//! Segments are percent-encoded, so no name can escape its place and different names never share a
//! key. Addresses are of fixed width, so the order of keys is the order of numbers:
//! `192.168.020.011`, `2001:0db8:0000:0000:0000:0000:0000:0001`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::{Address, Network};
use crate::names::{Attachment, Space};
use crate::range::{Range, Span};

/// The prefix under which everything lies unless another is configured.
pub const DEFAULT_PREFIX: &str = "/etcd-ipam";

/// A stretch of keys: `start` included, `end` not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: String,
    /// The first key past the end.
    pub end: String,
}

impl KeyRange {
    /// Every key that begins with `prefix`, which ends with `/`.
    fn under(prefix: String) -> Self {
        // '0' is the character after '/': the end of all that begins with "…/".
        let end = prefix
            .strip_suffix('/')
            .map_or_else(|| prefix.clone(), |stem| format!("{stem}0"));
        Self { start: prefix, end }
    }

    /// One key.
    pub fn of_key(key: &str) -> Self {
        Self {
            start: key.to_owned(),
            end: format!("{key}\0"),
        }
    }

    /// What is left of the stretch, which ends a directory's name, after all that lies in the same
    /// directory of it as `key`.
    pub(crate) fn after_segment(&self, key: &str) -> Self {
        let name = key
            .strip_prefix(&self.start)
            .and_then(|rest| rest.split_once('/'));
        match name {
            Some((name, _)) => Self {
                start: Self::under(format!("{}{name}/", self.start)).end,
                end: self.end.clone(),
            },
            None => self.after(key),
        }
    }

    /// What is left of the stretch after `key`.
    #[must_use]
    pub fn after(&self, key: &str) -> Self {
        Self {
            start: format!("{key}\0"),
            end: self.end.clone(),
        }
    }
}

/// Spells and reads the keys below one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    root: String,
}

impl Keyspace {
    /// The keys below `prefix`; trailing slashes do not matter.
    pub fn new(prefix: &str) -> Self {
        Self {
            root: format!("{}/v1", prefix.trim_end_matches('/')),
        }
    }

    /// Every key of the store.
    pub fn everything(&self) -> KeyRange {
        KeyRange::under(format!("{}/", self.root))
    }

    /// Every key below the prefix, also what others may have put there.
    pub fn all_below_prefix(&self) -> KeyRange {
        let prefix = self.root.strip_suffix("/v1").unwrap_or_default();
        // Under no prefix lies all that others keep in this etcd.
        let whole = if prefix.is_empty() {
            &self.root
        } else {
            prefix
        };
        KeyRange::under(format!("{whole}/"))
    }

    /// The store's birth certificate.
    pub fn store(&self) -> String {
        format!("{}/meta/store", self.root)
    }

    /// What the store is, and whether it is frozen.
    pub fn about_store(&self) -> KeyRange {
        KeyRange::under(format!("{}/meta/", self.root))
    }

    /// While this key exists, no ADD succeeds.
    pub fn freeze(&self) -> String {
        format!("{}/meta/freeze", self.root)
    }

    /// The key that existing means: this address is taken.
    pub fn address(&self, space: &Space, address: Address) -> String {
        let mut key = self.space(space);
        push_fixed_width(&mut key, address);
        key
    }

    /// The address keys of a span, both ends included.
    pub fn addresses(&self, space: &Space, span: Span) -> KeyRange {
        KeyRange {
            start: self.address(space, span.first()),
            end: format!("{}\0", self.address(space, span.last())),
        }
    }

    /// The lowest address of `span` whose key is not below `key`, which need not be one of ours.
    pub(crate) fn first_at_or_after(
        &self,
        space: &Space,
        span: Span,
        key: &str,
    ) -> Option<Address> {
        let (mut low, mut high) = (0, span.size());
        while low < high {
            let middle = low + (high - low) / 2;
            if span
                .nth(middle)
                .is_some_and(|address| *self.address(space, address) < *key)
            {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        span.nth(low)
    }

    /// The address keys of every space.
    pub fn all_addresses(&self) -> KeyRange {
        KeyRange::under(format!("{}/addr/", self.root))
    }

    /// The space that an address key lies in, and all keys of that space. `None`: not a space that
    /// this module spells.
    pub(crate) fn space_of(&self, key: &str) -> (Option<Space>, KeyRange) {
        let addresses = self.all_addresses().start;
        let segment = key.strip_prefix(&addresses).unwrap_or_default();
        match segment.split_once('/') {
            Some((segment, _)) => (
                parse_space(segment),
                KeyRange::under(format!("{addresses}{segment}/")),
            ),
            None => (None, KeyRange::of_key(key)),
        }
    }

    /// The owner record of an attachment.
    pub fn owner(&self, attachment: &Attachment) -> String {
        format!("{}/owner/{}", self.root, holder_name(attachment))
    }

    /// All owner records.
    pub fn all_owners(&self) -> KeyRange {
        KeyRange::under(format!("{}/owner/", self.root))
    }

    /// The owner records of one network on one node.
    pub fn owners_of(&self, cluster: &str, node: &str, network: &str) -> KeyRange {
        let [cluster, node, network] = [cluster, node, network].map(encode);
        KeyRange::under(format!("{}/owner/{cluster}/{node}/{network}/", self.root))
    }

    /// The owner records of one node.
    pub fn owners_of_node(&self, cluster: &str, node: &str) -> KeyRange {
        let [cluster, node] = [cluster, node].map(encode);
        KeyRange::under(format!("{}/owner/{cluster}/{node}/", self.root))
    }

    /// The owner records of one cluster.
    pub fn owners_of_cluster(&self, cluster: &str) -> KeyRange {
        KeyRange::under(format!("{}/owner/{}/", self.root, encode(cluster)))
    }

    /// The election of a cluster's collector: whoever created this key leads.
    pub fn leader(&self, cluster: &str) -> String {
        self.collector(cluster, "leader")
    }

    /// An operator's wish for a sweep.
    pub fn request(&self, cluster: &str) -> String {
        self.collector(cluster, "request")
    }

    /// Up to which revision the history has been written out.
    pub fn history(&self, cluster: &str) -> String {
        self.collector(cluster, "history")
    }

    /// Which Kubernetes cluster goes by this name.
    pub fn identity(&self, cluster: &str) -> String {
        self.collector(cluster, "identity")
    }

    /// How the last sweep ended.
    pub fn last_sweep(&self, cluster: &str) -> String {
        self.collector(cluster, "last")
    }

    /// Everything of one cluster's collector.
    pub fn collector_of(&self, cluster: &str) -> KeyRange {
        KeyRange::under(self.collector(cluster, ""))
    }

    /// Everything of every cluster's collector.
    pub fn all_collectors(&self) -> KeyRange {
        KeyRange::under(format!("{}/gc/", self.root))
    }

    fn collector(&self, cluster: &str, what: &str) -> String {
        format!("{}/gc/{}/{what}", self.root, encode(cluster))
    }

    /// What a node says that it holds.
    pub fn report(&self, cluster: &str, node: &str) -> String {
        let [cluster, node] = [cluster, node].map(encode);
        format!("{}/node/{cluster}/{node}/report", self.root)
    }

    /// What the nodes of a cluster say that they hold.
    pub fn reports_of_cluster(&self, cluster: &str) -> KeyRange {
        KeyRange::under(format!("{}/node/{}/", self.root, encode(cluster)))
    }

    /// What was configured for a range.
    pub fn range(&self, space: &Space, range: &Range) -> String {
        format!(
            "{}/range/{}/{}",
            self.root,
            space_segment(space),
            encode(&range.to_string())
        )
    }

    /// All configured ranges.
    pub fn all_ranges(&self) -> KeyRange {
        KeyRange::under(format!("{}/range/", self.root))
    }

    fn space(&self, space: &Space) -> String {
        format!("{}/addr/{}/", self.root, space_segment(space))
    }

    /// The stretches under the prefix where neither addresses nor owners nor ranges lie.
    pub fn elsewhere(&self) -> Vec<KeyRange> {
        let whole = self.all_below_prefix();
        let mut taken = [self.all_addresses(), self.all_owners(), self.all_ranges()];
        taken.sort_by(|one, other| one.start.cmp(&other.start));
        let starts = std::iter::once(whole.start).chain(taken.iter().map(|one| one.end.clone()));
        let ends = taken.iter().map(|one| one.start.clone());
        let gaps = starts.zip(ends.chain([whole.end]));
        gaps.map(|(start, end)| KeyRange { start, end }).collect()
    }

    /// Whether a key that lies elsewhere is one of the store's.
    pub fn is_elsewhere(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(&self.root) else {
            return false;
        };
        let segments: Vec<_> = rest.split('/').collect();
        let names: &[&str] = match segments.as_slice() {
            ["", "meta", "store" | "freeze"] => &[],
            ["", "meta", "recover", cluster]
            | [
                "",
                "gc",
                cluster,
                "leader" | "request" | "history" | "identity" | "last",
            ] => &[cluster],
            ["", "node", cluster, node, "report"] => &[cluster, node],
            _ => return false,
        };
        names.iter().all(|name| decode(name).is_some())
    }

    /// Reads an address key back. `None`: not a key that this module spells.
    pub fn parse_address(&self, key: &str) -> Option<(Space, Address)> {
        let (space, address) = key
            .strip_prefix(&self.root)?
            .strip_prefix("/addr/")?
            .split_once('/')?;
        Some((parse_space(space)?, parse_fixed_width(address)?))
    }

    /// Reads an owner key back. `None`: not a key that this module spells.
    pub fn parse_owner(&self, key: &str) -> Option<Attachment> {
        parse_holder_name(key.strip_prefix(&self.root)?.strip_prefix("/owner/")?)
    }

    /// The cluster whose owner records, or whose collector's keys, a key is among. `None`: not a
    /// key that this module spells.
    pub(crate) fn parse_cluster(&self, key: &str) -> Option<String> {
        let key = key.strip_prefix(&self.root)?;
        let rest = key
            .strip_prefix("/owner/")
            .or_else(|| key.strip_prefix("/gc/"))?;
        decode(rest.split_once('/')?.0)
    }

    /// Reads the cluster of an election key back. `None`: not a key that this module spells.
    pub fn parse_leader(&self, key: &str) -> Option<String> {
        self.parse_collector(key, "leader")
    }

    /// Reads the cluster of an identity key back. `None`: not such a key.
    pub fn parse_identity(&self, key: &str) -> Option<String> {
        self.parse_collector(key, "identity")
    }

    fn parse_collector(&self, key: &str, wanted: &str) -> Option<String> {
        let (cluster, what) = key
            .strip_prefix(&self.root)?
            .strip_prefix("/gc/")?
            .split_once('/')?;
        decode(cluster).filter(|_| what == wanted)
    }

    /// Whether a key belongs to this one store, its collectors and its nodes' reports (`meta/`,
    /// `gc/`, `node/`), and would mean nothing in another.
    pub fn is_of_this_store_alone(&self, key: &str) -> bool {
        let own = ["/meta/", "/gc/", "/node/"];
        key.strip_prefix(&self.root)
            .is_some_and(|rest| own.iter().any(|place| rest.starts_with(place)))
    }

    /// Reads the space of a range key back. `None`: not a key that this module spells.
    pub fn parse_range_space(&self, key: &str) -> Option<Space> {
        let (space, _) = key
            .strip_prefix(&self.root)?
            .strip_prefix("/range/")?
            .split_once('/')?;
        parse_space(space)
    }
}

/// The name of an attachment as a holder: the suffix of its owner key. It is the value of the
/// address keys that it holds, so a transaction can compare them without a read.
pub fn holder_name(attachment: &Attachment) -> String {
    let Attachment {
        cluster,
        node,
        network,
        container,
        interface,
    } = attachment;
    [cluster, node, network, container, interface]
        .map(|name| encode(name))
        .join("/")
}

/// Reads a holder's name back. `None`: not an attachment's.
pub fn parse_holder_name(name: &str) -> Option<Attachment> {
    let mut segments = name.split('/').map(decode);
    let attachment = Attachment {
        cluster: segments.next()??,
        node: segments.next()??,
        network: segments.next()??,
        container: segments.next()??,
        interface: segments.next()??,
    };
    segments.next().is_none().then_some(attachment)
}

/// The name of a space as it stands in keys and records. `@` never stands in an encoded name, so a
/// private space cannot be spelled by a shared one.
pub fn space_segment(space: &Space) -> String {
    match space {
        Space::Shared(name) => encode(name),
        Space::Private(name, network) => {
            format!("{}@{}", encode(name), encode(&network.to_string()))
        }
    }
}

/// The inverse of [`space_segment`]. `None`: not a space's name.
pub fn parse_space(segment: &str) -> Option<Space> {
    let Some((name, network)) = segment.split_once('@') else {
        return Some(Space::Shared(decode(segment)?));
    };
    let network = decode(network)?;
    let (address, length) = network.split_once('/')?;
    let network = Network::new(address.parse().ok()?, length.parse().ok()?)?;
    Some(Space::Private(decode(name)?, network))
}

/// Percent-encodes a name into one segment (RFC 3986, section 2.1). Only letters, digits, `-`, `.`
/// and `_` stand for themselves; the empty name is a lone `%`.
pub fn encode(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            segment.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

/// The inverse of [`encode`]; `None` for what it never writes.
pub fn decode(segment: &str) -> Option<String> {
    if segment == "%" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (encode(&name) == segment).then_some(name)
}

/// Writes an address with all its digits.
fn push_fixed_width(text: &mut String, address: Address) {
    let mut push = |numbers: &[u16], places: &[u16], radix: u16, between: char| {
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                text.push(between);
            }
            for place in places {
                let digit = u32::from(number / place % radix);
                text.extend(char::from_digit(digit, radix.into()));
            }
        }
    };
    match address.to_ip() {
        IpAddr::V4(ip) => push(&ip.octets().map(u16::from), &[100, 10, 1], 10, '.'),
        IpAddr::V6(ip) => push(&ip.segments(), &[0x1000, 0x100, 0x10, 1], 16, ':'),
    }
}

fn parse_fixed_width(text: &str) -> Option<Address> {
    let ip: IpAddr = if text.contains('.') {
        let mut octets = text.split('.').map(str::parse::<u8>);
        let mut octet = || octets.next()?.ok();
        Ipv4Addr::new(octet()?, octet()?, octet()?, octet()?).into()
    } else {
        text.parse::<Ipv6Addr>().ok()?.into()
    };
    let address = Address::from(ip);
    let mut again = String::new();
    push_fixed_width(&mut again, address);
    (again == text).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keyspace {
        Keyspace::new("/etcd-ipam/")
    }

    proptest! {
        #[test]
        fn a_segment_has_no_slash_and_reads_back(name in ".*") {
            let segment = encode(&name);
            let foreign = segment.contains(['/', '@', '{', '~', '\0']);
            prop_assert!(!segment.is_empty() && !foreign);
            prop_assert_eq!(decode(&segment), Some(name));
        }

        #[test]
        fn an_attachment_reads_back(names in proptest::array::uniform5(".*")) {
            let [cluster, node, network, container, interface] = names;
            let attachment = Attachment { cluster, node, network, container, interface };
            prop_assert_eq!(keys().parse_owner(&keys().owner(&attachment)), Some(attachment));
        }

        #[test]
        fn key_order_is_address_order(a in any::<u128>(), b in any::<u128>()) {
            let space = Space::Shared("s".into());
            let key = |ip: IpAddr| keys().address(&space, ip.into());
            let (a6, b6) = (Ipv6Addr::from_bits(a), Ipv6Addr::from_bits(b));
            prop_assert_eq!(key(a6.into()).cmp(&key(b6.into())), a6.cmp(&b6));
            let low = |n: u128| Ipv4Addr::from_bits(u32::try_from(n & 0xffff_ffff).unwrap());
            prop_assert_eq!(key(low(a).into()).cmp(&key(low(b).into())), low(a).cmp(&low(b)));
        }

        #[test]
        fn an_address_key_reads_back(bits in any::<u128>(), name in ".*", length in 0_u8..=128) {
            let address = Address::from(IpAddr::V6(bits.into()));
            let network = Network::new(address, length).unwrap();
            for space in [Space::Shared(name.clone()), Space::Private(name.clone(), network)] {
                let key = keys().address(&space, address);
                prop_assert_eq!(keys().parse_address(&key), Some((space, address)));
            }
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in ".*") {
            let _ = keys().parse_address(&format!("/etcd-ipam/v1/addr/{text}"));
            let _ = keys().parse_owner(&format!("/etcd-ipam/v1/owner/{text}"));
        }
    }

    #[test]
    fn keys_are_spelled_as_documented() {
        let space = Space::Shared("default".into());
        let key = |text: &str| keys().address(&space, text.parse().unwrap());
        assert_eq!(
            key("192.168.20.11"),
            "/etcd-ipam/v1/addr/default/192.168.020.011"
        );
        assert_eq!(
            key("2001:db8::1"),
            "/etcd-ipam/v1/addr/default/2001:0db8:0000:0000:0000:0000:0000:0001"
        );
        let attachment = Attachment {
            cluster: "default".into(),
            node: "node/a".into(),
            network: "net".into(),
            container: "c1".into(),
            interface: "eth0".into(),
        };
        assert_eq!(
            keys().owner(&attachment),
            "/etcd-ipam/v1/owner/default/node%2Fa/net/c1/eth0"
        );
        assert_eq!(
            keys().report("default", "node/a"),
            "/etcd-ipam/v1/node/default/node%2Fa/report"
        );
    }

    #[test]
    fn the_records_of_a_node_do_not_include_those_of_a_longer_name() {
        let short = keys().owners_of("c", "node", "net");
        let other = "/etcd-ipam/v1/owner/c/node/net2/x/eth0".to_owned();
        assert!(!(short.start <= other && other < short.end));
    }

    #[test]
    fn every_key_under_the_prefix_lies_in_one_stretch() {
        let attachment = parse_holder_name("c/n/net/id/eth0").unwrap();
        let space = Space::Shared("s".into());
        for (prefix, other) in [
            ("/etcd-ipam", "/etcd-ipam/v2/x"),
            ("", "/v1/other"),
            ("a", "a/b"),
        ] {
            let keys = Keyspace::new(prefix);
            let mut stretches = keys.elsewhere();
            stretches.extend([keys.all_addresses(), keys.all_owners(), keys.all_ranges()]);
            for (key, spelled) in [
                (keys.store(), true),
                (keys.freeze(), true),
                (keys.leader("c"), true),
                (keys.request("c"), true),
                (keys.history("c"), true),
                (keys.identity("c/d"), true),
                (keys.owner(&attachment), false),
                (keys.address(&space, "10.0.0.1".parse().unwrap()), false),
                (other.to_owned(), false),
            ] {
                let within = |range: &&KeyRange| range.start <= key && key < range.end;
                assert_eq!(stretches.iter().filter(within).count(), 1, "{key}");
                assert_eq!(keys.is_elsewhere(&key), spelled, "{key}");
            }
        }
    }

    #[test]
    fn the_space_of_a_key_ends_where_the_next_begins() {
        let network = Network::new("10.0.0.0".parse().unwrap(), 24).unwrap();
        for space in [
            Space::Shared("a".into()),
            Space::Shared(String::new()),
            Space::Private("a".into(), network),
        ] {
            let key = keys().address(&space, network.first());
            let (found, stretch) = keys().space_of(&key);
            assert_eq!(found, Some(space));
            assert!(stretch.start < key && key < stretch.end);
            assert!(
                !(stretch.start..stretch.end)
                    .contains(&keys().address(&Space::Shared("a-".into()), network.first()))
            );
        }
        for foreign in ["/etcd-ipam/v1/addr/no-slash", "/etcd-ipam/v1/addr/%zz/1"] {
            let (found, stretch) = keys().space_of(foreign);
            assert_eq!(found, None);
            assert!(stretch.start.as_str() <= foreign && *foreign < *stretch.end);
        }
    }

    #[test]
    fn an_election_key_reads_back() {
        let key = keys().leader("a/b");
        assert_eq!(keys().parse_leader(&key).as_deref(), Some("a/b"));
        assert_eq!(keys().parse_leader(&keys().request("a/b")), None);
        assert_eq!(keys().parse_leader("/etcd-ipam/v1/gc/leader"), None);
    }

    #[test]
    fn a_key_with_another_spelling_is_not_ours() {
        for text in [
            "192.168.20.11",
            "192.168.020.011.",
            "192.168.020.0111",
            "2001:db8::1",
            "",
        ] {
            assert_eq!(
                keys().parse_address(&format!("/etcd-ipam/v1/addr/s/{text}")),
                None,
                "{text}"
            );
        }
    }
}
