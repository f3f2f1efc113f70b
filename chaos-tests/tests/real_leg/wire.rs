//! Two containers with one address are both heard on the wire.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::history::{Attachment, Interface, Probe, Run, What};
use chaos_tests::real::containers::Containers;
use chaos_tests::real::isolation;
use chaos_tests::real::network::{self, Network};
use chaos_tests::real::nodes::Node;
use chaos_tests::real::prober::Prober;
use chaos_tests::real::recorder::Recorder;

const SPACE: &str = "default";

#[test]
fn two_with_one_address_are_both_heard() -> Result<()> {
    isolation::test("wire::two_with_one_address_are_both_heard", || {
        let file = isolation::directory("history")?.join("history.jsonl");
        let recorder = Arc::new(Recorder::begin(&file, Run::default())?);
        let lan = Network::lay()?;
        let node = Node::add(&lan, "node", network::address(31), 1, 2, &[])?;
        let containers = Containers::lay(Arc::clone(&recorder))?;
        let twice = ["10.90.0.16", "fd00:90::10"];
        for (name, addresses) in [
            ("a", &twice[..]),
            ("b", &["10.90.0.17", "fd00:90::11"]),
            ("c", &twice),
        ] {
            ensure!(containers.bring_up(&node, 1, interface(name, addresses)?)?);
        }
        let absent = ["10.90.0.18", "fd00:90::12"];
        let asked = [&twice[..], &["10.90.0.17", "fd00:90::11"], &absent].concat();
        let asked: Result<BTreeSet<_>> = asked
            .iter()
            .map(|ip| Ok((SPACE.to_owned(), ip.parse()?)))
            .collect();
        Prober::new()?.probe(&asked?, &containers, &recorder)?;
        let history = recorder.finish()?;
        let heard = history.events.iter().filter_map(|event| match &event.what {
            What::Probe(Probe {
                address, answered, ..
            }) => Some((address.to_string(), answered.len())),
            _ => None,
        });
        let heard: Vec<_> = heard.collect();
        let expected = [
            ("10.90.0.16", 2),
            ("10.90.0.17", 1),
            ("fd00:90::10", 2),
            ("fd00:90::11", 1),
        ];
        ensure!(
            heard == expected.map(|(ip, count)| (ip.to_owned(), count)),
            "{heard:?}"
        );
        Ok(())
    })
}

fn interface(container: &str, addresses: &[&str]) -> Result<Interface> {
    let parse = |ip: &&str| ip.parse::<IpAddr>().context("no address");
    Ok(Interface {
        attachment: Attachment {
            node: "node".to_owned(),
            container: container.to_owned(),
            ..Attachment::default()
        },
        space: SPACE.to_owned(),
        addresses: addresses.iter().map(parse).collect::<Result<_>>()?,
    })
}
