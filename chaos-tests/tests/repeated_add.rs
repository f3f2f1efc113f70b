//! ADD again for the same attachment gives the same addresses.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::{Call, dual_stack, network};
use serde_json::json;

#[test]
fn a_repeated_add_gives_the_same_result_and_takes_nothing() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = dual_stack(66, order);
        let first = lab.node.add("c", &net)?.success()?.json()?;
        for _ in 0..5 {
            assert_eq!(lab.node.add("c", &net)?.success()?.json()?, first);
        }
        assert_eq!(lab.holdings()?.addresses(), 2);
        // The state of the node is gone after a boot; the record in etcd is not.
        lab.node.reboot()?;
        assert_eq!(lab.node.add("c", &net)?.success()?.json()?, first);
        assert_eq!(lab.holdings()?.addresses(), 2);
    }
    Ok(())
}

#[test]
fn a_repeated_add_stamps_the_record_with_its_own_life() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.66.0.0/24"}));
    let name = holder("n1", "net", "c");
    lab.node.add("c", &net)?.success()?;
    let mut record = lab.holdings()?.record(&name).clone();
    let first_id = record["id"].clone();
    // As if the machine had booted since, and a newer version had written the record.
    record["boot_id"] = "an earlier boot".into();
    record["of_a_newer_version"] = "kept".into();
    lab.raw.put(lab.layout.owner(&name), record.to_string())?;

    let repeat = Call::attachment("ADD", "c", "eth0", &net)
        .env("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_UID=another-uid");
    lab.node.run(&repeat)?.success()?;

    let holdings = lab.holdings()?;
    let stamped = holdings.record(&name);
    assert_ne!(stamped["id"], first_id);
    assert_ne!(stamped["boot_id"], "an earlier boot");
    assert_eq!(stamped["pod"]["uid"], "another-uid");
    assert_eq!(stamped["of_a_newer_version"], "kept");
    assert_eq!(stamped["addresses"], record["addresses"]);
    Ok(())
}

#[test]
fn another_interface_container_network_or_node_is_another_attachment() -> Result<()> {
    let lab = Lab::new()?;
    let other_node = lab.another_node("n2")?;
    let ipam = json!({"range": "10.67.0.0/24"});
    let (net, other_net) = (network("a", ipam.clone()), network("b", ipam));
    let mut ips = vec![
        lab.node.add("c", &net)?.success()?.ip()?,
        lab.node.add("d", &net)?.success()?.ip()?,
        lab.node.add("c", &other_net)?.success()?.ip()?,
        other_node.add("c", &net)?.success()?.ip()?,
        lab.node
            .run(&Call::attachment("ADD", "c", "net1", &net))?
            .success()?
            .ip()?,
    ];
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), 5);
    lab.holdings()?;
    Ok(())
}
