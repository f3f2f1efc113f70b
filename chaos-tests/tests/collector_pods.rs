//! What the pods of a cluster prove, on nodes that are Ready: each row of the evidence table in
//! both directions. The cases are also those in which Whereabouts' collector errs.

use anyhow::Result;
use chaos_tests::kubernetes::{network, node, pod};
use chaos_tests::layout::holder;
use chaos_tests::reconciling::{AT_ONCE, Fate, Scene, boot_id, counts, machine};
use chaos_tests::record::Record;
use serde_json::{Value, json};

/// A cluster with the ready node `w1`.
fn scene() -> Result<Scene> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    Ok(scene)
}

#[test]
fn a_pod_that_is_listed_lives_whatever_else_it_says() -> Result<()> {
    let scene = scene()?;
    let shop = |name: &str| pod("shop", name, &format!("uid-{name}"), "w1");
    let status = "k8s.v1.cni.cncf.io/network-status";
    let elsewhere = |name: &str| network(name, "net1", &["10.99.0.1"]);
    let mut by_default = network("primary", "eth0", &["10.50.0.1"]);
    by_default["default"] = true.into();
    let mut condemned = Value::from(shop("condemned"));
    if let Some(conditions) = condemned["status"]["conditions"].as_array_mut() {
        conditions.push(json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
        }));
    }
    let pods = [
        shop("running").into(),
        shop("pending").phase("Pending").into(),
        shop("unknown").phase("Unknown").into(),
        shop("succeeded").phase("Succeeded").into(),
        shop("failed").phase("Failed").into(),
        shop("terminating").terminating().into(),
        shop("unreadable").annotation(status, "[{").into(),
        shop("mismatch").network_status([elsewhere("net")]).into(),
        shop("primary").network_status([by_default]).into(),
        condemned,
        pod("shop", "unbound", "uid-unbound", "").into(),
        pod("shop", "moved", "uid-moved", "n1").into(),
    ];
    let mut table = Vec::new();
    for pod in pods {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        table.push((scene.attached("w1", name), Fate::Alive));
        scene.kubernetes.put_pod(pod)?;
    }
    scene.judge(table)?;
    Ok(())
}

#[test]
fn a_pod_is_its_uid_and_not_its_name() -> Result<()> {
    let scene = scene()?;
    let put = |pod| scene.kubernetes.put_pod(pod);
    put(pod("shop", "web-0", "uid-second-life", "w1"))?;
    put(pod("kube-system", "etcd-w1", "", "w1").static_pod("hash-1"))?;
    let hash = "kubernetes.io/config.hash";
    put(pod("kube-system", "proxy-w1", "", "w1").annotation(hash, "hash-2"))?;
    let of = |container, namespace, name, uid| {
        let record = scene.attached("w1", container);
        record.pod(namespace, name, uid)
    };
    let gone = Fate::Released("pod_gone");
    scene.judge(vec![
        (of("old", "shop", "web-0", "uid-first-life"), gone),
        (of("new", "shop", "web-0", "uid-second-life"), Fate::Alive),
        (of("gone", "shop", "gone", "uid-gone"), gone),
        // A runtime passes a static pod's config hash as its uid.
        (
            of("mirror", "kube-system", "etcd-w1", "hash-1"),
            Fate::Alive,
        ),
        (of("hash", "kube-system", "proxy-w1", "hash-2"), Fate::Alive),
        (of("rewritten", "kube-system", "etcd-w1", "hash-0"), gone),
        // A uid proves life whatever name the record has.
        (
            of("renamed", "shop", "other", "uid-second-life"),
            Fate::Alive,
        ),
    ])?;
    Ok(())
}

#[test]
fn a_record_without_a_uid_is_judged_by_its_name_or_not_at_all() -> Result<()> {
    let scene = scene()?;
    let put = |pod| scene.kubernetes.put_pod(pod);
    put(pod("shop", "here", "", "w1"))?;
    put(pod("shop", "there", "", "n1"))?;
    put(pod("shop", "done", "", "w1").phase("Succeeded"))?;
    let of = |container, namespace, name| {
        let record = scene.attached("w1", container);
        record.pod(namespace, name, "")
    };
    let unnamed = Fate::Kept("no_pod_name");
    scene.judge(vec![
        (of("here", "shop", "here"), Fate::Alive),
        (of("there", "shop", "there"), Fate::Alive),
        (of("done", "shop", "done"), Fate::Alive),
        (of("gone", "shop", "gone"), Fate::Released("name_gone")),
        (of("other", "market", "here"), Fate::Released("name_gone")),
        (of("podman", "", ""), unnamed),
        (of("half", "shop", ""), unnamed),
        (of("nowhere", "", "here"), unnamed),
        (scene.attached("w1", "uid-only").pod("", "", "u"), unnamed),
    ])?;
    Ok(())
}

#[test]
fn of_two_attachments_of_a_living_pod_the_older_is_superseded() -> Result<()> {
    let scene = scene()?;
    scene.machines(&["w2"])?;
    for name in ["a", "b", "c", "d", "e"] {
        let on = if name == "e" { "w2" } else { "w1" };
        let pod = pod("shop", name, &format!("uid-{name}"), on);
        scene.kubernetes.put_pod(pod)?;
    }
    let attached = |name: &str, life: &str, started: u64| {
        let record = scene.attached("w1", &format!("{name}-{life}"));
        let record = record.pod("shop", name, &format!("uid-{name}"));
        record.field("started_ms", started)
    };
    let superseded = Fate::Released("superseded");
    let table: Vec<(Record, Fate)> = vec![
        // Whatever order they were committed and are listed in.
        (attached("a", "1", 3000), superseded),
        (attached("a", "2", 5000), Fate::Alive),
        (attached("a", "3", 4000), superseded),
        // An adopted record is never newer, and one that does not say when is never older.
        (attached("b", "1", 3000), Fate::Alive),
        (
            attached("b", "2", 9000).field("kind", "adopted"),
            Fate::Alive,
        ),
        (attached("c", "1", 0), Fate::Alive),
        (attached("c", "2", 3000), Fate::Alive),
        // Another boot is another clock, and without one there is none.
        (attached("d", "1", 3000).field("boot_id", ""), Fate::Alive),
        (attached("d", "2", 4000).field("boot_id", ""), Fate::Alive),
        (attached("d", "3", 2000), Fate::Alive),
        // The pod has moved: what is left on its old node is not for this row to judge.
        (attached("e", "1", 3000), Fate::Alive),
        (attached("e", "2", 4000), Fate::Alive),
    ];
    scene.judge(table)?;
    Ok(())
}

#[test]
fn records_of_other_clusters_and_what_cannot_be_read_are_never_touched() -> Result<()> {
    let scene = scene()?;
    let layout = &scene.lab.layout;
    let raw = &scene.lab.raw;
    let keep = |holder: &str| layout.owner(holder);
    let mut other_cluster = scene.attached("w1", "x").entries(layout);
    for (key, value) in &mut other_cluster {
        *key = key.replace("/owner/default/", "/owner/elsewhere/");
        *value = value.replace("default/w1/", "elsewhere/w1/");
    }
    let newer = scene.attached("w1", "newer").field("v", 2);
    let reserved = layout.address("default", scene.next_address());
    let foreign = layout.address("default", scene.next_address());
    let damaged = [
        (keep(&holder("w1", "net", "no-json")), "{".to_owned()),
        (keep(&holder("w1", "net", "empty")), String::new()),
        (keep("default/w1/too/few"), "{}".to_owned()),
        (foreign, "not/a/holder".to_owned()),
        (
            format!("{}default/not-an-address", layout.addresses()),
            "x".to_owned(),
        ),
    ];
    let reservation = json!({"v": 1, "kind": "reservation", "note": "printer"}).to_string();
    let hostile = other_cluster
        .into_iter()
        .chain(newer.entries(layout))
        .chain(damaged.clone())
        .chain([(reserved, reservation)]);
    let hostile: Vec<_> = hostile.collect();
    raw.put_all(hostile.clone())?;

    let later = scene
        .attached("w1", "later")
        .field("kind", "of-a-later-version");
    let run = scene.judge(vec![
        (later, Fate::Kept("kind_unknown")),
        (scene.attached("w1", "gone"), Fate::Released("pod_gone")),
    ])?;
    for (key, value) in hostile {
        assert_eq!(raw.get(key.clone())?, Some(value.into_bytes()), "{key}");
    }
    assert_eq!(run.reports[1]["damaged"]["total"], damaged.len() + 1);
    Ok(())
}

#[test]
fn both_families_and_every_network_of_a_dead_pod_go_together() -> Result<()> {
    let scene = scene()?;
    scene
        .kubernetes
        .put_pod(pod("shop", "lives", "uid-lives", "w1"))?;
    let v6 = |last: u16| std::net::Ipv6Addr::new(0xfd00, 0x50, 0, 0, 0x8000, 0, 0, last);
    let dual = |name: &str, last| scene.attached("w1", name).address("default", v6(last), 64);
    scene.judge(vec![
        (dual("lives", 1), Fate::Alive),
        (dual("gone", 2), Fate::Released("pod_gone")),
    ])?;
    let holdings = scene.lab.holdings()?;
    assert_eq!((holdings.owners(), holdings.addresses()), (1, 2));
    let high = scene.lab.layout.address("default", v6(1));
    assert!(scene.lab.raw.get(high)?.is_some());
    Ok(())
}

#[test]
fn a_node_that_does_not_say_since_when_it_is_ready_proves_nothing() -> Result<()> {
    let scene = scene()?;
    let mut timeless = Value::from(machine("w2"));
    if let Some(conditions) = timeless["status"]["conditions"].as_array_mut() {
        for condition in conditions {
            condition["lastTransitionTime"] = "yesterday".into();
        }
    }
    scene.kubernetes.put_node(timeless)?;
    let mut bare = Value::from(node("w3").boot_id(&boot_id("w3")));
    bare["status"]["conditions"] = json!([]);
    scene.kubernetes.put_node(bare)?;
    scene.judge(vec![
        (scene.attached("w2", "a"), Fate::Kept("ready_since_unknown")),
        (scene.attached("w3", "b"), Fate::Kept("node_not_ready")),
    ])?;
    Ok(())
}

#[test]
fn a_record_that_cannot_be_released_does_not_keep_the_others() -> Result<()> {
    let scene = scene()?;
    let crowded = (0..130).fold(scene.attached("w1", "crowded"), |record, _| {
        record.address("default", scene.next_address(), 16)
    });
    let odd = |container: &str, namespace: &str, name: &str| {
        let record = scene.attached("w1", container);
        record.pod(namespace, name, "uid-of-nobody")
    };
    let stuck = Fate::Kept("unreleasable");
    scene.judge(vec![
        (crowded, stuck),
        (odd("path", "../../nodes", "n1"), stuck),
        (odd("capital", "shop", "Web_0"), stuck),
        (odd("query", "shop", "web?limit=1"), stuck),
        (scene.attached("w1", "z-gone"), Fate::Released("pod_gone")),
    ])?;
    Ok(())
}

#[test]
fn a_release_frees_no_address_that_somebody_else_holds() -> Result<()> {
    let scene = scene()?;
    scene
        .kubernetes
        .put_pod(pod("shop", "lives", "uid-lives", "w1"))?;
    let lives = scene.attached("w1", "lives");
    let theirs = lives.addresses()[0];
    let key = scene.lab.layout.address("default", theirs);
    // A damaged store: both records name it, and the key says whose it is.
    let gone = scene.attached("w1", "gone").address("default", theirs, 16);
    scene.write([gone])?;
    scene.write([lives])?;
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    let holder = holder("w1", "net", "lives").into_bytes();
    assert_eq!(scene.lab.raw.get(key)?, Some(holder));
    assert_eq!(scene.lab.holdings()?.addresses(), 1);
    Ok(())
}
