//! Deletions arrive, whatever happens to the watch.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;

use super::*;
use crate::pods::testing::{Api, Reply, page, pod, until};

const NEWEST: &str = "GET /api/v1/pods?&limit=1";

fn watch_from(version: &str) -> String {
    format!(
        "GET /api/v1/pods?&watch=true&timeoutSeconds=290&allowWatchBookmarks=true\
         &resourceVersion={version}"
    )
}

/// A line of a watch's answer.
fn line(kind: &str, uid: &str, version: u32) -> String {
    format!(
        r#"{{"type":"{kind}","object":{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",
           "metadata":{{"namespace":"a","name":"p","uid":"{uid}","resourceVersion":"{version}"}}}}}}"#
    )
    .replace('\n', "")
        + "\n"
}

fn expired() -> String {
    r#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old",
       "reason":"Expired","code":410}}"#
        .replace('\n', "")
        + "\n"
}

/// Answers the requests for a watch one after the other, and then with silence.
fn api(replies: Vec<fn() -> Reply>) -> Api {
    let next = AtomicUsize::new(0);
    Api::start(move |line| {
        if line == NEWEST {
            return Reply::ok(page("PodList", &[pod("a", "p", "u")], "more"));
        }
        match replies.get(next.fetch_add(1, Ordering::Relaxed)) {
            Some(reply) => reply(),
            None => Reply::Open(String::new()),
        }
    })
}

/// A watch that does not pause long.
fn start(api: &Api, capacity: usize) -> (JoinHandle<()>, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel(capacity);
    let kubeconfig = api.kubeconfig();
    let following = tokio::spawn(async move {
        let path = PathBuf::from(kubeconfig.path());
        let observer: Observer = Arc::new(|_, _, _| {});
        follow(Some(&path), &observer, &sender, Duration::from_millis(1)).await;
    });
    (following, receiver)
}

#[tokio::test]
async fn the_uid_of_each_deleted_pod_is_sent() {
    let api = api(vec![|| {
        Reply::Open(
            line("ADDED", "u1", 8)
                + &line("DELETED", "u2", 9)
                + &line("MODIFIED", "u1", 10)
                + &line("DELETED", "u1", 11),
        )
    }]);
    let (following, mut deleted) = start(&api, 8);
    assert_eq!(deleted.recv().await.as_deref(), Some("u2"));
    assert_eq!(deleted.recv().await.as_deref(), Some("u1"));
    assert_eq!(api.lines(), [NEWEST, &watch_from("7")]);
    following.abort();
}

#[tokio::test]
async fn a_watch_that_ended_goes_on_where_it_ended() {
    let api = api(vec![
        || Reply::ok(line("DELETED", "u1", 8)),
        || Reply::ok(line("MODIFIED", "u2", 9)),
        || Reply::ok(line("BOOKMARK", "", 20)),
        || Reply::Truncated(line("ADDED", "u3", 21)),
    ]);
    let (following, mut deleted) = start(&api, 8);
    assert_eq!(deleted.recv().await.as_deref(), Some("u1"));
    until("watched again", || api.lines().len() == 6).await;
    let versions = ["7", "8", "9", "20", "21"];
    assert_eq!(api.lines()[0], NEWEST);
    assert_eq!(api.lines()[1..], versions.map(watch_from));
    following.abort();
}

#[tokio::test]
async fn a_watch_that_is_too_old_begins_anew() {
    for refusal in [
        || Reply::ok(expired()),
        || Reply::status(410, "Expired", "it"),
    ] {
        let api = api(vec![refusal, || Reply::Open(line("DELETED", "u1", 8))]);
        let (following, mut deleted) = start(&api, 8);
        assert_eq!(deleted.recv().await.as_deref(), Some("u1"));
        let watch = watch_from("7");
        assert_eq!(api.lines(), [NEWEST, &watch, NEWEST, &watch]);
        following.abort();
    }
}

#[tokio::test]
async fn errors_of_all_kinds_are_survived() {
    let api = api(vec![
        || Reply::status(500, "InternalError", "it"),
        || Reply::ok("nonsense\n"),
        || Reply::Truncated(line("ADDED", "u3", 8)),
        || Reply::status(403, "Forbidden", "it"),
        || Reply::Open(line("DELETED", "u1", 9)),
    ]);
    let (following, mut deleted) = start(&api, 8);
    assert_eq!(deleted.recv().await.as_deref(), Some("u1"));
    following.abort();
}

#[tokio::test]
async fn a_full_channel_holds_nothing_up() {
    let api = api(vec![
        || Reply::ok(line("DELETED", "u1", 8) + &line("DELETED", "u2", 9)),
        || Reply::Open(line("DELETED", "u3", 10)),
    ]);
    let (following, mut deleted) = start(&api, 1);
    until("watched again", || api.lines().len() == 3).await;
    assert_eq!(deleted.recv().await.as_deref(), Some("u1"));
    following.abort();
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let api = api(Vec::new());
    let kubeconfig = api.kubeconfig();
    let (sender, receiver) = mpsc::channel(1);
    let following = tokio::spawn(async move {
        deletions(Some(kubeconfig.path()), Arc::new(|_, _, _| {}), sender).await;
    });
    until("watching", || api.lines().len() == 2).await;
    drop(receiver);
    following.await.unwrap();
    until("closed", || api.connections() == 0).await;
}
