//! A member of etcd that accepts connections and never answers.

use anyhow::Result;
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::holdings::Holdings;
use chaos_tests::layout::Layout;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

/// Pods that come and go while a member is paused.
const PODS: usize = 6;

fn pods_come_and_go(node: &Node, net: &Value, name: &str) -> Result<()> {
    let container = |number| format!("{name}-{number}");
    for number in 0..PODS {
        node.add(&container(number), net)?.success()?;
    }
    for number in 0..PODS {
        node.del(&container(number), net)?.silence()?;
    }
    Ok(())
}

/// Looks through a member that was never paused.
fn holdings(member: &EtcdServer) -> Result<Holdings> {
    let layout = Layout::default();
    let holdings = Holdings::read(&member.raw()?, &layout)?;
    holdings.check(&layout)?;
    Ok(holdings)
}

#[test]
fn pods_come_and_go_while_a_member_is_paused() -> Result<()> {
    let mut cluster = EtcdCluster::start()?;
    let endpoints = cluster.endpoints();
    ctl::init(&endpoints, &[])?;
    let node = Node::new("n1", &endpoints)?;
    let net = network("net", json!({"range": "10.72.0.0/24"}));

    let (leader, follower) = cluster.leader_and_follower()?;
    follower.pause()?;
    pods_come_and_go(&node, &net, "follower")?;
    assert_eq!(holdings(leader)?.owners(), 0);
    follower.resume()?;

    let (leader, follower) = cluster.leader_and_follower()?;
    leader.pause()?;
    pods_come_and_go(&node, &net, "leader")?;
    assert_eq!(holdings(follower)?.owners(), 0);
    leader.resume()?;

    // What was sent to the paused member may commit now, after its DEL. It must be whole, and the
    // next GC of the node finds it.
    let (leader, _) = cluster.leader_and_follower()?;
    holdings(leader)?;
    node.gc(&["none-of-them"], &net)?.silence()?;
    assert_eq!(holdings(leader)?.owners(), 0);
    Ok(())
}
