//! containerd, asked by its own `ctr`, and as the kubelet asks it.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::daemon::Daemon;
use chaos_tests::machine::Machine;
use tonic::Status;

use crate::cri::{Metadata, RuntimeService};
use crate::engine::{ARCHIVE, IMAGE, Store, eventually, guide, macvlan};

/// A sandbox of the kubelet's comes from the image that stands here.
fn config() -> String {
    format!(
        r#"
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#
    )
}

/// A store and a node with containerd, which runs, and a macvlan network with these addresses.
fn scene(test: &str, range: &str) -> Result<Option<(Store, Machine, Daemon)>> {
    let Some(store) = Store::new(test, &["containerd", "ctr"])? else {
        return Ok(None);
    };
    let node = store.node("node-a", &[&macvlan(range)])?;
    node.write("/etc/containerd/config.toml", &config())?;
    let containerd = node.serve(&["containerd", "-l", "error"])?;
    eventually(|| {
        let version = node.run(&["ctr", "version"]);
        Ok(version.map(drop).map_err(|error| error.to_string()))
    })?;
    for namespace in ["default", "k8s.io"] {
        node.run(&["ctr", "-n", namespace, "images", "import", ARCHIVE])?;
    }
    Ok(Some((store, node, containerd)))
}

const RANGE: &str = "192.168.20.10-192.168.20.100/24";

/// The words that run a container.
fn run<'a>(cgroup: &'a str, more: &[&'a str], name: &'a str) -> Vec<&'a str> {
    let words = [
        "ctr",
        "run",
        "--cni",
        "--snapshotter",
        "native",
        "--cgroup",
        cgroup,
    ];
    [&words, more, &[IMAGE, name]].concat()
}

/// Starts a container and stays with it, as `ctr run` without `-d` does.
fn start(node: &Machine, name: &str) -> Result<Daemon> {
    let cgroup = format!("/{}/{name}", node.cgroup());
    node.serve(&run(&cgroup, &[], name))
}

/// The addresses of a running container.
fn addresses(node: &Machine, name: &str) -> Result<Vec<String>> {
    let tasks = node.run(&["ctr", "tasks", "ls"])?;
    let task = tasks
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name));
    let pid = task.and_then(|line| line.split_whitespace().nth(1));
    let pid = pid.with_context(|| format!("{name} does not run: {tasks}"))?;
    node.addresses(&format!("/proc/{pid}/ns/net"), "eth0")
}

#[test]
fn containers_have_addresses_of_their_own_until_they_end() -> Result<()> {
    let test = "containers_have_addresses_of_their_own_until_they_end";
    let Some((store, node, _containerd)) = scene(test, RANGE)? else {
        return Ok(());
    };
    let _first = start(&node, "one")?;
    store.wait_for(&node, &["192.168.20.10"])?;
    let _second = start(&node, "two")?;
    store.wait_for(&node, &["192.168.20.10", "192.168.20.11"])?;
    ensure!(addresses(&node, "one")? == ["192.168.20.10/24"]);
    ensure!(addresses(&node, "two")? == ["192.168.20.11/24"]);

    let listed = store.listed()?;
    let one = listed.first().context("nothing is listed")?;
    // `ctr` names its own namespace and the container, and sends no arguments at all.
    ensure!(
        one["container"] == "default-one" && one["network"] == "lan",
        "{one}"
    );
    ensure!(one["pod"].as_str().is_none_or(str::is_empty), "{one}");

    node.run(&["ctr", "tasks", "kill", "-s", "KILL", "one"])?;
    store.wait_for(&node, &["192.168.20.11"])?;
    node.run(&["ctr", "tasks", "kill", "-s", "KILL", "two"])?;
    store.wait_for(&node, &[])
}

/// `ctr run -d` leaves the container alone and never calls DEL. Nothing but an operator or a node's
/// reboot ends such an allocation; the same container's next ADD takes it over.
#[test]
fn a_detached_container_of_ctr_keeps_its_address_and_finds_it_again() -> Result<()> {
    let test = "a_detached_container_of_ctr_keeps_its_address_and_finds_it_again";
    let Some((store, node, _containerd)) = scene(test, RANGE)? else {
        return Ok(());
    };
    let cgroup = format!("/{}/one", node.cgroup());
    for _ in 0..2 {
        node.run(&run(&cgroup, &["-d"], "one"))?;
        ensure!(addresses(&node, "one")? == ["192.168.20.10/24"]);
        node.run(&["ctr", "tasks", "rm", "-f", "one"])?;
        node.run(&["ctr", "containers", "rm", "one"])?;
        ensure!(store.taken()? == ["192.168.20.10"]);
    }
    Ok(())
}

/// A pod of a Deployment, which has had this many sandboxes before.
fn pod(name: &str, attempt: u32) -> Metadata {
    Metadata {
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        namespace: "shop".to_owned(),
        attempt,
    }
}

#[test]
fn a_pod_of_the_kubelet_is_known_by_its_names_and_its_uid() -> Result<()> {
    let test = "a_pod_of_the_kubelet_is_known_by_its_names_and_its_uid";
    let Some((store, node, _containerd)) = scene(test, RANGE)? else {
        return Ok(());
    };
    let kubelet = RuntimeService::of(&node)?;
    let first = kubelet.run(&node, pod("web-0", 0))?;
    let second = kubelet.run(&node, pod("web-1", 0))?;
    ensure!(kubelet.address(&first)? == "192.168.20.10");
    ensure!(kubelet.address(&second)? == "192.168.20.11");

    let listed = store.listed()?;
    let one = listed.first().context("nothing is listed")?;
    let said = ["namespace", "pod", "uid", "container", "interface"].map(|field| &one[field]);
    let expected = ["shop", "web-0", "uid-of-web-0", &first, "eth0"];
    ensure!(said == expected, "{one}");

    kubelet.stop(&first)?;
    store.wait_for(&node, &["192.168.20.11"])?;
    // The kubelet stops a sandbox again and again until it is gone.
    kubelet.stop(&first)?;
    // The pod starts again: another container, of the same pod.
    let again = kubelet.run(&node, pod("web-0", 1))?;
    ensure!(again != first && kubelet.address(&again)? == "192.168.20.10");
    kubelet.stop(&again)?;
    kubelet.stop(&second)?;
    store.wait_for(&node, &[])
}

#[test]
fn a_pod_that_finds_no_address_says_why_and_leaves_nothing() -> Result<()> {
    let test = "a_pod_that_finds_no_address_says_why_and_leaves_nothing";
    let Some((store, node, _containerd)) = scene(test, "192.168.20.10-192.168.20.10/24")? else {
        return Ok(());
    };
    let kubelet = RuntimeService::of(&node)?;
    let first = kubelet.run(&node, pod("web-0", 0))?;
    let refused = kubelet.run(&node, pod("web-1", 0));
    let refused = refused.err().context("there was an address")?;
    let status = refused.downcast_ref::<Status>().context("no status")?;
    let (_, said) = status.message().split_once("\": ").context("no cause")?;
    // The guide breaks the line.
    let guide = guide()?.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(
        guide.contains(said),
        "docs/callers.md does not show: {said}"
    );
    kubelet.stop(&first)?;
    store.wait_for(&node, &[])?;
    kubelet.run(&node, pod("web-1", 1))?;
    store.wait_for(&node, &["192.168.20.10"])
}
