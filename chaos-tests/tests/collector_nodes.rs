//! What nodes prove by themselves: a reboot, an operator's taint. And what they do not.

use anyhow::Result;
use chaos_tests::kubernetes::{Node, Ready, pod};
use chaos_tests::reconciling::{Fate, Scene, long_ago, machine};
use jiff::{Timestamp, ToSpan as _};

/// Puts a pod of a record of [`Scene::attached`] into the cluster, bound to this node.
fn put_pod(scene: &Scene, name: &str, node: &str) -> Result<()> {
    let pod = pod("shop", name, &format!("uid-{name}"), node);
    scene.kubernetes.put_pod(pod)
}

fn put_nodes(scene: &Scene, nodes: impl IntoIterator<Item = Node>) -> Result<()> {
    let mut nodes = nodes.into_iter();
    nodes.try_for_each(|node| scene.kubernetes.put_node(node))
}

#[test]
fn a_boot_ends_what_ran_before_it_on_the_same_machine_and_nothing_else() -> Result<()> {
    let scene = Scene::new()?;
    let booted = |name: &str| machine(name).boot_id("second-boot");
    put_nodes(
        &scene,
        [
            booted("booted"),
            booted("booting").ready_since(Ready::False, long_ago()),
            booted("lost").ready_since(Ready::Unknown, long_ago()),
            booted("replaced").machine_id("another-machine"),
            booted("nameless").machine_id(""),
            machine("silent").boot_id(""),
        ],
    )?;
    for (name, node) in [
        ("waits", "booted"),
        ("moved", "n1"),
        ("restarted", "booted"),
        ("comes-up", "booting"),
        ("unknown", "lost"),
        ("reinstalled", "replaced"),
        ("timeless", "booted"),
        ("named", "booted"),
        ("fresh", "booted"),
    ] {
        put_pod(&scene, name, node)?;
    }
    let restarted = scene.attached("booted", "restarted");
    let timeless = scene.attached("booted", "timeless");
    let named = scene.attached("booted", "named");
    let address = named.addresses()[0].to_string();
    let user = pod("shop", "user", "uid-user", "booted").ip(&address);
    scene.kubernetes.put_pod(user)?;

    let rebooted = Fate::Released("rebooted");
    let not_ready = Fate::Kept("node_not_ready");
    let on = |node: &str, name: &str| scene.attached(node, name);
    scene.judge(vec![
        (on("booted", "gone"), rebooted),
        // The pod is still bound to the node, and will get a new sandbox.
        (on("booted", "waits"), rebooted),
        // A boot is proof even where nothing names the pod.
        (on("booted", "podman").pod("", "", ""), rebooted),
        (on("booted", "imported").pod("shop", "waits", ""), rebooted),
        (on("booted", "no-machine").field("machine_id", ""), rebooted),
        (on("nameless", "no-machine-told"), rebooted),
        // The pod's sandbox may be on another node; this one's boot says nothing of that.
        (on("booted", "moved"), Fate::Alive),
        (restarted.field("boot_id", "second-boot"), Fate::Alive),
        // A record that does not tell its boot is not of another one.
        (timeless.field("boot_id", ""), Fate::Alive),
        (
            on("booted", "no-boot").field("boot_id", ""),
            Fate::Released("pod_gone"),
        ),
        (on("silent", "no-boot-told"), Fate::Released("pod_gone")),
        // It was made after what the node reported last: the node has not told of its new boot yet.
        (
            on("booted", "fresh").created("2999-01-01T00:00:00Z"),
            Fate::Alive,
        ),
        // Somebody names its address: that is more than a boot.
        (named, Fate::Alive),
        (on("booting", "comes-up"), Fate::Alive),
        (on("booting", "gone-too"), not_ready),
        (on("lost", "unknown"), Fate::Alive),
        (on("lost", "gone-as-well"), not_ready),
        // Another machine under the node's name: its boot says nothing of the old one.
        (on("replaced", "reinstalled"), Fate::Alive),
        (on("replaced", "deleted"), Fate::Released("pod_gone")),
        (
            on("replaced", "unnamed").pod("", "", ""),
            Fate::Kept("machine_replaced"),
        ),
    ])?;
    Ok(())
}

#[test]
fn a_node_that_is_not_ready_or_was_never_seen_keeps_everything() -> Result<()> {
    let scene = Scene::new()?;
    put_nodes(
        &scene,
        [
            machine("down").ready_since(Ready::False, long_ago()),
            machine("lost").ready_since(Ready::Unknown, long_ago()),
        ],
    )?;
    put_pod(&scene, "listed", "down")?;
    let not_ready = Fate::Kept("node_not_ready");
    let unknown = Fate::Kept("node_unknown");
    let on = |node: &str, name: &str| scene.attached(node, name);
    let twice = |name: &str, started: u64| {
        let record = on("down", name).pod("shop", "listed", "uid-listed");
        record.field("started_ms", started)
    };
    scene.judge(vec![
        (on("down", "a"), not_ready),
        (on("lost", "b"), not_ready),
        (on("lost", "c").pod("shop", "c", ""), not_ready),
        (on("lost", "d").pod("", "", ""), not_ready),
        (twice("older", 1000), Fate::Alive),
        (twice("newer", 2000), Fate::Alive),
        (on("never-seen", "e"), unknown),
        (on("never-seen", "f").pod("", "", ""), unknown),
        (on("-", "g"), unknown),
    ])?;
    Ok(())
}

#[test]
fn an_out_of_service_taint_counts_on_a_dead_node_since_its_death_and_for_its_last_boot()
-> Result<()> {
    let scene = Scene::new()?;
    let died = long_ago();
    let tainted = |name: &str, minutes: i64| {
        let when = died
            .saturating_add(minutes.minutes())
            .unwrap_or(Timestamp::MIN);
        let node = machine(name).ready_since(Ready::Unknown, died);
        node.taint_out_of_service(Some(when))
    };
    let undated = machine("undated").ready_since(Ready::Unknown, died);
    put_nodes(
        &scene,
        [
            tainted("off", 10),
            tainted("reported", 10).ready_since(Ready::False, died),
            tainted("forgotten", -10),
            undated.taint_out_of_service(None),
            // The taint is left from the last outage.
            tainted("back", 10).ready_since(Ready::True, died),
            tainted("bootless", 10).boot_id(""),
        ],
    )?;
    put_pod(&scene, "listed", "off")?;
    put_pod(&scene, "runs", "back")?;
    let off = Fate::Released("out_of_service");
    let on = |node: &str, name: &str| scene.attached(node, name);
    let run = scene.judge(vec![
        (on("off", "a"), off),
        (on("off", "b").pod("", "", ""), off),
        (on("reported", "c"), off),
        // While the pod object stands, the node's controller has not let go of it.
        (on("off", "listed"), Fate::Alive),
        (
            on("off", "earlier").field("boot_id", "earlier"),
            Fate::Kept("other_boot"),
        ),
        (
            on("off", "untold").field("boot_id", ""),
            Fate::Kept("boot_unknown"),
        ),
        (on("bootless", "d"), Fate::Kept("boot_unknown")),
        (on("forgotten", "e"), Fate::Kept("taint_outdated")),
        (on("undated", "f"), Fate::Kept("taint_undated")),
        (on("back", "runs"), Fate::Alive),
        (on("back", "g"), Fate::Released("pod_gone")),
    ])?;
    // An operator's word needs no second look.
    assert_eq!(run.reports[0]["released"]["out_of_service"], 3);
    Ok(())
}
