//! The harness itself: its Kubernetes API behaves as a real one does, well and badly.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::http::Client;
use chaos_tests::kubernetes::{
    Fault, Kubernetes, Ready, Resource, Verb, lease, network, node, on, pod,
};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/pods";

fn client(kubernetes: &Kubernetes) -> Result<Client> {
    Ok(stranger(kubernetes)?.token(kubernetes.token()))
}

/// Somebody who trusts the server and shows no token.
fn stranger(kubernetes: &Kubernetes) -> Result<Client> {
    let url = kubernetes.url();
    let address = url.strip_prefix("https://").context("no HTTPS")?;
    Client::tls(
        address.parse::<std::net::SocketAddr>()?,
        &kubernetes.ca_file(),
    )
}

fn get(kubernetes: &Kubernetes, path: &str) -> Result<(u16, Value)> {
    let answer = client(kubernetes)?.get(path)?;
    Ok((answer.status, serde_json::from_str(&answer.body)?))
}

fn names(list: &Value) -> BTreeSet<String> {
    let items = list.get("items").and_then(Value::as_array);
    let names = items.into_iter().flatten();
    let names = names.filter_map(|item| item.pointer("/metadata/name")?.as_str());
    names.map(str::to_owned).collect()
}

fn with_pods(count: usize) -> Result<Kubernetes> {
    let kubernetes = Kubernetes::start()?;
    for number in 0..count {
        kubernetes.put_pod(pod("shop", &format!("web-{number:05}"), "", "n1"))?;
    }
    Ok(kubernetes)
}

#[test]
fn a_client_without_the_token_is_unauthorized() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    for client in [
        stranger(&kubernetes)?,
        stranger(&kubernetes)?.token("another"),
    ] {
        let answer = client.get(PODS)?;
        assert_eq!(answer.status, 401);
        let status: Value = serde_json::from_str(&answer.body)?;
        assert_eq!(
            (&status["kind"], &status["reason"]),
            (&json!("Status"), &json!("Unauthorized"))
        );
    }
    let config: Value = serde_json::from_slice(&std::fs::read(kubernetes.kubeconfig())?)?;
    assert_eq!(config["users"][0]["user"]["token"], kubernetes.token());
    assert_eq!(config["clusters"][0]["cluster"]["server"], kubernetes.url());
    Ok(())
}

#[test]
fn a_client_that_trusts_another_authority_gets_no_connection() -> Result<()> {
    let (kubernetes, other) = (Kubernetes::start()?, Kubernetes::start()?);
    let address: std::net::SocketAddr = kubernetes.url().replace("https://", "").parse()?;
    assert!(Client::tls(address, &other.ca_file())?.get(PODS).is_err());
    assert_eq!(kubernetes.request_count(), 0);
    Ok(())
}

#[test]
fn objects_are_served_as_they_were_put() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    kubernetes.put_pod(
        pod("shop", "web-0", "u1", "n1")
            .ip("10.1.2.3")
            .ip("fd00::3")
            .network_status([network("shop/lan", "net1", &["192.168.20.10"])]),
    )?;
    kubernetes.put_pod(pod("kube-system", "etcd-n1", "", "n1").static_pod("abc"))?;
    kubernetes.put_node(node("n1").boot_id("b1").taint_out_of_service(None))?;
    kubernetes.put_lease(lease("n1"))?;

    let (code, found) = get(&kubernetes, "/api/v1/namespaces/shop/pods/web-0")?;
    assert_eq!((code, &found["kind"]), (200, &json!("Pod")));
    assert_eq!(found["metadata"]["uid"], "u1");
    assert_eq!(found["spec"]["nodeName"], "n1");
    assert_eq!(found["status"]["podIPs"][1]["ip"], "fd00::3");
    let status = &found["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"];
    let status: Value = serde_json::from_str(status.as_str().context("no annotation")?)?;
    assert_eq!(status[0]["ips"], json!(["192.168.20.10"]));
    let size = found.to_string().len();
    assert!((4_500..6_000).contains(&size), "a pod has {size} bytes");

    let (_, all) = get(&kubernetes, PODS)?;
    assert_eq!(all["kind"], "PodList");
    assert_eq!(all["items"][1]["metadata"], found["metadata"]);
    assert_eq!(all["items"][1]["kind"], Value::Null);
    assert_eq!(
        all["items"][0]["metadata"]["annotations"]["kubernetes.io/config.mirror"],
        "abc"
    );
    let (_, some) = get(&kubernetes, "/api/v1/namespaces/shop/pods")?;
    assert_eq!(names(&some), BTreeSet::from(["web-0".to_owned()]));

    let (_, nodes) = get(&kubernetes, "/api/v1/nodes")?;
    assert_eq!(nodes["items"][0]["status"]["nodeInfo"]["bootID"], "b1");
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    let (_, lease) = get(&kubernetes, &format!("{leases}/n1"))?;
    assert_eq!(lease["spec"]["holderIdentity"], "n1");
    assert_eq!(lease["apiVersion"], "coordination.k8s.io/v1");

    kubernetes.delete_pod("shop", "web-0")?;
    kubernetes.delete_node("n1")?;
    kubernetes.delete_lease("kube-node-lease", "n1")?;
    assert!(kubernetes.delete_node("n1").is_err());
    for path in [
        "/api/v1/namespaces/shop/pods/web-0",
        "/api/v1/nodes/n1",
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1",
        "/api/v1/namespaces/nowhere",
        "/api/v1/secrets",
    ] {
        let (code, status) = get(&kubernetes, path)?;
        assert_eq!(
            (code, &status["reason"], &status["kind"]),
            (404, &json!("NotFound"), &json!("Status")),
            "{path}"
        );
    }
    Ok(())
}

#[test]
fn the_cluster_is_the_uid_of_kube_system() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let path = "/api/v1/namespaces/kube-system";
    let uid = |kubernetes: &Kubernetes| {
        let (_, namespace) = get(kubernetes, path)?;
        anyhow::Ok(namespace["metadata"]["uid"].clone())
    };
    let first = uid(&kubernetes)?;
    ensure!(
        first != uid(&Kubernetes::start()?)?,
        "two clusters, one uid"
    );
    kubernetes.put_pod(pod("kube-system", "p", "", "n1"))?;
    assert_eq!(uid(&kubernetes)?, first);
    kubernetes.set_cluster_uid("another")?;
    assert_eq!(uid(&kubernetes)?, "another");
    Ok(())
}

#[test]
fn a_readiness_keeps_its_date_until_it_changes() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let since = || {
        let (_, node) = get(&kubernetes, "/api/v1/nodes/n1")?;
        let ready = &node["status"]["conditions"][3];
        ensure!(ready["type"] == "Ready", "{ready}");
        Ok(ready["lastTransitionTime"].clone())
    };
    let long_ago = "2026-01-05T08:00:00Z".parse()?;
    kubernetes.put_node(node("n1").ready_since(Ready::True, long_ago))?;
    kubernetes.put_node(node("n1").boot_id("b2"))?;
    assert_eq!(since()?, "2026-01-05T08:00:00Z");
    kubernetes.put_node(node("n1").ready(Ready::Unknown))?;
    assert_ne!(since()?, "2026-01-05T08:00:00Z");
    Ok(())
}

#[test]
fn pages_show_the_list_as_of_the_first() -> Result<()> {
    let kubernetes = with_pods(7)?;
    let (_, first) = get(&kubernetes, "/api/v1/pods?limit=3")?;
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    kubernetes.delete_pod("shop", "web-00005")?;
    kubernetes.put_pod(pod("shop", "web-00004x", "", "n1"))?;
    let mut seen = names(&first);
    let mut page = first.clone();
    let mut pages = 1;
    while let Some(token) = page["metadata"]["continue"].as_str() {
        page = get(
            &kubernetes,
            &format!("/api/v1/pods?limit=3&continue={token}"),
        )?
        .1;
        assert_eq!(
            page["metadata"]["resourceVersion"],
            first["metadata"]["resourceVersion"]
        );
        seen.extend(names(&page));
        pages += 1;
        ensure!(pages < 10, "the list does not end");
    }
    assert_eq!((pages, seen.len()), (3, 7));
    ensure!(
        seen.contains("web-00005") && !seen.contains("web-00004x"),
        "{seen:?}"
    );
    assert_eq!(get(&kubernetes, "/api/v1/pods?continue=nonsense")?.0, 400);
    assert_eq!(get(&kubernetes, "/api/v1/pods?limit=some")?.0, 400);
    Ok(())
}

#[test]
fn a_list_that_was_begun_too_long_ago_has_expired() -> Result<()> {
    let kubernetes = with_pods(3)?;
    let (_, first) = get(&kubernetes, "/api/v1/pods?limit=1")?;
    let token = first["metadata"]["continue"].as_str().context("no token")?;
    for _ in 0..100 {
        get(&kubernetes, "/api/v1/pods?limit=1")?;
    }
    let (code, status) = get(
        &kubernetes,
        &format!("/api/v1/pods?limit=1&continue={token}"),
    )?;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    Ok(())
}

#[test]
fn every_request_is_on_record() -> Result<()> {
    let kubernetes = with_pods(3)?;
    get(&kubernetes, "/api/v1/pods?limit=2&resourceVersion=")?;
    get(&kubernetes, "/api/v1/nodes/n1")?;
    stranger(&kubernetes)?.get("/version")?;
    let requests = kubernetes.requests();
    assert_eq!(kubernetes.request_count(), requests.len());
    let verbs: Vec<_> = requests.iter().map(|request| request.verb).collect();
    assert_eq!(verbs, [Verb::List, Verb::Get, Verb::List]);
    assert_eq!(requests[0].path, PODS);
    assert_eq!(requests[0].parameter("limit"), Some("2"));
    assert_eq!(requests[0].parameter("resourceVersion"), None);
    Ok(())
}

#[test]
fn refusals_are_those_of_a_server_and_end_when_they_were_meant_to() -> Result<()> {
    let kubernetes = with_pods(3)?;
    let pods = on(Verb::List, Resource::Pods);
    for (code, reason) in [
        (403, "Forbidden"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
    ] {
        kubernetes.fail(pods.times(1), Fault::Status(code));
        let answer = client(&kubernetes)?.get(PODS)?;
        let status: Value = serde_json::from_str(&answer.body)?;
        assert_eq!((answer.status, &status["reason"]), (code, &json!(reason)));
        assert_eq!(answer.header("retry-after").is_some(), code == 429);
        assert_eq!(get(&kubernetes, PODS)?.0, 200);
    }
    kubernetes.fail(pods.page(2), Fault::Status(500));
    let (code, first) = get(&kubernetes, "/api/v1/pods?limit=1")?;
    assert_eq!(code, 200);
    let token = first["metadata"]["continue"].as_str().context("no token")?;
    let second = format!("/api/v1/pods?limit=1&continue={token}");
    assert_eq!(get(&kubernetes, &second)?.0, 500);
    assert_eq!(get(&kubernetes, "/api/v1/nodes")?.0, 200);
    kubernetes.clear_faults();
    assert_eq!(get(&kubernetes, &second)?.0, 200);
    Ok(())
}

#[test]
fn a_broken_answer_is_broken_in_the_way_that_was_wanted() -> Result<()> {
    let kubernetes = with_pods(3)?;
    let pods = on(Verb::List, Resource::Pods).times(1);
    kubernetes.fail(pods, Fault::TruncatedBody);
    let answer = client(&kubernetes)?.get(PODS)?;
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());

    kubernetes.fail(pods, Fault::CutBody);
    assert!(client(&kubernetes)?.get(PODS).is_err());

    kubernetes.fail(pods, Fault::Empty);
    let (code, list) = get(&kubernetes, PODS)?;
    assert_eq!((code, &list["items"]), (200, &json!([])));

    kubernetes.fail(pods, Fault::Hang);
    let impatient = client(&kubernetes)?.patience(Duration::from_millis(300));
    assert!(impatient.get(PODS).is_err());
    assert_eq!(get(&kubernetes, PODS)?.0, 200);
    Ok(())
}

#[test]
fn a_stale_list_shows_what_was_there_at_the_mark() -> Result<()> {
    let kubernetes = with_pods(1)?;
    let mark = kubernetes.mark();
    kubernetes.put_pod(pod("shop", "late", "", "n1"))?;
    kubernetes.delete_pod("shop", "web-00000")?;
    kubernetes.fail(on(Verb::List, Resource::Pods), Fault::Stale(mark));
    let (_, list) = get(&kubernetes, PODS)?;
    assert_eq!(names(&list), BTreeSet::from(["web-00000".to_owned()]));
    // A read of one object is another request.
    assert_eq!(
        get(&kubernetes, "/api/v1/namespaces/shop/pods/late")?.0,
        200
    );
    kubernetes.clear_faults();
    let (_, list) = get(&kubernetes, PODS)?;
    assert_eq!(names(&list), BTreeSet::from(["late".to_owned()]));
    Ok(())
}

#[test]
fn a_server_that_stopped_listening_comes_back_at_the_same_place() -> Result<()> {
    let mut kubernetes = with_pods(1)?;
    let client = client(&kubernetes)?;
    kubernetes.stop_listening();
    let error = client.get(PODS).expect_err("nobody listens");
    assert!(format!("{error:#}").contains("refused"), "{error:#}");
    kubernetes.listen()?;
    assert_eq!(client.get(PODS)?.status, 200);
    Ok(())
}

#[test]
fn a_config_map_is_replaced_only_in_the_version_that_was_read() -> Result<()> {
    let kubernetes = Kubernetes::start()?;
    let client = client(&kubernetes)?;
    let (all, one) = (
        "/api/v1/namespaces/kube-system/configmaps",
        "/api/v1/namespaces/kube-system/configmaps/m",
    );
    let send = |method: &str, path: &str, map: &Value| -> Result<(u16, Value)> {
        let answer = client.send(method, path, &map.to_string())?;
        Ok((answer.status, serde_json::from_str(&answer.body)?))
    };
    let mut map = json!({"metadata": {"name": "m"}, "data": {"a": "1"}});
    assert_eq!(send("PUT", one, &map)?.0, 404);
    let (status, made) = send("POST", all, &map)?;
    assert_eq!(status, 201);
    let (status, said) = send("POST", all, &map)?;
    assert_eq!((status, &said["reason"]), (409, &json!("AlreadyExists")));
    map["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    map["data"]["a"] = "2".into();
    let (status, replaced) = send("PUT", one, &map)?;
    assert_eq!(status, 200);
    assert_eq!(replaced["metadata"]["uid"], made["metadata"]["uid"]);
    map["data"]["a"] = "3".into();
    let (status, said) = send("PUT", one, &map)?;
    assert_eq!((status, &said["reason"]), (409, &json!("Conflict")));
    map["data"]["a"] = 3.into();
    assert_eq!(send("PUT", one, &map)?.0, 422);
    let found = kubernetes.config_map("kube-system", "m")?;
    assert_eq!(found.context("gone")?["data"], json!({"a": "2"}));
    Ok(())
}
