//! The annotation in which Multus and its kin note what addresses a pod has.

use serde::Deserialize;
use store::address::Address;

use crate::pods::NamedAddress;

/// One entry: the de-facto standard of the Network Plumbing Working Group, section 4.1.2
/// (`NetworkStatus`).
#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
    interface: Option<String>,
    ips: Option<Vec<String>>,
}

/// The addresses that an annotation names, and whether all of it could be read.
///
/// What cannot be read names nothing: a text that is no such list as a whole, otherwise the address.
pub(super) fn named(annotation: &str) -> (Vec<NamedAddress>, bool) {
    let Ok(entries) = serde_json::from_str::<Option<Vec<Entry>>>(annotation) else {
        return (Vec::new(), false);
    };
    let mut named = Vec::new();
    let mut readable = true;
    for entry in entries.unwrap_or_default() {
        let network = entry.name.unwrap_or_default();
        let interface = entry.interface.unwrap_or_default();
        for ip in entry.ips.unwrap_or_default() {
            match address(&ip) {
                Some(address) => named.push(NamedAddress {
                    address,
                    attachment: Some((network.clone(), interface.clone())),
                }),
                None => readable = false,
            }
        }
    }
    (named, readable)
}

/// An address, with or without a prefix length.
pub(super) fn address(text: &str) -> Option<Address> {
    let ip = text.split_once('/').map_or(text, |(ip, _length)| ip);
    ip.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(annotation: &str) -> (Vec<(String, String, String)>, bool) {
        let (named, readable) = named(annotation);
        let texts = named.into_iter().map(|named| {
            let (network, interface) = named.attachment.unwrap();
            (named.address.to_string(), network, interface)
        });
        (texts.collect(), readable)
    }

    fn entry(ip: &str, network: &str, interface: &str) -> (String, String, String) {
        (ip.to_owned(), network.to_owned(), interface.to_owned())
    }

    #[test]
    fn every_entry_names_its_addresses_the_default_one_too() {
        let annotation = r#"[{
            "name": "cbr0", "interface": "eth0", "ips": ["10.244.1.73"],
            "mac": "0a:58:0a:f4:01:49", "default": true, "dns": {}, "gateway": ["10.244.1.1"]
        },{
            "name": "default/macvlan", "interface": "net1", "ips": ["192.168.1.5/24", "fd00::5"],
            "mac": "be:6c:fc:ea:5f:1a", "dns": {}, "device-info": {"type": "pci", "pci": {}}
        },{
            "name": "default/l2only", "interface": "net2", "dns": {}
        }]"#;
        let expected = vec![
            entry("10.244.1.73", "cbr0", "eth0"),
            entry("192.168.1.5", "default/macvlan", "net1"),
            entry("fd00::5", "default/macvlan", "net1"),
        ];
        assert_eq!(texts(annotation), (expected, true));
    }

    #[test]
    fn absent_null_and_empty_are_the_same() {
        for annotation in [
            "null",
            "[]",
            "[{}]",
            r#"[{"name":"n","ips":null}]"#,
            r#"[{"name":null,"interface":null,"ips":[]}]"#,
        ] {
            assert_eq!(texts(annotation), (Vec::new(), true), "{annotation}");
        }
    }

    #[test]
    fn a_text_that_is_no_such_list_names_nothing() {
        for annotation in [
            "",
            "10.0.0.1",
            r#"{"name":"n","ips":["10.0.0.1"]}"#,
            r#"[{"name":"n","ips":["10.0.0.1"]}"#,
            r#"[{"name":"n","ips":["10.0.0.1"]},{"name":"m","ips":"10.0.0.2"}]"#,
            r#"[{"name":"n","ips":["10.0.0.1"]}] and more"#,
        ] {
            assert_eq!(texts(annotation), (Vec::new(), false), "{annotation}");
        }
    }

    #[test]
    fn an_address_that_is_none_does_not_hide_the_others() {
        let annotation = r#"[{"name":"n","interface":"i","ips":["10.0.0.1","10.0.0.256","x/y"]}]"#;
        let expected = vec![entry("10.0.0.1", "n", "i")];
        assert_eq!(texts(annotation), (expected, false));
    }

    proptest! {
        #[test]
        fn nothing_panics(annotation in ".*") {
            let _ = named(&annotation);
        }
    }
}
