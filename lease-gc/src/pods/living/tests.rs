//! The index answers as a plain list does.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::pods::NamedAddress;

/// Address, uid and attachment.
type Named<'a> = (Address, &'a str, Option<(&'a str, &'a str)>);

/// The list that the index stands for.
struct Plain(Vec<Pod>);

impl Plain {
    /// Each pod at its first place in the list.
    fn once(&self) -> Vec<&Pod> {
        let mut pods: Vec<&Pod> = Vec::new();
        for pod in &self.0 {
            if !pods.iter().any(|known| known.uid == pod.uid) {
                pods.push(pod);
            }
        }
        pods
    }

    fn first_of(&self, uid: &str) -> &Pod {
        self.0.iter().find(|pod| pod.uid == uid).unwrap()
    }

    fn of_uid(&self, uid: &str) -> Option<&Pod> {
        let own = self.0.iter().find(|pod| pod.uid == uid);
        let mirrors = |pod: &&Pod| pod.mirrors.iter().any(|hash| hash == uid);
        own.or_else(|| self.0.iter().find(mirrors))
            .filter(|_| !uid.is_empty())
    }

    /// Sorted, each once.
    fn named(&self) -> Vec<Named<'_>> {
        let unfinished = self.0.iter().filter(|pod| !pod.finished);
        let mut named: Vec<_> = unfinished
            .flat_map(|pod| {
                pod.addresses.iter().map(|named| {
                    let attachment = named.attachment.as_ref();
                    let attachment = attachment.map(|(name, ifname)| (&**name, &**ifname));
                    (named.address, pod.uid.as_str(), attachment)
                })
            })
            .collect();
        named.sort();
        named.dedup();
        named
    }
}

fn shown(pod: &Pod) -> LivingPod<'_> {
    LivingPod {
        namespace: &pod.namespace,
        name: &pod.name,
        uid: &pod.uid,
        node: &pod.node,
        finished: pod.finished,
        terminating: pod.terminating,
    }
}

fn naming<'a>(naming: &Naming<'a>) -> Named<'a> {
    (naming.address, naming.pod.uid, naming.attachment)
}

/// Few values, so that they meet.
fn text(prefix: &'static str) -> impl Strategy<Value = String> {
    (0_u8..6).prop_map(move |number| format!("{prefix}{number}"))
}

fn address() -> impl Strategy<Value = Address> {
    (0_u32..12).prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)).into())
}

fn pod() -> impl Strategy<Value = Pod> {
    let attachment = proptest::option::of((text("net"), text("if")));
    let named = (address(), attachment).prop_map(|(address, attachment)| NamedAddress {
        address,
        attachment,
    });
    // A uid of its own is, as it were, also the config hash of a static pod.
    (
        (text("ns"), text("pod"), text("uid"), text("node")),
        vec(text("uid"), 0..2),
        any::<(bool, bool)>(),
        vec(named, 0..4),
    )
        .prop_map(|(names, mirrors, (finished, terminating), addresses)| Pod {
            namespace: names.0,
            name: names.1,
            uid: names.2,
            mirrors,
            node: names.3,
            finished,
            terminating,
            addresses,
        })
}

fn living(pods: &[Pod]) -> Living {
    let mut living = Living::default();
    pods.iter().cloned().for_each(|pod| living.add_pod(pod));
    living.complete();
    living
}

proptest! {
    #[test]
    fn the_index_answers_as_a_plain_list_does(pods in vec(pod(), 0..12)) {
        let index = living(&pods);
        let plain = Plain(pods);
        prop_assert_eq!(index.pod_count(), plain.once().len());
        for number in 0..6 {
            let uid = format!("uid{number}");
            prop_assert_eq!(index.pod_of_uid(&uid), plain.of_uid(&uid).map(shown));
            for other in 0..6 {
                let (namespace, name) = (format!("ns{number}"), format!("pod{other}"));
                let mut pods = plain.0.iter();
                let found = pods.find(|pod| pod.namespace == namespace && pod.name == name);
                prop_assert_eq!(index.pod_named(&namespace, &name), found.map(shown));
            }
        }
        let named: Vec<_> = index.named().map(|it| naming(&it)).collect();
        prop_assert_eq!(&named, &plain.named());
        for bits in 0..12 {
            let address = IpAddr::from(Ipv4Addr::from_bits(bits)).into();
            let found: Vec<_> = index.naming(address).map(|it| naming(&it)).collect();
            let expected = named.iter().filter(|row| row.0 == address);
            prop_assert_eq!(found, expected.copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pod_that_is_listed_twice_counts_once(pods in vec(pod(), 0..8)) {
        let once: Vec<Pod> = Plain(pods.clone()).once().into_iter().cloned().collect();
        let twice = living(&[once.clone(), once.clone()].concat());
        let plain = Plain(once);
        prop_assert_eq!(twice.pod_count(), plain.0.len());
        let named: Vec<_> = twice.named().map(|it| naming(&it)).collect();
        prop_assert_eq!(named, plain.named());
        for naming in twice.named() {
            prop_assert!(!plain.first_of(naming.pod.uid).finished);
        }
    }
}

#[test]
fn fifty_thousand_pods_with_two_addresses_each_take_about_ten_megabytes() {
    let mut living = Living::default();
    for number in 0..50_000_u32 {
        let named = |bits: u32, attachment| NamedAddress {
            address: IpAddr::from(Ipv4Addr::from_bits(bits)).into(),
            attachment,
        };
        let ours = ("shop/storage".to_owned(), "net1".to_owned());
        living.add_pod(Pod {
            namespace: format!("team-{}", number % 40),
            name: format!("checkout-service-7d9f8b6c5d-{number:05}"),
            uid: format!("{number:08x}-3d0e-4a7e-8f29-{number:012x}"),
            node: format!("worker-{:04}", number % 1000),
            addresses: vec![named(number, None), named(number + 50_000, Some(ours))],
            ..Pod::default()
        });
    }
    living.complete();
    let bytes = living.texts.capacity()
        + living.pods.capacity() * size_of::<Row>()
        + (living.by_name.capacity() + living.by_uid.capacity()) * size_of::<u32>()
        + living.named.capacity() * size_of::<NamedRow>();
    assert!(bytes < 11_000_000, "{bytes}");
}

#[test]
fn the_empty_uid_is_nobodys() {
    let unnamed = Pod {
        mirrors: vec![String::new()],
        ..Pod::default()
    };
    assert_eq!(living(&[unnamed]).pod_of_uid(""), None);
}

#[test]
fn the_later_of_two_nodes_with_one_name_counts() {
    let node = |boot_id: &str| Node {
        name: "n".to_owned(),
        boot_id: boot_id.to_owned(),
        ..Node::default()
    };
    let mut living = Living::default();
    living.add_node(node("1"));
    living.add_node(node("2"));
    living.complete();
    assert_eq!(living.nodes().len(), 1);
    assert_eq!(living.node("n"), Some(&node("2")));
    assert_eq!(living.node("m"), None);
}
