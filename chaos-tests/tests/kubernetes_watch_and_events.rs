//! The harness itself: watches of its Kubernetes API, and the events that are written to it.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::http::Client;
use chaos_tests::kubernetes::{Fault, Kubernetes, Resource, Verb, on, pod};
use serde_json::{Value, json};

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/shop/events";

fn client(kubernetes: &Kubernetes) -> Result<Client> {
    let address: std::net::SocketAddr = kubernetes.url().replace("https://", "").parse()?;
    Ok(Client::tls(address, &kubernetes.ca_file())?.token(kubernetes.token()))
}

/// The version of the cluster, from an empty list.
fn version(kubernetes: &Kubernetes) -> Result<String> {
    let answer = client(kubernetes)?.get("/api/v1/nodes")?;
    let list: Value = serde_json::from_str(&answer.body)?;
    let version = list.pointer("/metadata/resourceVersion");
    let version = version.and_then(Value::as_str);
    Ok(version.context("no version")?.to_owned())
}

fn watch(
    kubernetes: &Kubernetes,
    query: &str,
) -> Result<impl Iterator<Item = Result<Value>> + use<>> {
    let path = format!("/api/v1/pods?watch=1&{query}");
    let lines = client(kubernetes)?.lines(&path)?;
    Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
}

/// The next change: its type and the object's name.
fn next(watch: &mut impl Iterator<Item = Result<Value>>) -> Result<(String, String)> {
    let event = watch.next().context("the watch is over")??;
    let text = |pointer| {
        let text = event.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Ok((text("/type"), text("/object/metadata/name")))
}

fn change(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[test]
fn a_watch_tells_every_change_since_its_version() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    kubernetes.put_pod(pod("shop", "old", "", "n1"))?;
    let since = version(&kubernetes)?;
    kubernetes.put_pod(pod("shop", "a", "", "n1"))?;
    let mut watch = watch(&kubernetes, &format!("resourceVersion={since}"))?;
    assert_eq!(next(&mut watch)?, change("ADDED", "a"));
    kubernetes.put_pod(pod("shop", "a", "", "n1").phase("Failed"))?;
    assert_eq!(next(&mut watch)?, change("MODIFIED", "a"));
    kubernetes.delete_pod("shop", "a")?;
    let before: u64 = version(&kubernetes)?.parse()?;
    let event = watch.next().context("the watch is over")??;
    assert_eq!(event["type"], "DELETED");
    let told = &event["object"]["metadata"]["resourceVersion"];
    assert_eq!(*told, before.to_string());
    Ok(())
}

#[test]
fn a_watch_without_a_version_begins_with_what_is_there() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    kubernetes.put_pod(pod("shop", "a", "", "n1"))?;
    let mut watch = watch(&kubernetes, "")?;
    assert_eq!(next(&mut watch)?, change("ADDED", "a"));
    kubernetes.put_pod(pod("shop", "b", "", "n1"))?;
    assert_eq!(next(&mut watch)?, change("ADDED", "b"));
    Ok(())
}

#[test]
fn a_quiet_watch_is_sent_bookmarks_and_ends_in_time() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let since = version(&kubernetes)?;
    let mut events = watch(
        &kubernetes,
        &format!("resourceVersion={since}&allowWatchBookmarks=true"),
    )?;
    // Not of this resource, but the bookmark shows that it was seen.
    kubernetes.put_namespace("more")?;
    loop {
        let event = events.next().context("the watch is over")??;
        ensure!(event["type"] == "BOOKMARK", "{event}");
        if event["object"]["metadata"]["resourceVersion"] == version(&kubernetes)? {
            break;
        }
    }
    let short = watch(
        &kubernetes,
        &format!("resourceVersion={since}&timeoutSeconds=1"),
    )?;
    assert_eq!(short.count(), 0);
    Ok(())
}

#[test]
fn a_watch_from_a_forgotten_version_is_told_so() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let since = version(&kubernetes)?;
    kubernetes.put_pod(pod("shop", "a", "", "n1"))?;
    kubernetes.forget_changes();
    let mut events = watch(&kubernetes, &format!("resourceVersion={since}"))?;
    let event = events.next().context("no event")??;
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert!(events.next().is_none());
    Ok(())
}

#[test]
fn a_watch_can_be_refused() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let refused = watch(&kubernetes, "sendInitialEvents=true&resourceVersion=")
        .err()
        .context("an old server knows no initial events")?;
    assert!(refused.to_string().starts_with("422"), "{refused}");
    kubernetes.fail(on(Verb::Watch, Resource::Pods), Fault::Status(403));
    assert!(watch(&kubernetes, "").is_err());
    Ok(())
}

fn event(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop"},
        "eventTime": "2026-11-20T14:35:41.731000Z",
        "reportingController": "etcd-ipam.example/lease-gc",
        "reportingInstance": "lease-gc-0",
        "action": "Release",
        "reason": "Released",
        "type": "Normal",
        "note": "192.168.20.10 is free",
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "web-0"},
    })
}

#[test]
fn events_can_be_written_and_amended() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    kubernetes.put_namespace("shop")?;
    let client = client(&kubernetes)?;
    let post = |event: &Value| client.send("POST", EVENTS, &event.to_string());
    assert_eq!(post(&event("e1"))?.status, 201);
    assert_eq!(post(&event("e1"))?.status, 409);
    let mut generated = event("");
    generated["metadata"] = json!({"generateName": "e2-"});
    assert_eq!(post(&generated)?.status, 201);
    let series = json!({"series": {"count": 2}, "note": null}).to_string();
    let patched = client.send("PATCH", &format!("{EVENTS}/e1"), &series)?;
    assert_eq!(patched.status, 200);
    let missing = client.send("PATCH", &format!("{EVENTS}/e9"), &series)?;
    assert_eq!(missing.status, 404);

    let events = kubernetes.events()?;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["series"]["count"], 2);
    assert_eq!(events[0]["note"], Value::Null);
    assert_eq!(events[0]["reason"], "Released");
    Ok(())
}

#[test]
fn an_event_that_a_real_server_would_refuse_is_refused() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let client = client(&kubernetes)?;
    let post = |event: &Value| client.send("POST", EVENTS, &event.to_string());
    assert_eq!(
        post(&event("e1"))?.status,
        404,
        "there is no such namespace"
    );
    kubernetes.put_namespace("shop")?;
    for (field, value) in [
        ("action", json!("")),
        ("reason", Value::Null),
        ("reportingInstance", json!("x".repeat(129))),
        ("note", json!("x".repeat(1025))),
        ("eventTime", Value::Null),
        ("type", json!("Error")),
        ("regarding", json!({"kind": "Node", "name": "n1"})),
    ] {
        let mut wrong = event("e1");
        wrong[field] = value;
        assert_eq!(post(&wrong)?.status, 422, "{field}");
    }
    assert_eq!(kubernetes.events()?.len(), 0);
    Ok(())
}
