//! Files as kubectl and as people make them.

use std::time::Duration;

use tempfile::NamedTempFile;

use super::*;
use crate::pods::testing::{node, page, pod, write};

/// An object of a `List`, which says its kind first.
fn object(version: &str, kind: &str, object: &str) -> String {
    let rest = object.strip_prefix('{').unwrap();
    format!(r#"{{"apiVersion":"{version}","kind":"{kind}",{rest}"#)
}

/// A list in the order in which kubectl writes it: the objects before the kind.
fn list(objects: &[String]) -> String {
    format!(
        r#"{{"apiVersion":"v1","items":[{}],"kind":"List","metadata":{{"resourceVersion":""}}}}"#,
        objects.join(",\n"),
    )
}

fn lease(namespace: &str, name: &str, spec: &str) -> String {
    let lease =
        format!(r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}"}},"spec":{spec}}}"#);
    object("coordination.k8s.io/v1", "Lease", &lease)
}

fn namespace(name: &str, uid: &str) -> String {
    let namespace = format!(r#"{{"metadata":{{"name":"{name}","uid":"{uid}"}}}}"#);
    object("v1", "Namespace", &namespace)
}

fn cluster() -> Vec<String> {
    vec![
        object("v1", "Pod", &pod("a", "p1", "u1")),
        object("v1", "Pod", &pod("b", "p1", "u2")),
        object("v1", "Node", &node("n1")),
    ]
}

async fn open(text: &str) -> Result<File, String> {
    let file = NamedTempFile::new().unwrap();
    write(file.path(), text);
    File::open(file.path())
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_kubectl_writes_is_read() {
    let file = open(&list(&cluster())).await.unwrap();
    let reading = file.reading();
    assert_eq!(reading.living.nodes().len(), 1);
    assert_eq!(reading.living.pod_count(), 2);
    assert!(file.pod_exists("b", "p1", "u2"));
    assert!(file.pod_exists("b", "p1", ""));
    assert!(!file.pod_exists("b", "p1", "u1"));
    assert!(!file.pod_exists("b", "p2", ""));
    assert_eq!(file.cluster_uid(), None);
    assert_eq!(file.kubelet_lease("n1"), LeaseState::Unknown);
    assert!(reading.plausible(true).is_ok());
}

#[tokio::test]
async fn lists_of_one_kind_are_read_as_the_api_writes_them() {
    let pods = page("PodList", &[pod("a", "p", "u")], "");
    let reading = open(&pods).await.unwrap().reading();
    assert_eq!(reading.living.pod_count(), 1);
    assert!(reading.plausible(true).is_err());
    let nodes = page("NodeList", &[node("n1"), node("n2")], "");
    let reading = open(&nodes).await.unwrap().reading();
    assert_eq!(reading.living.nodes().len(), 2);
}

#[tokio::test]
async fn the_system_namespace_identifies_the_cluster() {
    let mut objects = cluster();
    objects.push(namespace("default", "c0"));
    objects.push(namespace("kube-system", "c1"));
    let file = open(&list(&objects)).await.unwrap();
    assert_eq!(file.cluster_uid().as_deref(), Some("c1"));
}

#[tokio::test]
async fn leases_tell_of_silent_kubelets_if_there_are_any() {
    let mut objects = cluster();
    objects.push(lease(
        "kube-system",
        "n1",
        r#"{"renewTime":"2026-11-20T12:00:00Z"}"#,
    ));
    let file = open(&list(&objects)).await.unwrap();
    assert_eq!(file.kubelet_lease("n1"), LeaseState::Unknown);

    let renewed = r#"{"renewTime":"2026-11-20T12:00:00.000000Z"}"#;
    objects.push(lease("kube-node-lease", "n2", renewed));
    objects.push(lease("kube-node-lease", "n3", "{}"));
    let file = open(&list(&objects)).await.unwrap();
    assert_eq!(file.kubelet_lease("n1"), LeaseState::Absent);
    let expected = LeaseState::Renewed("2026-11-20T12:00:00.000000Z".to_owned());
    assert_eq!(file.kubelet_lease("n2"), expected);
    assert_eq!(file.kubelet_lease("n3"), LeaseState::Unknown);
}

#[tokio::test]
async fn networks_are_found_as_pods_ask_for_them_and_as_they_are_defined() {
    let asking = pod("shop", "asking", "u3").replace(
        r#""uid""#,
        r#""annotations":{"k8s.v1.cni.cncf.io/networks":"blue"},"uid""#,
    );
    let definition = |name: &str, spec: &str| {
        let json =
            format!(r#"{{"metadata":{{"namespace":"shop","name":"{name}"}},"spec":{spec}}}"#);
        object("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", &json)
    };
    let mut objects = cluster();
    objects.push(object("v1", "Pod", &asking));
    objects.push(definition("blue", r#"{"config":"{}"}"#));
    objects.push(definition("filed", r#"{"config":" "}"#));
    objects.push(definition("bare", "null"));
    let file = open(&list(&objects)).await.unwrap();
    let networks = |namespace, pod| {
        file.network_request(namespace, pod)
            .map(|asked| asked.networks)
    };
    assert_eq!(networks("shop", "asking"), Some(Some("blue".to_owned())));
    assert_eq!(networks("a", "p1"), Some(None));
    assert_eq!(networks("a", "asking"), None);
    let config = |name| {
        file.network_definition("shop", name)
            .map(|found| found.config)
    };
    assert_eq!(config("blue"), Some(Some("{}".to_owned())));
    assert_eq!(config("filed"), Some(None));
    assert_eq!(config("bare"), Some(None));
    assert_eq!(config("red"), None);
    assert_eq!(file.network_definition("a", "blue"), None);
}

#[tokio::test]
async fn objects_of_other_kinds_are_skipped() {
    let mut objects = cluster();
    let other = r#"{"metadata":{"name":"n1"},"spec":"of another shape","status":7}"#;
    objects.push(object("v1", "Service", other));
    objects.push(object("longhorn.io/v1beta2", "Node", other));
    let file = open(&list(&objects)).await.unwrap();
    assert_eq!(file.reading().living.node("n1").unwrap().boot_id, "b");
}

#[tokio::test]
async fn a_file_is_as_old_as_its_last_sign_of_life() {
    let (heard, renewed) = ("2026-11-20T11:58:00Z", "2026-11-20T11:59:30.5Z");
    let condition = format!(
        r#"{{"metadata":{{"name":"n1"}},
            "status":{{"conditions":[{{"type":"Ready","lastHeartbeatTime":"{heard}"}}]}}}}"#
    );
    let file = NamedTempFile::new().unwrap();
    let time = |text: &str| SystemTime::from(text.parse::<jiff::Timestamp>().unwrap());
    let as_of = async |objects: &[String], modified: SystemTime| {
        write(file.path(), &list(objects));
        file.as_file().set_modified(modified).unwrap();
        File::open(file.path()).await.unwrap().as_of()
    };
    let copied = time("2026-11-20T13:00:00Z");
    let mut objects = cluster();
    assert_eq!(as_of(&objects, copied).await, copied);
    objects.push(object("v1", "Node", &condition));
    assert_eq!(as_of(&objects, copied).await, time(heard));
    let renewed_at = format!(r#"{{"renewTime":"{renewed}"}}"#);
    objects.push(lease("kube-node-lease", "n1", &renewed_at));
    assert_eq!(as_of(&objects, copied).await, time(renewed));
    // A node whose clock is ahead.
    let earlier = time(heard) - Duration::from_hours(1);
    assert_eq!(as_of(&objects, earlier).await, earlier);
}

#[tokio::test]
async fn a_file_that_is_no_whole_list_is_an_error_that_says_where() {
    let whole = list(&cluster());
    for (text, expected) in [
        (String::new(), "EOF while parsing a value at line 1"),
        (whole.split_at(200).0.to_owned(), "EOF while parsing"),
        (format!("{whole}\n{whole}"), "trailing characters at line"),
        ("[]".to_owned(), "expected a list of pods and nodes"),
        (
            object("v1", "Pod", &pod("a", "p", "u")),
            r#"a "Pod" is no list"#,
        ),
        (r#"{"apiVersion":"v1","kind":"List"}"#.to_owned(), "`items`"),
        (r#"{"apiVersion":"v1","items":[]}"#.to_owned(), "`kind`"),
        (list(&[pod("a", "p", "u")]), "missing field `kind` at line"),
        (list(&["{}".to_owned()]), "missing field `kind` at line"),
        (page("PodList", &[], "second"), "only the first page"),
        (
            whole.replace(r#""uid":"u2""#, r#""uid":"""#),
            "a pod needs a namespace, a name and a uid, not \"b\", \"p1\", \"\" at line",
        ),
        (
            whole.replace(r#""name":"n1""#, r#""name":"""#),
            "a node needs a name",
        ),
    ] {
        let error = open(&text).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let missing = File::open(Path::new("/nowhere/pods.json")).await;
    let error = missing.unwrap_err().to_string();
    assert!(error.contains("/nowhere/pods.json"), "{error}");
}
