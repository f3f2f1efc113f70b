//! Readings of the cluster that fail or lie: nothing is released by them, and the next good one
//! counts again.

use anyhow::{Result, ensure};
use chaos_tests::collector::Collector;
use chaos_tests::kubernetes::{Fault, Request, Resource, Verb, on, pod};
use chaos_tests::lab::at_once;
use chaos_tests::layout::holder;
use chaos_tests::reconciling::{AT_ONCE, Scene, by_label, count, counts};

/// A scene with more pods than fit on a page, and a record whose pod is gone.
fn two_pages() -> Result<Scene> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    scene.kubernetes.set_object_size(0);
    for number in 0..600 {
        let name = format!("web-{number:03}");
        let pod = pod("shop", &name, &format!("uid-{name}"), "w1");
        scene.kubernetes.put_pod(pod)?;
    }
    // Its pod is on the second page.
    scene.write([
        scene.attached("w1", "web-599"),
        scene.attached("w1", "dead"),
    ])?;
    Ok(scene)
}

fn holds(scene: &Scene, name: &str) -> Result<bool> {
    Ok(scene.holders()?.contains(&holder("w1", "net", name)))
}

/// How many sweeps ended so.
fn ended(collector: &Collector, result: &str) -> Result<u64> {
    let labels = [("result", result)];
    count(&collector.metrics()?, "etcd_ipam_sweeps_total", &labels)
}

#[test]
fn a_list_that_was_not_read_whole_voids_the_sweep_and_the_next_good_one_works() -> Result<()> {
    let scene = two_pages()?;
    let list = |resource| on(Verb::List, resource);
    let (nodes, pods) = (list(Resource::Nodes), list(Resource::Pods));
    let mut collector = scene.collector(&AT_ONCE)?;
    for (number, (when, fault)) in [
        (pods.page(2), Fault::Status(410)),
        (pods.page(2), Fault::Status(500)),
        (pods.page(2), Fault::TruncatedBody),
        (pods.page(2), Fault::CutBody),
        (pods, Fault::Status(429)),
        (pods, Fault::Status(500)),
        (pods, Fault::Status(403)),
        (pods, Fault::TruncatedBody),
        (pods, Fault::CutBody),
        (pods, Fault::Empty),
        (nodes, Fault::Status(410)),
        (nodes, Fault::Status(429)),
        (nodes, Fault::Status(503)),
        (nodes, Fault::TruncatedBody),
        (nodes, Fault::CutBody),
        (nodes, Fault::Empty),
        (on(Verb::Get, Resource::Namespaces), Fault::Status(500)),
    ]
    .into_iter()
    .enumerate()
    {
        let about = format!("{fault:?}, {when:?}");
        let voids = ended(&collector, "void")?;
        scene.kubernetes.fail(when, fault);
        collector.sweep_now()?;
        scene.kubernetes.clear_faults();
        ensure!(holds(&scene, "dead")?, "released by {about}");
        assert_eq!(ended(&collector, "void")?, voids + 1, "{about}");
        // What was seen before the void sweep still counts.
        collector.sweep_now()?;
        ensure!(!holds(&scene, "dead")?, "not released after {about}");
        let released = by_label(&collector.metrics()?, "etcd_ipam_collected_total");
        let so_far = u64::try_from(number + 1)?;
        assert_eq!(released, counts([("pod_gone", so_far)]), "{about}");
        scene.write([scene.attached("w1", "dead")])?;
        collector.sweep_now()?;
    }
    ensure!(holds(&scene, "web-599")?);
    // Each says why.
    let log = collector.log()?;
    let void = log.iter().filter(|line| line["result"] == "void");
    let mut reasons = void.map(|line| line["error"].as_str().unwrap_or_default());
    ensure!(reasons.all(|reason| !reason.is_empty()), "{log:?}");
    Ok(())
}

#[test]
fn a_direct_look_that_fails_or_is_no_word_of_the_api_releases_nothing() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    scene.write([scene.attached("w1", "dead")])?;
    let mut collector = scene.collector(&AT_ONCE)?;
    for (number, fault) in [
        Fault::Status(500),
        Fault::Status(403),
        // A proxy on the way, or another server.
        Fault::Status(404),
        Fault::Status(410),
    ]
    .into_iter()
    .enumerate()
    {
        scene
            .kubernetes
            .fail(on(Verb::Get, Resource::Pods), fault.clone());
        collector.sweep_now()?;
        ensure!(holds(&scene, "dead")?, "released by {fault:?}");
        let so_far = u64::try_from(number + 1)?;
        assert_eq!(ended(&collector, "interrupted")?, so_far);
        scene.kubernetes.clear_faults();
        // So that the pods are not given up as invisible from here.
        scene.lab.raw.put(scene.lab.layout.freeze(), "a test")?;
        collector.sweep_now()?;
        assert_eq!(
            by_label(&collector.metrics()?, "etcd_ipam_kept"),
            counts([("frozen", 1)])
        );
        ensure!(holds(&scene, "dead")?, "released from a frozen store");
        scene.lab.raw.delete(scene.lab.layout.freeze())?;
    }
    collector.sweep_now()?;
    ensure!(!holds(&scene, "dead")?);
    Ok(())
}

#[test]
fn a_stale_list_does_not_release_what_a_direct_look_shows_alive() -> Result<()> {
    let scene = Scene::new()?;
    scene.machines(&["w1"])?;
    let before = scene.kubernetes.mark();
    scene
        .kubernetes
        .put_pod(pod("shop", "young", "uid-young", "w1"))?;
    scene
        .kubernetes
        .put_pod(pod("shop", "nameless", "", "w1"))?;
    scene
        .kubernetes
        .put_pod(pod("shop", "reborn", "uid-second-life", "w1"))?;
    scene
        .kubernetes
        .put_pod(pod("shop", "static", "", "w1").static_pod("hash"))?;
    let of = |name: &str, uid: &str| scene.attached("w1", name).pod("shop", name, uid);
    scene.write([
        of("young", "uid-young"),
        of("nameless", ""),
        of("static", "hash"),
        of("reborn", "uid-first-life"),
        of("dead", "uid-dead"),
    ])?;
    let stale = || Fault::Stale(before.clone());
    scene
        .kubernetes
        .fail(on(Verb::List, Resource::Pods), stale());
    let run = scene.once(&AT_ONCE)?;
    assert_eq!(
        run.first("candidates")?,
        counts([("name_gone", 1), ("pod_gone", 4)])
    );
    assert_eq!(run.released()?, counts([("pod_gone", 2)]));
    assert_eq!(run.last("kept")?, counts([("came_back", 3)]));
    for name in ["young", "nameless", "static"] {
        ensure!(holds(&scene, name)?, "{name} was released");
    }
    Ok(())
}

#[test]
fn what_hangs_is_given_up_and_releases_nothing() -> Result<()> {
    let hangs = [
        (on(Verb::List, Resource::Pods), "list"),
        (on(Verb::Get, Resource::Pods), "look"),
    ];
    at_once(hangs.len(), |number| {
        let (when, name) = hangs[number];
        let scene = Scene::new()?;
        scene.machines(&["w1"])?;
        scene.write([scene.attached("w1", name)])?;
        scene.kubernetes.fail(when, Fault::Hang);
        let endpoints = [scene.lab.etcd.endpoint()];
        let output = Collector::once(&endpoints, &scene.source(), &AT_ONCE)?;
        ensure!(!output.status.success(), "{output:?}");
        ensure!(
            output.stderr.contains("the sweep was not completed"),
            "{output:?}"
        );
        ensure!(holds(&scene, name)?, "{name}: released");
        scene.kubernetes.clear_faults();
        scene.once(&AT_ONCE)?;
        ensure!(!holds(&scene, name)?, "{name}: not released");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn lists_are_read_whole_page_by_page_and_as_new_as_possible() -> Result<()> {
    let scene = two_pages()?;
    scene.once(&AT_ONCE)?;
    let requests = scene.kubernetes.requests();
    let lists: Vec<_> = requests.iter().filter(|it| it.verb == Verb::List).collect();
    let paths: Vec<_> = lists.iter().map(|it| it.path.as_str()).collect();
    let sweep = ["/api/v1/nodes", "/api/v1/pods", "/api/v1/pods"];
    assert_eq!(paths, [sweep, sweep].concat());
    for list in lists {
        assert_eq!(list.parameter("limit"), Some("500"), "{list:?}");
        let old = ["resourceVersion", "resourceVersionMatch"];
        ensure!(
            old.iter().all(|it| list.parameter(it).is_none()),
            "{list:?}"
        );
    }
    let watches = |request: &&Request| request.verb == Verb::Watch;
    assert_eq!(requests.iter().filter(watches).count(), 0);
    // The direct look at the one that is to be released, just before its release.
    let looks = requests.iter().filter(|it| it.path.ends_with("/pods/dead"));
    assert_eq!(looks.count(), 1);
    Ok(())
}
