//! The source reads all or nothing, whatever the server answers.

use std::sync::Mutex;

use super::*;
use crate::pods::testing::{Api, Reply, TOKEN, kubeconfig, node, page, pod, until, write};
use crate::pods::{Opened, Source as _};

const FIRST_NODES: &str = "GET /api/v1/nodes?&limit=500";
const FIRST: &str = "GET /api/v1/pods?&limit=500";
const SECOND: &str = "GET /api/v1/pods?&limit=500&continue=second";
const THIRD: &str = "GET /api/v1/pods?&limit=500&continue=third";

fn observer() -> Observer {
    Arc::new(|_, _, _| {})
}

async fn connected(api: &Api) -> Kubernetes {
    let kubeconfig = api.kubeconfig();
    let connection = Kubernetes::connect(Some(kubeconfig.path()), observer());
    connection.await.unwrap()
}

/// A cluster with one node, and one pod on each of three pages.
fn healthy(line: &str) -> Reply {
    Reply::ok(match line {
        FIRST_NODES => page("NodeList", &[node("n1")], ""),
        FIRST => page("PodList", &[pod("a", "p1", "u1")], "second"),
        SECOND => page("PodList", &[pod("a", "p2", "u2")], "third"),
        THIRD => page("PodList", &[pod("b", "p1", "u3")], ""),
        other => return Reply::status(404, "NotFound", other),
    })
}

#[tokio::test]
async fn nodes_are_read_before_pods_and_pods_to_the_last_page() {
    let api = Api::start(healthy);
    let source = Opened::Kubernetes(connected(&api).await);
    let reading = tokio::spawn(async move { source.read().await });
    let reading = reading.await.unwrap().unwrap();
    assert_eq!(api.lines(), [FIRST_NODES, FIRST, SECOND, THIRD]);
    assert_eq!(reading.living.nodes().len(), 1);
    assert_eq!(reading.living.pod_count(), 3);
    assert_eq!(reading.living.pod_of_uid("u2").unwrap().name, "p2");
    assert_eq!(reading.living.pod_named("b", "p1").unwrap().uid, "u3");
    assert_eq!(reading.as_of, None);
    assert_eq!(reading.unreadable_annotations, 0);
}

#[tokio::test]
async fn an_empty_cluster_is_read_as_one() {
    let api = Api::start(|line| match line {
        FIRST_NODES => Reply::ok(page("NodeList", &[], "")),
        _ => Reply::ok(page("PodList", &[], "")),
    });
    let reading = connected(&api).await.read().await.unwrap();
    assert_eq!(reading.living.pod_count(), 0);
    assert!(reading.plausible(true).is_err());
}

#[tokio::test]
async fn pods_whose_addresses_cannot_be_read_are_counted() {
    let strange = pod("a", "p", "u").replace(
        r#""uid""#,
        r#""annotations":{"k8s.v1.cni.cncf.io/network-status":"?"},"uid""#,
    );
    let api = Api::start(move |line| match line {
        FIRST_NODES => Reply::ok(page("NodeList", &[], "")),
        _ => Reply::ok(page("PodList", &[strange.clone(), pod("a", "q", "v")], "")),
    });
    let reading = connected(&api).await.read().await.unwrap();
    assert_eq!(reading.unreadable_annotations, 1);
}

/// One page is answered in another way; then nothing is read, and nothing is asked again.
async fn fails_at(line: &'static str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    fails_within(LIMIT, line, reply).await
}

async fn fails_within(
    limit: Duration,
    line: &'static str,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> String {
    let api = Api::start(move |asked| {
        if asked == line {
            reply()
        } else {
            healthy(asked)
        }
    });
    let mut connection = connected(&api).await;
    connection.limit = limit;
    let error = connection.read().await.unwrap_err().to_string();
    let lines = api.lines();
    assert_eq!(lines.last().map(String::as_str), Some(line), "{error}");
    assert!(lines.iter().filter(|asked| *asked == line).count() == 1);
    assert!(!error.contains(TOKEN), "{error}");
    error
}

#[tokio::test]
async fn an_error_of_the_api_on_any_page_voids_the_reading() {
    for line in [FIRST_NODES, FIRST, SECOND, THIRD] {
        for (code, reason) in [
            (401, "Unauthorized"),
            (403, "Forbidden"),
            (410, "Expired"),
            (429, "TooManyRequests"),
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
            (504, "Timeout"),
        ] {
            let error = fails_at(line, move || Reply::status(code, reason, "it")).await;
            assert!(error.contains(&code.to_string()), "{error}");
            assert!(error.contains("said about it"), "{error}");
        }
        let error = fails_at(line, || Reply::Whole(502, "<html>bad gateway".to_owned())).await;
        assert!(error.contains("502"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_voids_the_reading() {
    let limit = Duration::from_millis(200);
    let error = fails_within(limit, FIRST_NODES, || Reply::Silence).await;
    assert!(error.contains("within 200ms"), "{error}");
    let begun = || Reply::Open(page("NodeList", &[], "").split_at(40).0.to_owned());
    let error = fails_within(limit, FIRST_NODES, begun).await;
    assert!(error.contains("within 200ms"), "{error}");
    // Before this one others are answered in time.
    let error = fails_within(Duration::from_secs(3), SECOND, || Reply::Silence).await;
    assert!(error.contains("within 3s"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_the_whole_list_voids_the_reading() {
    let whole = page("PodList", &[pod("a", "p2", "u2")], "");
    for (body, expected) in [
        (whole.split_at(90).0.to_owned(), "EOF while parsing"),
        (String::new(), "EOF while parsing"),
        ("null".to_owned(), "invalid type"),
        (page("NodeList", &[], ""), r#"a "NodeList", not a PodList"#),
        (whole.replace(r#""kind":"PodList","#, ""), "`kind`"),
        (
            whole.replace("metadata\":{\"res", "m\":{\"res"),
            "`metadata`",
        ),
        (whole.replace("items", "entries"), "`items`"),
        (
            whole.replace(r#""uid":"u2""#, r#""id":"u2""#),
            r#""p2", """#,
        ),
        (page("PodList", &[], "second"), "followed by itself"),
    ] {
        let error = fails_at(SECOND, move || Reply::ok(body.clone())).await;
        assert!(error.contains(expected), "{error}");
    }
    let error = fails_at(SECOND, move || Reply::Truncated(whole.clone())).await;
    assert!(error.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_pod_and_its_networks_are_asked_for_directly() {
    const BLUE: &str =
        "GET /apis/k8s.cni.cncf.io/v1/namespaces/shop/network-attachment-definitions/blue";
    let api = Api::start(|line| match line {
        "GET /api/v1/namespaces/shop/pods/web-0" => Reply::ok(
            r#"{"metadata":{"uid":"u1","annotations":{"k8s.v1.cni.cncf.io/networks":"blue"}},
                "spec":{"nodeName":"n1"}}"#,
        ),
        BLUE => {
            Reply::ok(r#"{"metadata":{"namespace":"shop","name":"blue"},"spec":{"config":"{}"}}"#)
        }
        // A cluster that knows no such resource says so in plain text.
        "GET /apis/k8s.cni.cncf.io/v1/namespaces/old/network-attachment-definitions/blue" => {
            Reply::Whole(404, "404 page not found\n".to_owned())
        }
        other => Reply::status(404, "NotFound", other.rsplit('/').next().unwrap()),
    });
    let source = Opened::Kubernetes(connected(&api).await);
    let request = source.network_request("shop", "web-0").await.unwrap();
    let request = request.unwrap();
    assert_eq!((request.uid.as_str(), request.node.as_str()), ("u1", "n1"));
    assert_eq!(request.networks.as_deref(), Some("blue"));
    assert_eq!(source.network_request("shop", "web-1").await.unwrap(), None);
    let blue = source.network_definition("shop", "blue").await.unwrap();
    assert_eq!(blue.unwrap().config.as_deref(), Some("{}"));
    assert_eq!(
        source.network_definition("shop", "red").await.unwrap(),
        None
    );
    source.network_definition("old", "blue").await.unwrap_err();
    for (namespace, name) in [("shop", "../pods"), ("a/b", "blue")] {
        source
            .network_definition(namespace, name)
            .await
            .unwrap_err();
        source.network_request(namespace, name).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_pod_is_asked_for_directly() {
    let api = Api::start(|line| match line {
        "GET /api/v1/namespaces/shop/pods/web-0" => Reply::ok(pod("shop", "web-0", "u1")),
        "GET /api/v1/namespaces/shop/pods/gone" => Reply::status(404, "NotFound", "gone"),
        _ => Reply::status(403, "Forbidden", "it"),
    });
    let connection = connected(&api).await;
    for (name, uid, exists) in [
        ("web-0", "u1", true),
        ("web-0", "", true),
        ("web-0", "u2", false),
        ("gone", "u1", false),
        ("gone", "", false),
    ] {
        let found = connection.pod_exists("shop", name, uid).await.unwrap();
        assert_eq!(found, exists, "{name} {uid}");
    }
    let refused = connection.pod_exists("secret", "web-0", "u1").await;
    refused.unwrap_err();
}

#[tokio::test]
async fn only_the_apis_own_word_for_it_means_that_there_is_no_pod() {
    for reply in [
        || Reply::Whole(404, "404 page not found".to_owned()),
        || Reply::Whole(404, "<html>".to_owned()),
        || Reply::status(404, "NotFound", "another"),
        || Reply::status(404, "", "web-0"),
        || Reply::status(410, "NotFound", "web-0"),
        || Reply::ok("{}"),
    ] {
        let api = Api::start(move |_| reply());
        let connection = connected(&api).await;
        connection
            .pod_exists("shop", "web-0", "u1")
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn what_no_object_can_be_called_is_not_asked_for() {
    let api = Api::start(|_| Reply::status(404, "NotFound", "x"));
    let connection = connected(&api).await;
    let long = "a".repeat(254);
    for name in [
        "", ".", "..", "a..b", "a/b", "../nodes", "A", "a?x=y", "a b", "ä", &long,
    ] {
        let error = connection.pod_exists("ns", name, "u1").await.unwrap_err();
        assert!(matches!(error, SourceError::Name(_)), "{error}");
        connection.pod_exists(name, "pod", "u1").await.unwrap_err();
        connection.kubelet_lease(name).await.unwrap_err();
    }
    assert_eq!(api.lines(), [""; 0]);
}

#[tokio::test]
async fn a_kubelets_lease_tells_when_it_was_renewed() {
    let path = "GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/";
    let api = Api::start(move |line| {
        let lease = |spec: &str| {
            Reply::ok(format!(
                r#"{{"metadata":{{"namespace":"kube-node-lease","name":"n"}},"spec":{spec}}}"#
            ))
        };
        match line.strip_prefix(path).unwrap() {
            "n1" => lease(r#"{"holderIdentity":"n1","renewTime":"2026-11-20T12:00:00.000001Z"}"#),
            "n2" => lease("{}"),
            name => Reply::status(404, "NotFound", name),
        }
    });
    let connection = connected(&api).await;
    let renewed = LeaseState::Renewed("2026-11-20T12:00:00.000001Z".to_owned());
    for (node, expected) in [
        ("n1", renewed),
        ("n2", LeaseState::Unknown),
        ("n3", LeaseState::Absent),
    ] {
        assert_eq!(connection.kubelet_lease(node).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_cluster_is_known_by_its_system_namespace() {
    let api = Api::start(|line| match line {
        "GET /api/v1/namespaces/kube-system" => {
            Reply::ok(r#"{"kind":"Namespace","metadata":{"name":"kube-system","uid":"c1"}}"#)
        }
        _ => Reply::status(500, "InternalError", "it"),
    });
    let uid = connected(&api).await.cluster_uid().await.unwrap();
    assert_eq!(uid.as_deref(), Some("c1"));
}

#[tokio::test]
async fn every_request_is_observed() {
    let api = Api::start(|line| match line {
        FIRST_NODES => healthy(line),
        "GET /api/v1/namespaces/a/pods/p" => Reply::status(404, "NotFound", "p"),
        _ => Reply::ok("nonsense"),
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer: Observer = {
        let seen = Arc::clone(&seen);
        Arc::new(move |operation, _, ok| seen.lock().unwrap().push((operation, ok)))
    };
    let kubeconfig = api.kubeconfig();
    let connection = Kubernetes::connect(Some(kubeconfig.path()), observer);
    let connection = connection.await.unwrap();
    connection.read().await.unwrap_err();
    connection.pod_exists("a", "p", "u1").await.unwrap();
    connection.kubelet_lease("n").await.unwrap_err();
    connection.cluster_uid().await.unwrap_err();
    let expected = [
        (LIST_NODES, true),
        (LIST_PODS, false),
        (GET_POD, true),
        (GET_LEASE, false),
        (GET_NAMESPACE, false),
    ];
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, expected);
    assert!(
        seen.iter()
            .all(|(operation, _)| OPERATIONS.contains(operation))
    );
}

#[tokio::test]
async fn nothing_stays_open_when_it_is_dropped() {
    let api = Api::start(healthy);
    let connection = connected(&api).await;
    connection.read().await.unwrap();
    assert_eq!(api.connections(), 1);
    drop(connection);
    until("closed", || api.connections() == 0).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let kubeconfig = kubeconfig("http://127.0.0.1:1");
    let connection = Kubernetes::connect(Some(kubeconfig.path()), observer());
    let error = connection.await.unwrap().read().await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_number_of_pods_that_cannot_be_is_not_believed() {
    for count in [i64::MAX, -1] {
        let claim = format!(r#""remainingItemCount":{count},"continue""#);
        let api = Api::start(move |line| match healthy(line) {
            Reply::Whole(code, body) => Reply::Whole(code, body.replace(r#""continue""#, &claim)),
            other => other,
        });
        let reading = connected(&api).await.read().await;
        assert_eq!(reading.unwrap().living.pod_count(), 3);
    }
}

#[tokio::test]
async fn outside_of_a_cluster_a_kubeconfig_is_asked_for() {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        println!("skipped: this is a pod of a cluster");
        return;
    }
    let error = Kubernetes::connect(None, observer()).await.unwrap_err();
    assert!(error.to_string().contains("name a kubeconfig"), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_not_quoted() {
    let command = |script: &str| {
        format!(
            r#"{{"exec":{{"apiVersion":"client.authentication.k8s.io/v1","command":"sh",
                "interactiveMode":"Never","args":["-c","echo {TOKEN}; {script}"]}}}}"#
        )
    };
    let token = format!("{{token: {TOKEN}}}");
    for replacement in [
        format!("{{token: [{TOKEN}"),
        command("exit 1"),
        command("exit 0"),
        format!("{{client-certificate-data: {TOKEN}, client-key-data: {TOKEN}}}"),
    ] {
        let file = kubeconfig("https://127.0.0.1:1");
        let text = std::fs::read_to_string(file.path()).unwrap();
        write(file.path(), &text.replace(&token, &replacement));
        let connection = Kubernetes::connect(Some(file.path()), observer()).await;
        let error = connection.unwrap_err();
        assert!(matches!(error, SourceError::Access(_)), "{error}");
        assert!(!error.to_string().contains(TOKEN), "{error}");
        assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
    }
    let missing = Kubernetes::connect(Some(Path::new("/nowhere/kubeconfig")), observer());
    let error = missing.await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/kubeconfig"), "{error}");
}
