//! `ipamctl check`: what it finds in a store that somebody damaged.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use chaos_tests::kubernetes::{network, pod};
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin;
use chaos_tests::reconciling::Scene;
use chaos_tests::record::record;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A report as programs read it.
fn report(lab: &Lab, more: &[&str], status: i32) -> Result<Value> {
    let output = lab.ctl(&[&["check", "-o", "json"], more].concat(), status)?;
    Ok(serde_json::from_str(&output.stdout)?)
}

/// What was found, as kind and address.
fn found(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .map(|one| {
            let kind = one["kind"].as_str().unwrap_or("?");
            (kind, one["address"].as_str().unwrap_or("-"))
        })
        .collect()
}

/// The table without the lines that differ from store to store.
fn golden(table: &str) -> String {
    let differs = |line: &&str| line.starts_with("  store ") || line.starts_with("  revision ");
    let lines: Vec<_> = table.lines().filter(|line| !differs(line)).collect();
    format!("{}\n", lines.join("\n"))
}

fn damage(lab: &Lab) -> Result<()> {
    let (raw, layout) = (&lab.raw, &lab.layout);
    let key = |ip: &str| Ok::<_, anyhow::Error>(layout.address("default", ip.parse::<IpAddr>()?));
    raw.put(key("10.99.0.1")?, holder("w1", "net", "nobody"))?;
    raw.put(key("10.99.0.2")?, "not \u{1b}[2J ours")?;
    raw.put(format!("{}x", key("10.99.0.2")?), "x")?;
    raw.put(format!("{}notes", layout.root()), "x")?;
    raw.put(layout.owner("default/w1/broken"), "{}")?;
    raw.put(layout.owner(&holder("w1", "net", "broken")), "{")?;
    let owner = |name: &str, ip: &str| {
        let ip: IpAddr = ip.parse()?;
        let record = record(&holder("w1", "net", name)).address("default", ip, 24);
        let entries = record.entries(layout);
        Ok::<_, anyhow::Error>(entries)
    };
    raw.put_all(owner("a", "10.99.0.3")?)?;
    // One whose address is another's, and one whose address is gone.
    for entries in [owner("b", "10.99.0.3")?, owner("c", "10.99.0.4")?] {
        raw.put_all(entries.into_iter().take(1))?;
    }
    Ok(())
}

#[test]
fn a_store_in_use_fits() -> Result<()> {
    let lab = Lab::new()?;
    let net = plugin::network(
        "net",
        json!({"cooldown": "1h", "ranges": [[{"subnet": "10.94.0.0/24"}], [{"subnet": "fd00:94::/64"}]]}),
    );
    for container in ["a", "b", "c"] {
        lab.node.add(container, &net)?.success()?;
    }
    lab.node.del("b", &net)?.silence()?;
    lab.ctl(&["reserve", "10.94.0.77", "--reason", "x"], 0)?;
    let output = lab.ctl(&["check"], 0)?;
    assert_eq!(
        golden(&output.stdout),
        "\
Everything fits.
  owners      2
  addresses   7
  ranges      2
"
    );
    assert!(
        output.stderr.contains("compared with itself alone"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn each_damage_is_listed_with_what_to_do() -> Result<()> {
    let lab = Lab::new()?;
    damage(&lab)?;
    let output = lab.ctl(&["check"], 3)?;
    assert_eq!(
        golden(&output.stdout),
        "\
Something does not fit.
  owners      5
  addresses   4
  ranges      0

COUNT   FINDING            WHAT TO DO
    1   orphaned_address   repair deletes the address key, unless a pod uses it
    1   missing_address    repair writes the address key again
    1   duplicate          delete the pod whose record this is, so that it comes back with another address
    4   unreadable         look at the value; repair --delete-unreadable deletes the key
    1   unknown_key        none is needed; it keeps nobody from an address

FINDING            ADDRESS     SPACE     HOLDER                                           DETAIL
orphaned_address   10.99.0.1   default   default/w1/net/nobody/eth0                       its holder has no record
missing_address    10.99.0.4   default   default/w1/net/c/eth0                            its record claims it, and its key is gone
duplicate          10.99.0.3   default   default/w1/net/b/eth0                            is allocated: default/w1/net/a/eth0
unreadable         -           -         /etcd-ipam/v1/addr/default/010.099.000.002x      the key is not an address's
unreadable         -           -         /etcd-ipam/v1/owner/default/w1/broken            the key is not an attachment's
unreadable         -           -         /etcd-ipam/v1/owner/default/w1/net/broken/eth0   the value is not such a record
unreadable         10.99.0.2   default   /etcd-ipam/v1/addr/default/010.099.000.002       the value is not such a record
unknown_key        -           -         /etcd-ipam/v1/notes                              the key is none of the store's
"
    );
    let before = lab.raw.list(lab.layout.root())?;
    report(&lab, &[], 3)?;
    assert_eq!(lab.raw.list(lab.layout.root())?, before);
    Ok(())
}

#[test]
fn a_report_is_written_whole_and_for_its_owner() -> Result<()> {
    let lab = Lab::new()?;
    damage(&lab)?;
    let home = TempDir::new()?;
    let file = home.path().join("a.json");
    let path = file.display().to_string();
    let printed = report(&lab, &["--report", &path], 3)?;
    let written: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    assert_eq!(written, printed);
    assert_eq!(
        std::fs::metadata(&file)?.permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read_dir(home.path())?.count(), 1);
    assert_eq!(written["format"], "etcd-ipam-check");
    assert_eq!(
        (&written["version"], &written["pods"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        (&written["owners"], &written["addresses"]),
        (&json!(5), &json!(4))
    );
    assert_eq!(
        written["count"],
        json!(written["findings"].as_array().context("none")?.len())
    );
    let orphan = &written["findings"][0];
    assert_eq!(orphan["repair"], "delete_address");
    assert_eq!(orphan["value_sha256"].as_str().map(str::len), Some(64));

    let nowhere = home.path().join("none/a.json").display().to_string();
    let output = lab.ctl(&["check", "--report", &nowhere], 1)?;
    assert!(output.stderr.contains("there is no folder"), "{output:?}");
    Ok(())
}

#[test]
fn with_pods_the_dead_and_the_forgotten_are_found() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1", "w2"])?;
    let lab = &scene.lab;
    let records = ["lives", "gone", "robbed", "other-node"].map(|name| {
        let node = if name == "other-node" { "w2" } else { "w1" };
        scene.attached(node, name)
    });
    let address = |place: usize| records[place].addresses()[0].to_string();
    let [lives, gone, robbed, other] = [0, 1, 2, 3].map(address);
    scene.write(records)?;
    // So that a range is known, in which the first two are not.
    let net = json!({"range": "10.50.0.0/16", "range_start": "10.50.0.3"});
    lab.node
        .add("keeps", &plugin::network("net", net))?
        .success()?;
    scene
        .kubernetes
        .put_pod(pod("test", "pod-keeps", "uid-keeps", "n1"))?;
    let names = |ip: &str| network("net", "eth0", &[ip]);
    let pods = [
        pod("shop", "lives", "uid-lives", "w1").network_status([names(&lives)]),
        pod("shop", "robbed", "uid-robbed", "w1"),
        pod("shop", "thief", "uid-thief", "w1").network_status([names(&robbed)]),
        pod("shop", "forgotten", "uid-forgotten", "w1").network_status([names("10.50.201.1")]),
        // Finished, so that it names nothing.
        pod("shop", "done", "uid-done", "w1")
            .network_status([names("10.50.201.2")])
            .phase("Succeeded"),
    ];
    for pod in pods {
        scene.kubernetes.put_pod(pod)?;
    }
    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    let checked = report(lab, &["--kubeconfig", &kubeconfig], 3)?;
    assert_eq!(checked["pods"], "kubernetes");
    let expected = [
        ("leaked", gone.as_str()),
        ("leaked", &other),
        ("conflict", &robbed),
        ("unrecorded", "10.50.201.1"),
        ("outside_ranges", &lives),
        ("outside_ranges", &gone),
    ];
    assert_eq!(found(&checked), expected, "{checked:#}");
    assert_eq!(checked["findings"][0]["repair"], "release");
    let conflict = checked["findings"][2]["detail"]
        .as_str()
        .unwrap_or_default();
    assert!(
        conflict.contains("the pod shop/thief uses it"),
        "{conflict}"
    );
    // Another cluster's pods say nothing of these records.
    let other = report(lab, &["--kubeconfig", &kubeconfig, "--cluster", "west"], 3)?;
    assert!(
        !found(&other).iter().any(|(kind, _)| *kind == "leaked"),
        "{other:#}"
    );
    Ok(())
}

#[test]
fn an_orphan_that_a_pod_uses_is_not_to_be_deleted() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    let lab = &scene.lab;
    let net = plugin::network("net", json!({"range": "10.93.0.0/24"}));
    let ip = lab.node.add("a", &net)?.success()?.ip()?;
    lab.raw
        .delete(lab.layout.owner(&holder("n1", "net", "a")))?;
    let names = network("net", "eth0", &[&ip.to_string()]);
    scene
        .kubernetes
        .put_pod(pod("test", "pod-a", "uid-a", "n1").network_status([names]))?;
    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    let checked = report(lab, &["--kubeconfig", &kubeconfig], 3)?;
    assert_eq!(
        found(&checked),
        [("orphaned_address", ip.to_string().as_str())]
    );
    assert_eq!(checked["findings"][0]["repair"], Value::Null);
    Ok(())
}

#[test]
fn where_nothing_can_be_compared_it_says_why() -> Result<()> {
    let lab = Lab::new()?;
    let output = lab.ctl(&["check", "--prefix", "/elsewhere"], 1)?;
    assert!(output.stderr.contains("not initialised"), "{output:?}");
    let output = lab.ctl(&["check", "--pods-from", "/nowhere.json"], 1)?;
    assert!(output.stderr.contains("/nowhere.json"), "{output:?}");
    lab.raw.put(lab.layout.freeze(), r#"{"reason":"drill"}"#)?;
    let output = lab.ctl(&["check"], 0)?;
    assert!(output.stderr.contains("drill"), "{output:?}");
    Ok(())
}
