//! `ipamctl explain NS/POD`: a pod, the networks that it asks for, and what it would get there.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::kubernetes::{Fault, Resource, Verb, on, pod};
use chaos_tests::plugin::{Call, network};
use chaos_tests::process::Output;
use chaos_tests::reconciling::Scene;
use serde_json::{Value, json};

const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";

/// The networks `shop/blue` (whose configuration names no network), `infra/red` (a list that takes
/// requested addresses) and others of which nothing is asked of us.
fn scene() -> Result<Scene> {
    let scene = Scene::new()?;
    let api = &scene.kubernetes;
    let mut blue = network("", json!({"range": "192.168.20.10-192.168.20.11/24"}));
    blue["name"] = Value::Null;
    api.put_network("shop", "blue", &blue.to_string())?;
    let mut red = network("", json!({"range": "192.168.30.0/24"}));
    red["capabilities"] = json!({"ips": true});
    let red = json!({"cniVersion": "1.0.0", "name": "red-net",
        "plugins": [red, {"type": "tuning"}]});
    api.put_network("infra", "red", &red.to_string())?;
    let other = json!({"name": "x", "type": "bridge", "ipam": {"type": "host-local"}});
    api.put_network("shop", "other", &other.to_string())?;
    api.put_network("shop", "bare", r#"{"name": "bare", "type": "macvlan"}"#)?;
    api.put_network("shop", "filed", "")?;
    api.put_network("shop", "broken", "{")?;
    Ok(scene)
}

fn put(scene: &Scene, networks: &str) -> Result<()> {
    let pod = pod("shop", "web-0", "uid-web-0", "n1").annotation(NETWORKS, networks);
    scene.kubernetes.put_pod(pod)
}

fn run(scene: &Scene, more: &[&str]) -> Result<Output> {
    let kubeconfig = scene.kubernetes.kubeconfig().display().to_string();
    run_from(scene, &["--kubeconfig", &kubeconfig], more)
}

fn run_from(scene: &Scene, source: &[&str], more: &[&str]) -> Result<Output> {
    let node = scene.lab.node.config().display().to_string();
    let arguments = ["explain", "shop/web-0", "--node-config", &node];
    ctl::run(&[], &[&arguments, source, more].concat())
}

fn report(output: &Output, status: i32) -> Result<Value> {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

fn explain(scene: &Scene, status: i32) -> Result<Value> {
    report(&run(scene, &["-o", "json"])?, status)
}

/// The ADD of the pod's container `c` for one interface, as Multus does it.
fn add(scene: &Scene, interface: &str, name: &str, config: &Value) -> Result<Value> {
    let mut config = config.clone();
    config["name"] = name.into();
    let call = Call::attachment("ADD", "c", interface, &config).pod("shop", "web-0", "uid-web-0");
    Ok(json!(scene.lab.node.run(&call)?.success()?.addresses()?))
}

#[test]
fn every_network_of_a_pod_is_foretold() -> Result<()> {
    let scene = scene()?;
    let requested = r#"[{"name": "blue"},
        {"name": "red", "namespace": "infra", "interface": "fast", "ips": ["192.168.30.77/24"]}]"#;
    put(&scene, requested)?;
    let report = explain(&scene, 0)?;
    assert_eq!(report["pod"]["node"], "n1");
    let [blue, red] = [&report["networks"][0], &report["networks"][1]];
    for (one, network, definition, interface, address) in [
        (blue, "blue", "shop/blue", "net1", "192.168.20.10/24"),
        (red, "red-net", "infra/red", "fast", "192.168.30.77/24"),
    ] {
        assert_eq!(one["network"], network);
        assert_eq!(one["definition"], definition);
        assert_eq!(one["interface"], interface);
        assert_eq!(one["verdict"]["addresses"], json!([address]), "{one}");
        assert_eq!(one["holds"], json!([]));
    }
    assert_eq!(red["claims"][0]["wants"], "exactly");
    Ok(())
}

#[test]
fn without_the_capability_a_requested_address_still_comes_as_an_argument() -> Result<()> {
    let scene = scene()?;
    put(&scene, r#"[{"name": "blue", "ips": ["192.168.20.11"]}]"#)?;
    let report = explain(&scene, 0)?;
    let verdict = &report["networks"][0]["verdict"];
    assert_eq!(verdict["addresses"], json!(["192.168.20.11/24"]));
    put(&scene, r#"[{"name": "blue", "ips": ["192.168.20.99"]}]"#)?;
    let report = explain(&scene, 3)?;
    assert_eq!(report["networks"][0]["verdict"]["code"], 102);
    Ok(())
}

#[test]
fn what_a_pod_holds_is_told_from_what_a_new_container_would_get() -> Result<()> {
    let scene = scene()?;
    put(&scene, "blue, blue@again")?;
    let blue = network("", json!({"range": "192.168.20.10-192.168.20.11/24"}));
    let held = add(&scene, "net1", "blue", &blue)?;
    let report = explain(&scene, 0)?;
    let [first, second] = [&report["networks"][0], &report["networks"][1]];
    assert_eq!(first["holds"][0]["addresses"], held);
    assert_eq!(first["holds"][0]["container"], "c");
    assert_eq!(second["holds"], json!([]));
    for one in [first, second] {
        assert_eq!(one["verdict"]["addresses"], json!(["192.168.20.11/24"]));
    }
    // Another pod takes the last one: what the pod holds it holds, and the second interface fails.
    scene
        .lab
        .node
        .run(&Call::attachment("ADD", "d", "net1", &{
            let mut config = blue.clone();
            config["name"] = "blue".into();
            config
        }))?
        .success()?;
    let report = explain(&scene, 3)?;
    for one in [&report["networks"][0], &report["networks"][1]] {
        assert_eq!(one["verdict"]["code"], 100, "{one}");
    }
    put(&scene, "blue")?;
    let report = explain(&scene, 0)?;
    assert_eq!(report["networks"][0]["holds"][0]["addresses"], held);
    // Of a pod of the same name that came later it is not known.
    let later = pod("shop", "web-0", "uid-later", "n1").annotation(NETWORKS, "blue");
    scene.kubernetes.put_pod(later)?;
    assert_eq!(explain(&scene, 3)?["networks"][0]["holds"], json!([]));
    Ok(())
}

#[test]
fn networks_of_others_and_missing_ones_are_told_apart() -> Result<()> {
    let scene = scene()?;
    put(&scene, "other,bare,filed")?;
    let report = explain(&scene, 0)?;
    for (index, words) in ["host-local", "nobody", "file"].into_iter().enumerate() {
        let verdict = &report["networks"][index]["verdict"];
        assert_eq!(verdict["result"], "foreign");
        let message = verdict["message"].as_str().context("no message")?;
        assert!(message.contains(words), "{message}");
    }
    for (name, code) in [("missing", None), ("No_Name", None), ("broken", Some(6))] {
        put(&scene, &format!("other,{name}"))?;
        let report = explain(&scene, 3)?;
        assert_eq!(
            report["networks"][1]["verdict"]["code"].as_u64(),
            code,
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn a_pod_that_asks_for_nothing_or_nonsense_gets_nothing() -> Result<()> {
    let scene = scene()?;
    for (annotation, words) in [
        ("", "no network"),
        ("[]", "no network"),
        ("[{", "cannot be read"),
    ] {
        put(&scene, annotation)?;
        let report = explain(&scene, 3)?;
        assert_eq!(report["networks"], json!([]));
        let problem = report["problem"].as_str().context("no problem")?;
        assert!(problem.contains(words), "{problem}");
    }
    scene.kubernetes.put_pod(pod("shop", "web-0", "", "n1"))?;
    let output = run(&scene, &[])?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(
        output.stdout,
        "Pod shop/web-0, on node n1: it asks for no network beside the cluster's own: its \
         annotation k8s.v1.cni.cncf.io/networks is missing or empty.\n"
    );
    Ok(())
}

#[test]
fn the_text_shows_one_network_after_the_other() -> Result<()> {
    let scene = scene()?;
    put(&scene, "blue,other,missing")?;
    let blue = network("", json!({"range": "192.168.20.10-192.168.20.11/24"}));
    add(&scene, "net1", "blue", &blue)?;
    let output = run(&scene, &[])?;
    let sentences = output
        .stdout
        .lines()
        .filter(|line| line.ends_with('.') || line.contains(", interface"));
    // How old the allocation is does not matter here.
    let sentences: Vec<_> = sentences
        .map(|line| match line.split_once(", for ") {
            Some((before, _)) => before,
            None => line,
        })
        .filter(|line| !line.starts_with("The store "))
        .collect();
    assert_eq!(
        sentences,
        [
            "Pod shop/web-0, on node n1.",
            "Network blue, defined by shop/blue, interface net1",
            "The pod holds 192.168.20.10/24 now (container c",
            "An ADD would succeed and get 192.168.20.11/24, unless another is faster.",
            "Network other, defined by shop/other, interface net2",
            "etcd-ipam is not asked: its addresses come from host-local (ipam.type).",
            "Network missing, defined by shop/missing, interface net3",
            "The pod fails: there is no NetworkAttachmentDefinition shop/missing, so Multus refuses \
             the pod before an address is asked for.",
        ]
    );
    let summary = output
        .stdout
        .split_once("\nINTERFACE")
        .context("no summary")?
        .1;
    assert_eq!(
        summary,
        "   NETWORK   HOLDS              AN ADD WOULD
net1        blue      192.168.20.10/24   get 192.168.20.11/24
net2        other     -                  not ask etcd-ipam
net3        missing   -                  not be called
"
    );
    Ok(())
}

#[test]
fn a_pod_that_is_not_bound_yet_is_explained() -> Result<()> {
    let scene = scene()?;
    let pending = pod("shop", "web-0", "uid-web-0", "").annotation(NETWORKS, "blue");
    scene.kubernetes.put_pod(pending.phase("Pending"))?;
    let report = explain(&scene, 0)?;
    assert_eq!(report["pod"]["node"], "");
    assert_eq!(report["networks"][0]["verdict"]["result"], "allocates");
    Ok(())
}

#[test]
fn a_file_of_kubectl_will_do() -> Result<()> {
    let scene = scene()?;
    let directory = tempfile::tempdir()?;
    let path: PathBuf = directory.path().join("all.json");
    let blue = network("", json!({"range": "192.168.20.0/24"})).to_string();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "n1"}, "metadata": {
            "namespace": "shop", "name": "web-0", "uid": "u",
            "annotations": {NETWORKS: "blue,red"}}},
        {"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
            "metadata": {"namespace": "shop", "name": "blue"}, "spec": {"config": blue}},
    ]});
    std::fs::write(&path, list.to_string())?;
    let path = path.display().to_string();
    let output = run_from(&scene, &["--pods-from", &path, "-o", "json"], &[])?;
    let report = report(&output, 3)?;
    let verdicts = [0, 1].map(|index| report["networks"][index]["verdict"]["result"].clone());
    assert_eq!(verdicts, ["allocates", "fails"]);
    Ok(())
}

#[test]
fn what_kubernetes_does_not_say_is_no_verdict() -> Result<()> {
    let scene = scene()?;
    let fails = |words: &str| {
        let output = run(&scene, &[])?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stderr.contains(words), "{words}: {output:?}");
        assert_eq!(output.stdout, "");
        anyhow::Ok(())
    };
    fails("no pod web-0")?;
    put(&scene, "blue")?;
    let networks = on(Verb::Get, Resource::Networks);
    scene.kubernetes.fail(networks, Fault::Status(403));
    fails("shop/blue")?;
    let directory = tempfile::tempdir()?;
    let broken = directory.path().join("pods.json");
    std::fs::write(&broken, "{")?;
    let broken = broken.display().to_string();
    let output = run_from(&scene, &["--pods-from", &broken], &[])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains(&broken), "{output:?}");
    scene
        .kubernetes
        .fail(on(Verb::Get, Resource::Pods), Fault::Status(500));
    fails("500")
}
