//! `ipamctl release`: what it frees, and whom it does not rob.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::kubernetes::{self, pod};
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::network;
use chaos_tests::reconciling::{Scene, machine};
use chaos_tests::record;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A scene with a machine `w1`, the file of its kubeconfig, and a record `default/w1/net/a/eth0` of
/// two addresses for pod `shop/a`.
fn scene() -> Result<(Scene, String)> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    let second: IpAddr = "fd00::a".parse()?;
    let record = scene.attached("w1", "a").address("default", second, 64);
    scene.write([record.created("2026-01-05T08:00:00Z")])?;
    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    Ok((scene, kubeconfig))
}

#[test]
fn a_dead_attachment_gives_back_all_of_its_addresses() -> Result<()> {
    let (scene, kubeconfig) = scene()?;
    let release = ["release", "fd00::a", "--kubeconfig", &kubeconfig];
    let output = scene.lab.ctl(&release, 1)?;
    assert!(output.stderr.contains("--yes"), "{output:?}");
    assert_eq!(scene.lab.holdings()?.addresses(), 2);

    let output = scene.lab.ctl(&[&release[..], &["--yes"]].concat(), 0)?;
    assert_eq!(
        output.stdout,
        "Released: 10.50.0.1, fd00::a (can be given out again).\n"
    );
    for line in [
        "attachment   default/w1/net/a/eth0",
        "  address    10.50.0.1/16 in space default",
        "  address    fd00::a/64 in space default",
        "  pod        shop/a (uid uid-a)",
        "  node       w1",
        "not alive: its pod is gone, and its node was Ready all the time",
    ] {
        assert!(
            output.stderr.lines().any(|said| said == line),
            "{line}: {output:?}"
        );
    }
    scene.lab.ensure_all_is_free()?;
    let output = scene.lab.ctl(&release, 3)?;
    assert!(
        output.stderr.contains("is free in space default"),
        "{output:?}"
    );
    let gone = ["release", "--attachment", "default/w1/net/a/eth0"];
    scene.lab.ctl(&gone, 3)?;
    Ok(())
}

#[test]
fn who_lives_is_not_robbed_but_by_force() -> Result<()> {
    let other = || pod("shop", "other", "uid-o", "w1");
    let status = kubernetes::network("net", "eth0", &["fd00::a"]);
    let signs = [
        ("its pod shop/a lives", pod("shop", "a", "uid-a", "w1")),
        (
            "its pod shop/a lives",
            pod("shop", "mirror", "uid-m", "w1").static_pod("uid-a"),
        ),
        (
            "the pod shop/other lives and names 10.50.0.1",
            other().ip("10.50.0.1"),
        ),
        (
            "the pod shop/other lives and names fd00::a",
            other().network_status([status]),
        ),
    ];
    for (word, sign) in signs {
        let (scene, kubeconfig) = scene()?;
        scene.kubernetes.put_pod(sign)?;
        let release = ["release", "10.50.0.1", "--kubeconfig", &kubeconfig, "--yes"];
        let output = scene.lab.ctl(&release, 1)?;
        assert!(output.stderr.contains(word), "{word}: {output:?}");
        assert_eq!(scene.lab.holdings()?.addresses(), 2);
        let output = scene.lab.ctl(&[&release[..], &["--force"]].concat(), 0)?;
        assert!(output.stderr.contains("by force"), "{output:?}");
        scene.lab.ensure_all_is_free()?;
    }
    Ok(())
}

#[test]
fn where_nothing_is_known_of_the_pods_nothing_is_released() -> Result<()> {
    let (scene, kubeconfig) = scene()?;
    let lab = &scene.lab;
    let release = ["release", "--attachment", "default/w1/net/a/eth0", "--yes"];
    let output = lab.ctl(&release, 1)?;
    assert!(output.stderr.contains("--pods-from FILE"), "{output:?}");

    // Pods of another cluster say nothing.
    let of_another = ["--kubeconfig", &kubeconfig, "--cluster", "west"];
    let output = lab.ctl(&[&release[..], &of_another].concat(), 1)?;
    assert!(
        output.stderr.contains("belongs to the cluster default"),
        "{output:?}"
    );
    lab.raw.put(lab.layout.identity("default"), "another-uid")?;
    let output = lab.ctl(&[&release[..], &["--kubeconfig", &kubeconfig]].concat(), 1)?;
    assert!(
        output.stderr.contains("another Kubernetes cluster"),
        "{output:?}"
    );
    assert_eq!(lab.holdings()?.addresses(), 2);

    // Forced, it works while the store is frozen.
    lab.raw.put(lab.layout.freeze(), r#"{"reason":"drill"}"#)?;
    let forced = [&release[..], &["--force", "-o", "json"]].concat();
    let output = lab.ctl(&forced, 0)?;
    assert!(output.stderr.contains("drill"), "{output:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&output.stdout)?,
        json!({
            "released": true, "attachment": "default/w1/net/a/eth0",
            "addresses": ["10.50.0.1", "fd00::a"], "then": "free", "pod": "shop/a",
            "forced": true,
        })
    );
    lab.ensure_all_is_free()
}

#[test]
fn a_file_of_pods_does_not_judge_what_is_younger() -> Result<()> {
    let (scene, _) = scene()?;
    let home = TempDir::new()?;
    let file = home.path().join("pods.json");
    write_list(&file)?;
    let young = scene
        .attached("w1", "young")
        .created("2999-01-01T00:00:00Z");
    let address = young.addresses()[0].to_string();
    scene.write([young])?;
    let pods = ["--pods-from", &file.display().to_string(), "--yes"];
    let output = scene
        .lab
        .ctl(&[&["release", &address], &pods[..]].concat(), 1)?;
    assert!(
        output.stderr.contains("not older than the file"),
        "{output:?}"
    );
    scene
        .lab
        .ctl(&[&["release", "10.50.0.1"], &pods[..]].concat(), 0)?;
    Ok(())
}

/// What `kubectl get pods,nodes -A -o json` prints of `w1` and a pod there.
fn write_list(file: &Path) -> Result<()> {
    let of_kind = |kind: &str, mut object: Value| {
        object["kind"] = kind.into();
        object["apiVersion"] = "v1".into();
        object
    };
    let items = [
        of_kind("Pod", pod("shop", "lives", "uid-lives", "w1").into()),
        of_kind("Node", machine("w1").into()),
    ];
    let list = json!({"kind": "List", "apiVersion": "v1", "items": items});
    Ok(std::fs::write(file, list.to_string())?)
}

#[test]
fn released_addresses_go_into_quarantine_at_once() -> Result<()> {
    let (scene, kubeconfig) = scene()?;
    let release = [
        "release",
        "10.50.0.1",
        "--kubeconfig",
        &kubeconfig,
        "--yes",
        "--quarantine",
        "ghost",
    ];
    let output = scene.lab.ctl(&release, 0)?;
    assert_eq!(
        output.stdout,
        "Released: 10.50.0.1, fd00::a (are quarantined).\n"
    );
    assert_eq!(scene.lab.raw.count(&scene.lab.layout.owners())?, 0);
    for ip in ["10.50.0.1", "fd00::a"] {
        let key = scene.lab.layout.address("default", ip.parse::<IpAddr>()?);
        let value = scene.lab.raw.get(key)?.context("it is free")?;
        let value: Value = serde_json::from_slice(&value)?;
        assert_eq!(
            (&value["kind"], &value["reason"]),
            (&json!("quarantine"), &json!("ghost"))
        );
    }
    let output = scene.lab.ctl(&release, 1)?;
    assert!(output.stderr.contains("ipamctl unreserve"), "{output:?}");
    Ok(())
}

#[test]
fn a_rest_ends_and_what_is_released_rests() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.98.0.0/24", "cooldown": "10m"}));
    let ip = lab.node.add("a", &net)?.success()?.ip()?.to_string();
    let output = lab.ctl(&["release", &ip, "--force", "--yes"], 0)?;
    assert_eq!(
        output.stdout,
        format!("Released: {ip} (rest for their cool-down first).\n")
    );
    let output = lab.ctl(&["release", &ip], 1)?;
    assert!(
        output.stderr.contains("rests for 600 s since"),
        "{output:?}"
    );
    let output = lab.ctl(&["release", &ip, "--yes", "-o", "json"], 0)?;
    assert_eq!(
        serde_json::from_str::<Value>(&output.stdout)?,
        json!({
            "released": true, "attachment": null, "addresses": [ip], "then": "free",
            "pod": null, "forced": false,
        })
    );
    lab.ensure_all_is_free()
}

#[test]
fn what_contradicts_itself_or_cannot_be_read_is_left_alone() -> Result<()> {
    let (scene, kubeconfig) = scene()?;
    let (raw, layout) = (&scene.lab.raw, &scene.lab.layout);
    let key = |ip: &str| Ok::<_, anyhow::Error>(layout.address("default", ip.parse::<IpAddr>()?));
    raw.put(key("10.99.0.1")?, "not ours")?;
    raw.put(key("10.99.0.2")?, holder("w1", "net", "nobody"))?;
    raw.put(key("10.99.0.3")?, holder("w1", "net", "a"))?;
    raw.put(key("10.99.0.4")?, holder("w1", "net", "broken"))?;
    raw.put(layout.owner(&holder("w1", "net", "broken")), "{\u{1b}")?;
    let before = raw.list(layout.root())?;
    for (ip, word) in [
        ("10.99.0.1", "cannot be read"),
        ("10.99.0.2", "which has no record"),
        ("10.99.0.3", "does not claim it"),
        ("10.99.0.4", "cannot be read"),
    ] {
        let release = [
            "release",
            ip,
            "--kubeconfig",
            &kubeconfig,
            "--yes",
            "--force",
        ];
        let output = scene.lab.ctl(&release, 1)?;
        assert!(output.stderr.contains(word), "{ip}: {output:?}");
        assert!(output.stderr.contains("ipamctl check"), "{ip}: {output:?}");
    }
    assert_eq!(raw.list(layout.root())?, before);
    for arguments in [
        &["release"][..],
        &["release", "10.0.0.1", "--attachment", "a/b/c/d/e"],
        &["release", "--attachment", "a/b"],
        &["release", "10.0.0.0/24"],
    ] {
        scene.lab.ctl(arguments, 2)?;
    }
    Ok(())
}

#[test]
fn a_superseded_record_of_a_living_pod_is_dead() -> Result<()> {
    let (scene, kubeconfig) = scene()?;
    let newer = scene.attached("w1", "b").field("started_ms", 2000);
    let newer = newer.pod("shop", "a", "uid-a");
    record::write(&scene.lab.raw, &scene.lab.layout, [newer])?;
    scene.kubernetes.put_pod(pod("shop", "a", "uid-a", "w1"))?;
    let newer = ["release", "10.50.0.2", "--kubeconfig", &kubeconfig, "--yes"];
    scene.lab.ctl(&newer, 1)?;
    let older = ["release", "10.50.0.1", "--kubeconfig", &kubeconfig, "--yes"];
    let output = scene.lab.ctl(&older, 0)?;
    assert!(output.stderr.contains("a newer attachment"), "{output:?}");
    Ok(())
}
