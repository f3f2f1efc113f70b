//! What is not ours below our prefix counts as taken, is never deleted, and harms nobody else.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Result;
use chaos_tests::ctl;
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::layout::holder;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

/// Just below what etcd accepts in one request (1.5 MiB).
const HUGE: usize = 1_400_000;

/// Keys with values that no program of ours wrote.
struct Garbage(BTreeMap<Vec<u8>, Vec<u8>>);

impl Garbage {
    fn put(lab: &Lab, entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self> {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        for (key, value) in &entries {
            lab.raw.put(key.clone(), value.clone())?;
        }
        Ok(Self(entries))
    }

    fn ensure_untouched(&self, lab: &Lab) -> Result<()> {
        for (key, value) in &self.0 {
            let found = lab.raw.get(key.clone())?;
            let name = String::from_utf8_lossy(key);
            assert!(found.as_ref() == Some(value), "{name} is not as it was");
        }
        Ok(())
    }
}

fn values() -> Vec<Vec<u8>> {
    vec![
        vec![b'x'; HUGE],
        [b"{\"v\":1,".as_slice(), &vec![b'['; HUGE]].concat(),
        vec![0xff, 0x00, 0xfe],
        b"".to_vec(),
        b"{\"kind\":\"of a later version\"}".to_vec(),
        b"{\"v\":99,\"addresses\":[]}".to_vec(),
        b"../../etc/passwd".to_vec(),
        b"null".to_vec(),
    ]
}

/// A range of the space `s` with these last octets.
fn range(first: usize, last: usize, order: &str) -> Value {
    network(
        "net",
        json!({
            "network_name": "s",
            "range": "10.71.0.0/24",
            "range_start": format!("10.71.0.{first}"),
            "range_end": format!("10.71.0.{last}"),
            "order": order,
        }),
    )
}

fn ip(last: usize) -> Result<IpAddr> {
    Ok(format!("10.71.0.{last}").parse()?)
}

#[test]
fn an_address_with_an_unreadable_holder_is_taken_for_ever() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let values = values();
        let count = values.len();
        let damaged = values.into_iter().enumerate().map(|(number, value)| {
            let key = lab.layout.address("s", ip(number + 10)?);
            anyhow::Ok((key.into_bytes(), value))
        });
        let garbage = Garbage::put(&lab, damaged.collect::<Result<Vec<_>>>()?)?;

        // Ten more addresses than the damaged ones.
        let net = range(10, 10 + count + 9, order);
        let ips = at_once(10, |number| {
            lab.node.add(&format!("c{number}"), &net)?.success()?.ip()
        })?;
        let mut free: Vec<IpAddr> = (10 + count..20 + count).map(ip).collect::<Result<_>>()?;
        let mut given = ips.clone();
        free.sort();
        given.sort();
        assert_eq!(given, free);
        lab.node.add("one-too-many", &net)?.failure(100)?;

        let listed = listing(&lab)?;
        for ip in &ips {
            assert!(
                listed.contains(&ip.to_string()),
                "{ip} is not listed: {listed}"
            );
        }
        for key in garbage.0.keys() {
            let name = String::from_utf8_lossy(key);
            let name = name.rsplit('/').next().unwrap_or_default();
            let plain = name.replace(".0", ".").replace("..", ".0.");
            assert!(
                listed.contains(name) || listed.contains(&plain),
                "the damaged {name} is not reported: {listed}"
            );
        }

        at_once(10, |number| {
            lab.node.del(&format!("c{number}"), &net)?.silence()
        })?;
        garbage.ensure_untouched(&lab)?;
        assert_eq!(
            lab.raw.count(&lab.layout.addresses())?,
            u64::try_from(count)?
        );
        assert_eq!(lab.raw.count(&lab.layout.owners())?, 0);
    }
    Ok(())
}

/// All that `ipamctl ls` says, in both forms, whatever its exit status.
fn listing(lab: &Lab) -> Result<String> {
    let endpoints = [lab.etcd.endpoint()];
    let json = ctl::run(&endpoints, &["ls", "-o", "json"])?;
    let parsed: Vec<Value> = serde_json::from_str(&json.stdout)?;
    let table = ctl::run(&endpoints, &["ls"])?;
    assert!(table.status.code().is_some(), "{table:?}");
    Ok(format!(
        "{parsed:?}\n{}\n{}\n{}",
        json.stderr, table.stdout, table.stderr
    ))
}

#[test]
fn an_unreadable_record_stops_only_its_own_attachment() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = range(10, 200, order);
        let damaged = values().into_iter().enumerate().map(|(number, value)| {
            let owner = lab
                .layout
                .owner(&holder("n1", "net", &format!("damaged{number}")));
            (owner.into_bytes(), value)
        });
        let garbage = Garbage::put(&lab, damaged.collect::<Vec<_>>())?;
        let count = garbage.0.len();

        for number in 0..5 {
            lab.node.add(&format!("c{number}"), &net)?.success()?;
        }
        for number in 0..count {
            let container = format!("damaged{number}");
            // No address may be given for a record that nobody can read.
            let answer = lab.node.add(&container, &net)?;
            assert!(!answer.is_success(), "{container}: {answer:?}");
            answer.code()?;
            // Whether such a DEL can succeed is another question; it must end and keep the record.
            let answer = lab.node.del(&container, &net)?;
            assert!(answer.0.status.code().is_some(), "{container}: {answer:?}");
        }
        garbage.ensure_untouched(&lab)?;
        assert_eq!(lab.raw.count(&lab.layout.addresses())?, 5);

        // GC reads the records of the node, and those of the others still go.
        lab.node.gc(&["c0"], &net)?;
        assert_eq!(lab.raw.count(&lab.layout.addresses())?, 1);
        lab.node.del("c0", &net)?.silence()?;
        garbage.ensure_untouched(&lab)?;
        assert_eq!(lab.raw.count(&lab.layout.addresses())?, 0);
        listing(&lab)?;
    }
    Ok(())
}

#[test]
fn a_page_full_of_huge_values_can_still_be_listed() -> Result<()> {
    let lab = Lab::new()?;
    let huge = (100..140).map(|last| {
        let key = lab.layout.address("s", ip(last)?);
        Ok((key.into_bytes(), vec![b'x'; HUGE]))
    });
    let garbage = Garbage::put(&lab, huge.collect::<Result<Vec<_>>>()?)?;
    let net = range(10, 200, "lowest");
    lab.node.add("c", &net)?.success()?;
    let listed = listing(&lab)?;
    assert!(listed.contains("10.71.0.10"), "{listed}");
    assert!(listed.contains("010.071.000.139"), "{listed}");
    let ranges = ctl::list(&[lab.etcd.endpoint()], "ranges")?;
    assert_eq!(ranges[0]["reserved"], json!(40), "{ranges:?}");
    lab.node.del("c", &net)?.silence()?;
    garbage.ensure_untouched(&lab)
}

#[test]
fn keys_with_foreign_names_are_in_nobodys_way() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let space = format!("{}s/", lab.layout.addresses());
        let names: [&[u8]; 9] = [
            b"",
            b"garbage",
            b"10.71.0.10",
            b"010.071.000.010x",
            b"010.071.000.010/more",
            b"010.071.000.010\0",
            b"010.071.000.999",
            b"fd00:0000:0000:0000:0000:0000:0000:0001z",
            &[0xff, 0xfe],
        ];
        let foreign = names
            .iter()
            .map(|name| ([space.as_bytes(), name].concat(), b"foreign".to_vec()));
        let elsewhere = [
            "addr/",
            "owner/",
            "owner/default/n1/net/",
            "range/s/x",
            "new/thing",
        ]
        .iter()
        .map(|name| format!("{}{name}", lab.layout.root()).into_bytes())
        .map(|key| (key, vec![0xff; 10]));
        let garbage = Garbage::put(&lab, foreign.chain(elsewhere).collect::<Vec<_>>())?;

        let net = range(10, 14, order);
        let given = (0..5).map(|number| lab.node.add(&format!("c{number}"), &net)?.success()?.ip());
        let mut given = given.collect::<Result<Vec<_>>>()?;
        given.sort();
        let wanted: Vec<IpAddr> = (10..15).map(ip).collect::<Result<_>>()?;
        assert_eq!(given, wanted);
        lab.node.add("one-too-many", &net)?.failure(100)?;
        listing(&lab)?;
        ctl::run(&[lab.etcd.endpoint()], &["ranges", "-o", "json"])?;
        for number in 0..5 {
            lab.node.del(&format!("c{number}"), &net)?.silence()?;
        }
        garbage.ensure_untouched(&lab)?;
    }
    Ok(())
}

#[test]
fn a_release_leaves_an_address_that_has_come_to_another() -> Result<()> {
    for cooldown in ["0s", "1h"] {
        let lab = Lab::new()?;
        let mut net = range(10, 20, "lowest");
        net["ipam"]["cooldown"] = cooldown.into();
        let ip = lab.node.add("c", &net)?.success()?.ip()?;
        let key = lab.layout.address("s", ip);
        for other in [holder("n2", "net", "c"), "garbage".to_owned()] {
            lab.node.add("c", &net)?.success()?;
            lab.raw.put(key.as_str(), other.as_str())?;
            lab.node.del("c", &net)?.silence()?;
            assert_eq!(lab.raw.get(key.as_str())?, Some(other.into_bytes()));
            assert_eq!(lab.raw.count(&lab.layout.owners())?, 0);
        }
    }
    Ok(())
}
