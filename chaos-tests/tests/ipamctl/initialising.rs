//! `ipamctl init --record-in`: a store is created once in the life of a Kubernetes cluster.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::kubernetes::{Fault, Hold, Kubernetes, Resource, Verb, on};
use chaos_tests::lab::at_once;
use chaos_tests::layout::Layout;
use chaos_tests::process::Output;
use serde_json::{Value, json};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "etcd-ipam-store";
const RECORD: &str = "kube-system/etcd-ipam-store";

fn init(etcd: &EtcdServer, kubernetes: &Kubernetes) -> Result<Output> {
    let kubeconfig = kubernetes.kubeconfig().display().to_string();
    let arguments = ["init", "--record-in", RECORD, "--kubeconfig", &kubeconfig];
    ctl::run(
        &[etcd.endpoint()],
        &[&arguments[..], &["-o", "json"]].concat(),
    )
}

fn done(output: &Output) -> Result<Value> {
    ensure!(output.status.success(), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

/// Fails unless it could not, and said these words.
fn refused(output: &Output, words: &[&str]) -> Result<()> {
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(output.stdout.is_empty(), "{output:?}");
    for word in words {
        ensure!(output.stderr.contains(word), "no {word:?}: {output:?}");
    }
    Ok(())
}

fn recorded(kubernetes: &Kubernetes) -> Result<Value> {
    let map = kubernetes.config_map(NAMESPACE, NAME)?;
    Ok(map.context("there is no record")?["data"]["store_id"].clone())
}

fn store(etcd: &EtcdServer) -> Result<Option<Value>> {
    let found = etcd.raw()?.get(Layout::default().store())?;
    Ok(found
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()?)
}

#[test]
fn a_second_run_finds_the_store_of_the_first() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    let first = done(&init(&etcd, &kubernetes)?)?;
    assert_eq!(first["created"], true);
    assert_eq!(first["recorded_in"], RECORD);
    assert_eq!(first["id"], recorded(&kubernetes)?);
    assert_eq!(first["id"], store(&etcd)?.context("no store")?["id"]);

    let requests = kubernetes.request_count();
    let again = done(&init(&etcd, &kubernetes)?)?;
    assert_eq!(again["created"], false);
    assert_eq!(again["id"], first["id"]);
    let asked = kubernetes.requests().split_off(requests);
    assert_eq!(asked.len(), 1, "only read: {asked:?}");
    assert_eq!(asked[0].verb, Verb::Get);
    Ok(())
}

#[test]
fn a_store_that_was_there_before_is_recorded() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    ctl::init(&[etcd.endpoint()], &[])?;
    let before = store(&etcd)?;
    let made = done(&init(&etcd, &kubernetes)?)?;
    assert_eq!(made["created"], false);
    assert_eq!(made["id"], recorded(&kubernetes)?);
    assert_eq!(store(&etcd)?, before);
    Ok(())
}

#[test]
fn a_recorded_store_that_is_gone_is_never_replaced() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    let first = done(&init(&etcd, &kubernetes)?)?;
    let id = first["id"].as_str().context("no id")?;
    let wiped = EtcdServer::start()?;
    for _ in 0..2 {
        let said = init(&wiped, &kubernetes)?;
        refused(
            &said,
            &[id, RECORD, "gone", "nothing was created", "backup"],
        )?;
        assert_eq!(store(&wiped)?, None);
    }
    assert_eq!(recorded(&kubernetes)?, id);

    ctl::init(&[wiped.endpoint()], &[])?;
    let other = store(&wiped)?.context("no store")?;
    let other = other["id"].as_str().context("no id")?;
    refused(&init(&wiped, &kubernetes)?, &[id, other, RECORD])?;
    assert_eq!(recorded(&kubernetes)?, id);
    Ok(())
}

#[test]
fn a_store_that_must_not_be_used_does_not_pass_for_well() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    done(&init(&etcd, &kubernetes)?)?;
    let raw = etcd.raw()?;
    let key = Layout::default().store();
    let mut restored = store(&etcd)?.context("no store")?;
    restored["sealed_term"] = 1_000.into();
    raw.put(key.clone(), restored.to_string())?;
    refused(&init(&etcd, &kubernetes)?, &["restored from a snapshot"])?;
    raw.put(key, "{")?;
    refused(&init(&etcd, &kubernetes)?, &["damaged"])
}

#[test]
fn a_run_that_was_cut_off_is_finished_by_the_next() -> Result<()> {
    // After the claim, and after the store was created.
    for has_store in [false, true] {
        let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
        kubernetes.put_config_map(NAMESPACE, NAME, &json!({"another": "key"}))?;
        if has_store {
            ctl::init(&[etcd.endpoint()], &[])?;
        }
        let made = done(&init(&etcd, &kubernetes)?)?;
        assert_eq!(made["created"], !has_store);
        assert_eq!(made["id"], recorded(&kubernetes)?);
        let map = kubernetes.config_map(NAMESPACE, NAME)?.context("gone")?;
        assert_eq!(map["data"]["another"], "key");
    }
    Ok(())
}

#[test]
fn nothing_is_created_without_the_word_of_the_api() -> Result<()> {
    for (verb, code) in [
        (Verb::Get, 403),
        (Verb::Get, 500),
        (Verb::Create, 403),
        (Verb::Create, 409),
    ] {
        let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
        kubernetes.fail(on(verb, Resource::ConfigMaps), Fault::Status(code));
        refused(&init(&etcd, &kubernetes)?, &[RECORD, "nothing was created"])?;
        assert_eq!(store(&etcd)?, None, "{verb:?} {code}");
        kubernetes.clear_faults();
        done(&init(&etcd, &kubernetes)?)?;
    }
    Ok(())
}

#[test]
fn an_id_that_could_not_be_recorded_is_recorded_by_the_next_run() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    kubernetes.fail(on(Verb::Update, Resource::ConfigMaps), Fault::Status(503));
    refused(&init(&etcd, &kubernetes)?, &[RECORD, "try again"])?;
    assert_eq!(recorded(&kubernetes)?, Value::Null);
    kubernetes.clear_faults();
    let made = done(&init(&etcd, &kubernetes)?)?;
    assert_eq!(made["created"], false);
    assert_eq!(made["id"], recorded(&kubernetes)?);
    Ok(())
}

#[test]
fn runs_at_once_make_one_store_and_record_it() -> Result<()> {
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    let all = at_once(4, |_| done(&init(&etcd, &kubernetes)?))?;
    let created = all.iter().filter(|made| made["created"] == true);
    assert_eq!(created.count(), 1, "{all:?}");
    for made in &all {
        assert_eq!(made["id"], recorded(&kubernetes)?);
    }
    Ok(())
}

#[test]
fn a_run_that_slept_does_not_overwrite_what_is_recorded_by_then() -> Result<()> {
    for is_same in [true, false] {
        let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
        let hold = Hold::default();
        kubernetes.fail(
            on(Verb::Update, Resource::ConfigMaps),
            Fault::Hold(hold.clone()),
        );
        let said = std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| init(&etcd, &kubernetes));
            hold.wait_for_request()?;
            let made = store(&etcd)?.context("no store")?;
            let id = if is_same {
                made["id"].clone()
            } else {
                json!("s1")
            };
            kubernetes.put_config_map(NAMESPACE, NAME, &json!({"store_id": id}))?;
            hold.let_go();
            let ended = sleeper.join();
            ended.map_err(|_| anyhow::anyhow!("a thread panicked"))?
        })?;
        if is_same {
            done(&said)?;
        } else {
            refused(&said, &["names s1"])?;
            assert_eq!(recorded(&kubernetes)?, "s1");
        }
    }
    Ok(())
}

#[test]
fn outside_of_a_pod_a_kubeconfig_is_asked_for() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let said = ctl::run(&[etcd.endpoint()], &["init", "--record-in", RECORD])?;
    refused(&said, &["kubeconfig", "nothing was created"])?;
    let said = ctl::run(&[etcd.endpoint()], &["init", "--record-in", "store"])?;
    ensure!(said.status.code() == Some(2), "{said:?}");
    assert_eq!(store(&etcd)?, None);
    Ok(())
}
