//! A living pod whose address the store lacks gets its record back, so that nobody else gets its
//! address.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::{Pod, Ready, network, pod};
use chaos_tests::lab::Lab;
use chaos_tests::plugin;
use chaos_tests::reconciling::{AT_ONCE, Scene, count, counts, long_ago, machine};
use serde_json::{Value, json};

/// Four addresses: from 10.87.0.10 to 10.87.0.13.
fn net(space: &str) -> Value {
    plugin::network(
        "net",
        json!({
            "range": "10.87.0.0/24",
            "range_start": "10.87.0.10",
            "range_end": "10.87.0.13",
            "exclude": ["10.87.0.12/32"],
            "network_name": space,
        }),
    )
}

const SPACE: &str = "lan";

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 87, 0, last)
}

/// A pod that says that it has these addresses.
fn living(name: &str, ips: &[Ipv4Addr]) -> Pod {
    let ips: Vec<_> = ips.iter().map(Ipv4Addr::to_string).collect();
    let ips: Vec<_> = ips.iter().map(String::as_str).collect();
    let pod = pod("shop", name, &format!("uid-{name}"), "n1");
    pod.network_status([network("lan-conf", "net1", &ips)])
}

/// A scene in which one pod of the node `n1` has its address, the first one, and the range is
/// registered thereby.
fn registered() -> Result<Scene> {
    let scene = Scene::new()?;
    let first = scene.lab.node.add("a", &net(SPACE))?.success()?.ip()?;
    assert_eq!(first, IpAddr::from(ip(10)));
    scene
        .kubernetes
        .put_pod(pod("test", "pod-a", "uid-a", "n1"))?;
    Ok(scene)
}

/// The value at an address, and the revision of its last write.
fn written(lab: &Lab, key: String) -> Result<(String, i64)> {
    let answer = lab.raw.ask(async |client| client.get(key, None).await)?;
    let entry = answer.kvs().first().context("there is no such key")?;
    Ok((entry.value_str()?.to_owned(), entry.mod_revision()))
}

#[test]
fn a_living_pods_address_is_taken_back_after_two_sweeps_and_given_to_nobody_else() -> Result<()> {
    let scene = registered()?;
    let lab = &scene.lab;
    scene.kubernetes.put_pod(living("web", &[ip(11)]))?;
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(
        (&run.reports[0]["adopted"], &run.reports[1]["adopted"]),
        (&json!(0), &json!(1))
    );

    let holder = "default/n1/lan-conf/adopted-uid-web/net1";
    let (found, address_revision) = written(lab, lab.layout.address(SPACE, ip(11)))?;
    let (record, owner_revision) = written(lab, lab.layout.owner(holder))?;
    assert_eq!(found, holder);
    assert_eq!(address_revision, owner_revision, "not one transaction");
    let record: Value = serde_json::from_str(&record)?;
    assert_eq!(record["kind"], "adopted");
    assert_eq!(
        record["pod"],
        json!({"namespace": "shop", "name": "web", "uid": "uid-web"})
    );
    assert_eq!(record["addresses"][0]["prefix"], 24);

    // One is left; the plugin gives out that and nothing else.
    assert_eq!(
        lab.node.add("b", &net(SPACE))?.success()?.ip()?,
        IpAddr::from(ip(13))
    );
    lab.node.add("c", &net(SPACE))?.failure(100)?;
    let mut request = net(SPACE);
    request["runtimeConfig"] = json!({"ips": ["10.87.0.11/24"]});
    lab.node.add("d", &request)?.failure(101)?;
    scene
        .kubernetes
        .put_pod(pod("test", "pod-b", "uid-b", "n1"))?;
    let again = scene.once(&AT_ONCE)?;
    assert_eq!(
        (&again.reports[1]["adopted"], again.released()?),
        (&json!(0), counts([]))
    );

    // It goes with its pod.
    scene.kubernetes.delete_pod("shop", "web")?;
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    assert_eq!(
        lab.node.add("c", &net(SPACE))?.success()?.ip()?,
        IpAddr::from(ip(11))
    );
    lab.holdings()?;
    Ok(())
}

#[test]
fn what_is_not_surely_a_living_pods_own_address_is_not_adopted() -> Result<()> {
    let scene = registered()?;
    // Another space has the same addresses in part.
    let mut elsewhere = net("other");
    elsewhere["ipam"]["range_start"] = "10.87.0.13".into();
    scene.lab.node.add("z", &elsewhere)?.success()?;
    scene.lab.node.del("z", &elsewhere)?.silence()?;
    let put = |pod: Pod| scene.kubernetes.put_pod(pod);
    put(living("terminating", &[ip(11)]).terminating())?;
    put(living("succeeded", &[ip(11)]).phase("Succeeded"))?;
    put(living("failed", &[ip(11)]).phase("Failed"))?;
    put(pod("shop", "by-ip-only", "uid-1", "n1").ip("10.87.0.11"))?;
    let status = [network("lan-conf", "net1", &["10.87.0.11"])];
    put(pod("shop", "unbound", "uid-2", "").network_status(status))?;
    put(living("excluded", &[ip(12)]))?;
    put(living("outside", &[ip(9), ip(14), ip(200)]))?;
    put(living("ambiguous", &[ip(13)]))?;
    let before = scene.lab.raw.list(&scene.lab.layout.addresses())?;
    for _ in 0..2 {
        let run = scene.once(&AT_ONCE)?;
        assert_eq!(run.reports[1]["adopted"], 0, "{run:?}");
    }
    ensure!(scene.lab.raw.list(&scene.lab.layout.addresses())? == before);

    // Neither by wish nor in a dry run nor into a frozen store.
    put(living("web", &[ip(11)]))?;
    scene.once(&[&AT_ONCE[..], &["--no-adopt"]].concat())?;
    scene.once(&[&AT_ONCE[..], &["--dry-run"]].concat())?;
    let freeze = scene.lab.layout.freeze();
    scene
        .lab
        .raw
        .put(freeze.clone(), r#"{"reason":"a test"}"#)?;
    scene.once(&AT_ONCE)?;
    scene.lab.raw.delete(freeze)?;
    ensure!(scene.lab.raw.list(&scene.lab.layout.addresses())? == before);
    assert_eq!(scene.once(&AT_ONCE)?.reports[1]["adopted"], 1);
    Ok(())
}

#[test]
fn an_address_that_somebody_holds_is_a_conflict_and_no_adoption() -> Result<()> {
    let scene = registered()?;
    let lab = &scene.lab;
    let damaged = lab.layout.address(SPACE, ip(13));
    lab.raw.put(damaged.clone(), "{damaged")?;
    scene.kubernetes.put_pod(living("web", &[ip(10), ip(13)]))?;
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(run.reports[1]["adopted"], 0, "{run:?}");
    assert_eq!(run.reports[1]["conflicts"]["total"], 1, "{run:?}");
    let conflict = &run.reports[1]["conflicts"]["newest"][0];
    assert_eq!(
        (&conflict["address"], &conflict["pod"]),
        (&json!("10.87.0.10"), &json!("shop/web"))
    );
    assert_eq!(lab.raw.get(damaged)?, Some(b"{damaged".to_vec()));
    assert_eq!(scene.holders()?.len(), 1);
    Ok(())
}

#[test]
fn an_address_must_be_missing_twice_for_the_same_pod() -> Result<()> {
    let scene = registered()?;
    let adopted = |collector: &Collector| {
        let metrics = collector.metrics()?;
        count(&metrics, "etcd_ipam_adopted_total", &[])
    };
    scene.kubernetes.put_pod(living("first", &[ip(11)]))?;
    let mut collector = scene.collector(&AT_ONCE)?;
    // Another pod has it now.
    scene.kubernetes.delete_pod("shop", "first")?;
    scene.kubernetes.put_pod(living("second", &[ip(11)]))?;
    collector.sweep_now()?;
    assert_eq!(adopted(&collector)?, 0);
    // Its status is gone for a moment.
    scene
        .kubernetes
        .put_pod(pod("shop", "second", "uid-second", "n1"))?;
    collector.sweep_now()?;
    scene.kubernetes.put_pod(living("second", &[ip(11)]))?;
    collector.sweep_now()?;
    assert_eq!(adopted(&collector)?, 0);
    collector.sweep_now()?;
    assert_eq!(adopted(&collector)?, 1);
    Ok(())
}

#[test]
fn two_interfaces_and_both_families_are_adopted_each_as_they_belong_together() -> Result<()> {
    let scene = Scene::new()?;
    let lab = &scene.lab;
    lab.node
        .add("a", &plugin::dual_stack(87, "lowest"))?
        .success()?;
    scene
        .kubernetes
        .put_pod(pod("test", "pod-a", "uid-a", "n1"))?;
    // On a node that is not Ready the boot is not known.
    scene
        .kubernetes
        .put_node(machine("down").ready_since(Ready::Unknown, long_ago()))?;
    for (name, node, last) in [("web", "n1", 50), ("far", "down", 60)] {
        let [v4, v6] = [format!("10.87.0.{last}"), format!("fd00:87::{last}")];
        let other = format!("10.87.0.{}", last + 1);
        let status = [
            network("lan-conf", "net1", &[&v4, &v6]),
            network("lan-conf", "net2", &[&other]),
        ];
        let pod = pod("shop", name, &format!("uid-{name}"), node);
        scene.kubernetes.put_pod(pod.network_status(status))?;
    }
    assert_eq!(scene.once(&AT_ONCE)?.reports[1]["adopted"], 6);
    let holdings = lab.holdings()?;
    let of = |pod: &str, interface: &str| {
        let node = if pod == "web" { "n1" } else { "down" };
        let holder = format!("default/{node}/lan-conf/adopted-uid-{pod}/{interface}");
        anyhow::Ok((
            holdings.of(&holder)?,
            holdings.record(&holder)["boot_id"].clone(),
        ))
    };
    let (both, boot) = of("web", "net1")?;
    assert_eq!(both, ["10.87.0.50/24", "fd00:87::50/64"]);
    ensure!(boot.is_string(), "{boot}");
    assert_eq!(of("web", "net2")?.0, ["10.87.0.51/24"]);
    assert_eq!(of("far", "net1")?.1, Value::Null);
    Ok(())
}
