//! The harness itself: records that it writes are those that the programs write.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::{Call, network};
use chaos_tests::record::{record, write};
use serde_json::json;
use store::record::OwnerRecord;

#[test]
fn a_written_record_is_one_for_the_programs_too() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.60.0.0/24"}));
    let name = holder("n1", "net", "c1");
    let wanted = record(&name)
        .address("default", Ipv4Addr::new(10, 60, 0, 1), 24)
        .pod("shop", "web-0", "u1")
        .started("m1", "b1", 12)
        .cooldown_s(60)
        .created("2026-11-20T12:00:00Z");
    write(&lab.raw, &lab.layout, [wanted])?;
    lab.holdings()?;
    let value = lab.raw.get(lab.layout.owner(&name))?.context("no record")?;
    let read = OwnerRecord::parse(&value)?;
    assert_eq!(read.other, serde_json::Map::new());
    assert_eq!(read.pod.uid, "u1");
    assert_eq!((read.boot.started_ms, read.cooldown_s), (12, 60));

    let listed = ctl::list(&[lab.etcd.endpoint()], "ls")?;
    assert_eq!(listed.len(), 1, "{listed:?}");
    // The plugin finds it taken, and its own attachment there.
    let other = lab.node.add("c2", &net)?.success()?.ip()?;
    assert_eq!(other, Ipv4Addr::new(10, 60, 0, 2));
    lab.node.del("c1", &net)?.silence()?;
    assert_eq!(lab.holdings()?.owners(), 1);
    Ok(())
}

#[test]
fn a_call_says_for_which_pod_it_is() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.61.0.0/24"}));
    let call = Call::attachment("ADD", "c1", "eth0", &net).pod("shop", "web-0", "u1");
    lab.node.run(&call)?.success()?;
    let holdings = lab.holdings()?;
    let record = holdings.record(&holder("n1", "net", "c1"));
    assert_eq!(
        record["pod"],
        json!({"namespace": "shop", "name": "web-0", "uid": "u1"})
    );
    Ok(())
}

#[test]
fn fifty_thousand_records_are_written_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let records = (0..50_000_u32).map(|number| {
        let ip = Ipv4Addr::from_bits(0x0a00_0000 | number);
        record(&holder("n1", "net", &format!("c{number}"))).address("default", ip, 8)
    });
    write(&lab.raw, &lab.layout, records)?;
    let holdings = lab.holdings()?;
    assert_eq!((holdings.owners(), holdings.addresses()), (50_000, 50_000));
    Ok(())
}
