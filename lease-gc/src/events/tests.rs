//! Events reach the API as it demands them, or are counted.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::pods::testing::{Api, Reply, kubeconfig, until};

const IN_SHOP: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events?";
const IN_DEFAULT: &str = "POST /apis/events.k8s.io/v1/namespaces/default/events?";

/// A queue, and how many of its events were lost.
fn counted() -> (Events, Publisher, Arc<AtomicU64>) {
    let lost = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lost);
    let (events, publisher) = queue(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    (events, publisher, lost)
}

fn about_pod() -> About {
    About::Pod {
        namespace: "shop".to_owned(),
        name: "web-0".to_owned(),
        uid: "u1".to_owned(),
        node: "worker-1".to_owned(),
    }
}

fn event(about: About) -> Event {
    Event {
        about,
        reason: "AddressReleased",
        note: "192.168.20.7: its pod is gone".to_owned(),
        warning: false,
    }
}

fn start(publisher: Publisher, api: &Api) -> JoinHandle<()> {
    let kubeconfig = api.kubeconfig();
    tokio::spawn(async move {
        let path = Some(kubeconfig.path().to_owned());
        let observer: Observer = Arc::new(|_, _, _| {});
        publisher.run(path, observer, "gc-7".to_owned()).await;
    })
}

/// What the API was asked to create for these events, and how many were lost.
async fn published(api: &Api, reported: impl IntoIterator<Item = Event>) -> (Vec<Value>, u64) {
    let (events, publisher, lost) = counted();
    reported.into_iter().for_each(|event| events.report(event));
    drop(events);
    start(publisher, api).await.unwrap();
    let requests = api.requests().into_iter();
    let objects = requests.map(|request| serde_json::from_str(&request.body).unwrap());
    (objects.collect(), lost.load(Ordering::Relaxed))
}

#[tokio::test]
async fn an_event_about_a_pod_is_one_as_the_api_demands_it() {
    let api = Api::start(|_| Reply::Whole(201, "{}".to_owned()));
    let (objects, lost) = published(&api, [event(about_pod())]).await;
    assert_eq!((api.lines(), lost), (vec![IN_SHOP.to_owned()], 0));
    let name = objects[0]["metadata"]["name"].as_str().unwrap();
    let nanoseconds = name.strip_prefix("web-0.").unwrap();
    i64::from_str_radix(nanoseconds, 16).unwrap();
    let time = objects[0]["eventTime"].as_str().unwrap();
    time.parse::<Timestamp>().unwrap();
    let expected = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "shop"},
        "eventTime": time,
        "reportingController": "etcd-ipam/lease-gc",
        "reportingInstance": "gc-7",
        "action": "CollectAddresses",
        "reason": "AddressReleased",
        "note": "192.168.20.7: its pod is gone",
        "type": "Normal",
        "regarding": {
            "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-0", "uid": "u1",
        },
    });
    assert_eq!(objects, [expected]);
}

#[tokio::test]
async fn an_event_about_a_node_is_found_by_its_name() {
    let api = Api::start(|_| Reply::Whole(201, "{}".to_owned()));
    let about = About::Node {
        name: "worker-1".to_owned(),
    };
    let warning = Event {
        warning: true,
        ..event(about)
    };
    let (objects, lost) = published(&api, [warning]).await;
    assert_eq!((api.lines(), lost), (vec![IN_DEFAULT.to_owned()], 0));
    assert_eq!(objects[0]["type"], "Warning");
    let expected = json!({
        "apiVersion": "v1", "kind": "Node", "name": "worker-1", "uid": "worker-1",
    });
    assert_eq!(objects[0]["regarding"], expected);
}

#[tokio::test]
async fn where_the_namespace_is_gone_the_node_is_told() {
    for code in [403, 404] {
        let api = Api::start(move |line| match line {
            IN_SHOP => Reply::status(code, "NotFound", "shop"),
            _ => Reply::Whole(201, "{}".to_owned()),
        });
        let (objects, lost) = published(&api, [event(about_pod())]).await;
        assert_eq!(api.lines(), [IN_SHOP, IN_DEFAULT]);
        assert_eq!(objects[1]["regarding"]["name"], "worker-1");
        assert_eq!(objects[1]["note"], objects[0]["note"]);
        assert_eq!(lost, 0);
    }
}

#[tokio::test]
async fn names_that_the_api_cannot_have_go_into_no_path() {
    let api = Api::start(|_| Reply::Whole(201, "{}".to_owned()));
    let strange = |node: &str| About::Pod {
        namespace: "../../x".to_owned(),
        name: "P".to_owned(),
        uid: String::new(),
        node: node.to_owned(),
    };
    let (_, lost) = published(&api, [event(strange("worker-1")), event(strange(""))]).await;
    assert_eq!((api.lines(), lost), (vec![IN_DEFAULT.to_owned()], 1));
}

#[tokio::test]
async fn what_is_too_long_is_cut() {
    let api = Api::start(|_| Reply::Whole(201, "{}".to_owned()));
    let about = About::Node {
        name: format!("{}-{}", "a".repeat(235), "b".repeat(17)),
    };
    let long = Event {
        note: "ä".repeat(2000),
        ..event(about)
    };
    let (objects, _) = published(&api, [long]).await;
    assert_eq!(objects[0]["note"], "ä".repeat(512));
    let name = objects[0]["metadata"]["name"].as_str().unwrap();
    assert!(
        name.len() <= 253 && name.starts_with(&format!("{}.", "a".repeat(235))),
        "{name}"
    );
}

#[tokio::test]
async fn what_the_api_does_not_take_is_counted() {
    let api = Api::start(|_| Reply::status(500, "InternalError", "it"));
    let (_, lost) = published(&api, [event(about_pod()), event(about_pod())]).await;
    assert_eq!((api.lines().len(), lost), (2, 2));
}

#[tokio::test]
async fn without_access_to_the_api_all_are_counted() {
    let (events, publisher, lost) = counted();
    events.report(event(about_pod()));
    drop(events);
    let nowhere = Some(PathBuf::from("/nowhere/kubeconfig"));
    let observer: Observer = Arc::new(|_, _, _| {});
    publisher.run(nowhere, observer, "gc".to_owned()).await;
    assert_eq!(lost.load(Ordering::Relaxed), 1);
}

#[test]
fn a_full_queue_loses_events_and_holds_nobody_up() {
    let (events, publisher, lost) = counted();
    for _ in 0..WAITING + 3 {
        events.report(event(about_pod()));
    }
    assert_eq!(lost.load(Ordering::Relaxed), 3);
    drop(publisher);
    events.report(event(about_pod()));
    assert_eq!(lost.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn nothing_stays_open_while_there_is_nothing_to_publish() {
    let api = Api::start(|_| Reply::Whole(201, "{}".to_owned()));
    let (events, publisher, _) = counted();
    let publishing = start(publisher, &api);
    for round in 1..3 {
        events.report(event(about_pod()));
        until("published", || api.lines().len() == round).await;
        until("closed", || api.connections() == 0).await;
    }
    drop(events);
    publishing.await.unwrap();
}

#[tokio::test]
async fn an_api_that_does_not_answer_loses_events() {
    let api = Api::start(|_| Reply::Silence);
    let (events, publisher, lost) = counted();
    events.report(event(about_pod()));
    drop(events);
    let publisher = Publisher {
        limit: Duration::from_millis(200),
        ..publisher
    };
    start(publisher, &api).await.unwrap();
    assert_eq!(lost.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_api_that_is_not_there_loses_events() {
    let file = kubeconfig("http://127.0.0.1:1");
    let (events, publisher, lost) = counted();
    events.report(event(about_pod()));
    drop(events);
    let observer: Observer = Arc::new(|_, _, _| {});
    publisher
        .run(Some(file.path().to_owned()), observer, "gc".to_owned())
        .await;
    assert_eq!(lost.load(Ordering::Relaxed), 1);
}
