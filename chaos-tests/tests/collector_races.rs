//! The plugin goes on while the collector releases. Requests for a pod are held up here, so that
//! it acts between the judgement of a record and its release.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use chaos_tests::kubernetes::{Fault, Hold, Resource, Verb, When, on, pod};
use chaos_tests::layout::holder;
use chaos_tests::plugin::{Call, network};
use chaos_tests::reconciling::{AT_ONCE, Run, Scene, counts};
use serde_json::{Value, json};

fn net() -> Value {
    network("net", json!({"range": "10.86.0.0/24"}))
}

/// Sweeps twice, and does something when all is read and judged and the first record is about to
/// be released.
fn once_while(scene: &Scene, act: impl FnOnce() -> Result<()>) -> Result<Run> {
    once_while_asked(scene, on(Verb::Get, Resource::Pods), act)
}

/// Sweeps twice, and does something while such a request waits for its answer.
fn once_while_asked(scene: &Scene, when: When, act: impl FnOnce() -> Result<()>) -> Result<Run> {
    let hold = Hold::default();
    scene.kubernetes.fail(when, Fault::Hold(hold.clone()));
    thread::scope(|scope| {
        let run = scope.spawn(|| scene.once(&AT_ONCE));
        let acted = hold.wait_for_request().and_then(|()| act());
        hold.let_go();
        let run = run.join().map_err(|_| anyhow!("the run panicked"))?;
        acted?;
        run
    })
}

#[test]
fn a_record_that_was_stamped_anew_since_it_was_judged_is_kept() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    let ip = node.add("a", &net())?.success()?.ip()?;
    let run = once_while(&scene, || {
        assert_eq!(node.add("a", &net())?.success()?.ip()?, ip);
        Ok(())
    })?;
    assert_eq!(run.last("kept")?, counts([("changed", 1)]));
    assert_eq!(run.released()?, counts([]));
    assert_eq!(
        scene.lab.holdings()?.of(&holder("n1", "net", "a"))?,
        [format!("{ip}/24")]
    );
    // It is as dead as before, and a run that nothing disturbs sees that.
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    scene.lab.ensure_all_is_free()
}

#[test]
fn a_del_that_was_faster_is_fine_and_its_address_is_whoever_got_it_since() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    let ip = node.add("a", &net())?.success()?.ip()?;
    let run = once_while(&scene, || {
        node.del("a", &net())?.silence()?;
        assert_eq!(node.add("b", &net())?.success()?.ip()?, ip);
        scene
            .kubernetes
            .put_pod(pod("test", "pod-b", "uid-b", "n1"))
    })?;
    assert_eq!(run.last("kept")?, counts([("changed", 1)]));
    assert_eq!(run.released()?, counts([]));
    let holdings = scene.lab.holdings()?;
    assert_eq!(
        holdings.of(&holder("n1", "net", "b"))?,
        [format!("{ip}/24")]
    );
    assert_eq!(holdings.owners(), 1);
    Ok(())
}

#[test]
fn an_attachment_that_went_and_came_back_is_another_one() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    node.add("a", &net())?.success()?;
    let run = once_while(&scene, || {
        node.del("a", &net())?.silence()?;
        node.add("a", &net())?.success()?;
        scene
            .kubernetes
            .put_pod(pod("test", "pod-a", "uid-a", "n1"))
    })?;
    // The look that was held up answers as things are now.
    assert_eq!(run.last("kept")?, counts([("came_back", 1)]));
    assert_eq!(scene.lab.holdings()?.owners(), 1);
    Ok(())
}

#[test]
fn what_the_plugin_does_with_others_disturbs_no_release() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    for container in ["a", "b", "c"] {
        node.add(container, &net())?.success()?;
    }
    let run = once_while(&scene, || {
        node.del("b", &net())?.silence()?;
        node.add("d", &net())?.success()?;
        Ok(())
    })?;
    // A record that came after the reading is not judged by it.
    assert_eq!(run.released()?, counts([("pod_gone", 2)]));
    assert_eq!(run.last("kept")?, counts([("changed", 1)]));
    let holdings = scene.lab.holdings()?;
    ensure!(!holdings.of(&holder("n1", "net", "d"))?.is_empty());
    assert_eq!(holdings.owners(), 1);
    Ok(())
}

#[test]
fn a_pod_that_was_recreated_under_its_name_keeps_its_own_address() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    let life = |container: &str, uid: &str| {
        let call = Call::attachment("ADD", container, "eth0", &net());
        node.run(&call.pod("shop", "web-0", uid))?.success()?.ip()
    };
    life("first", "uid-1")?;
    scene
        .kubernetes
        .put_pod(pod("shop", "web-0", "uid-1", "n1"))?;
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([]));
    // The runtime drops the DEL.
    scene.kubernetes.delete_pod("shop", "web-0")?;
    scene
        .kubernetes
        .put_pod(pod("shop", "web-0", "uid-2", "n1"))?;
    let second = life("second", "uid-2")?;
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    let holdings = scene.lab.holdings()?;
    assert_eq!(
        holdings.of(&holder("n1", "net", "second"))?,
        [format!("{second}/24")]
    );
    assert_eq!(holdings.owners(), 1);
    // A late DEL of the old one finds nothing to do.
    node.del("first", &net())?.silence()?;
    assert_eq!(scene.lab.holdings()?.owners(), 1);
    Ok(())
}

#[test]
fn a_sandbox_that_was_made_anew_leaves_its_forerunner_behind() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    scene.kubernetes.put_pod(pod("shop", "web", "uid", "n1"))?;
    for container in ["first", "second", "third"] {
        let call = Call::attachment("ADD", container, "eth0", &net());
        node.run(&call.pod("shop", "web", "uid"))?.success()?;
    }
    assert_eq!(
        scene.once(&AT_ONCE)?.released()?,
        counts([("superseded", 2)])
    );
    let holdings = scene.lab.holdings()?;
    ensure!(!holdings.of(&holder("n1", "net", "third"))?.is_empty());
    assert_eq!(holdings.owners(), 1);
    Ok(())
}

#[test]
fn what_came_after_the_store_was_read_is_not_judged_by_that_reading() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    node.add("old", &net())?.success()?;
    let nodes = on(Verb::List, Resource::Nodes).times(1);
    let run = once_while_asked(&scene, nodes, || {
        node.add("young", &net())?.success()?;
        Ok(())
    })?;
    assert_eq!(run.reports[0]["records"], 1);
    assert_eq!(run.first("candidates")?, counts([("pod_gone", 1)]));
    // For the second sweep it is the first time.
    assert_eq!(run.last("candidates")?, counts([("pod_gone", 1)]));
    let holdings = scene.lab.holdings()?;
    ensure!(!holdings.of(&holder("n1", "net", "young"))?.is_empty());
    assert_eq!(holdings.owners(), 1);
    Ok(())
}

#[test]
fn a_store_that_was_frozen_since_it_was_read_is_not_changed() -> Result<()> {
    let scene = Scene::new()?;
    let node = &scene.lab.node;
    node.add("a", &net())?.success()?;
    let freeze = scene.lab.layout.freeze();
    let run = once_while(&scene, || scene.lab.raw.put(freeze.clone(), "a test"));
    let error = run.err().map(|error| format!("{error:#}"));
    ensure!(
        error.as_ref().is_some_and(|error| error.contains("frozen")),
        "{error:?}"
    );
    assert_eq!(scene.lab.holdings()?.owners(), 1);
    Ok(())
}

#[test]
fn a_store_that_has_forgotten_the_revision_of_the_reading_voids_the_sweep() -> Result<()> {
    let scene = Scene::new()?;
    scene.lab.node.add("a", &net())?.success()?;
    let pods = on(Verb::List, Resource::Pods).times(1);
    let run = once_while_asked(&scene, pods, || {
        scene.lab.raw.put("/another/key", "")?;
        let now = scene
            .lab
            .raw
            .ask(async |client| client.get("/another/key", None).await)?;
        let revision = now
            .kvs()
            .first()
            .map_or(0, etcd_client::KeyValue::mod_revision);
        scene
            .lab
            .raw
            .ask(async |client| client.compact(revision, None).await)?;
        Ok(())
    });
    let error = run.err().map(|error| format!("{error:#}"));
    ensure!(
        error.as_ref().is_some_and(|error| error.contains("void")),
        "{error:?}"
    );
    assert_eq!(scene.lab.holdings()?.owners(), 1);
    assert_eq!(scene.once(&AT_ONCE)?.released()?, counts([("pod_gone", 1)]));
    Ok(())
}
