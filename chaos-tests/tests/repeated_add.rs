//! ADD again for the same attachment gives the same addresses.

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::{Call, network};
use serde_json::json;

#[test]
fn a_repeated_add_gives_the_same_result_and_takes_nothing() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = network(
            "net",
            json!({
                "order": order,
                "ranges": [[{"subnet": "10.66.0.0/24"}], [{"subnet": "fd00:66::/64"}]],
            }),
        );
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
