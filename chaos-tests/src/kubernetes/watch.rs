//! Watches: changes as they happen, one JSON text a line.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout_at};

use super::object::Object;
use super::request::{Request, Target};
use super::resource::Resource;
use super::state::Shared;
use super::status::Refusal;

/// A watch without news is sent a bookmark this often; real servers wait for a minute.
const BOOKMARKS: Duration = Duration::from_secs(1);

/// One client's watch.
struct Watch {
    shared: Arc<Shared>,
    changed: Receiver<u64>,
    target: Target,
    /// The client knows what happened up to this version.
    seen: u64,
    bookmarks: bool,
    end: Instant,
    /// To be sent before anything else.
    first: String,
    /// After `first` there is nothing more to say.
    over: bool,
}

/// The body of the answer to a watch.
pub(super) fn stream(
    shared: &Arc<Shared>,
    target: Target,
    request: &Request,
) -> Result<Body, Refusal> {
    if request.parameter("sendInitialEvents").is_some() {
        return Err(Refusal::new(
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: \
             sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        ));
    }
    let number = |name: &str, default: u64| {
        let text = request.parameter(name);
        text.map_or(Ok(default), |text| {
            let refusal = || Refusal::new(400, format!("{name}: {text:?} is no number"));
            text.parse().map_err(|_| refusal())
        })
    };
    let since = number("resourceVersion", 0)?;
    let seconds = number("timeoutSeconds", 1800)?;
    let state = shared.state();
    let mut watch = Watch {
        shared: Arc::clone(shared),
        changed: state.changed.subscribe(),
        seen: since,
        bookmarks: request.parameter("allowWatchBookmarks") == Some("true"),
        end: Instant::now() + Duration::from_secs(seconds),
        first: String::new(),
        over: false,
        target,
    };
    if since == 0 {
        let now = state
            .cluster
            .list(watch.target.resource, watch.target.namespace.as_deref());
        for object in now {
            write_event(&mut watch.first, "ADDED", &object);
        }
        watch.seen = state.cluster.version;
    } else if since < state.forgotten {
        let message = format!("too old resource version: {since} ({})", state.forgotten);
        let event = json!({"type": "ERROR", "object": Refusal::new(410, message).status()});
        watch.first = format!("{event}\n");
        watch.over = true;
    }
    drop(state);
    let pieces = stream::unfold(watch, async |mut watch| {
        let piece = watch.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(piece)), watch))
    });
    Ok(Body::from_stream(pieces))
}

impl Watch {
    /// The next lines; nothing more when the watch has lasted as long as was asked for.
    async fn next(&mut self) -> Option<String> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first));
        }
        if self.over {
            return None;
        }
        loop {
            self.changed.mark_unchanged();
            let news = self.news();
            if !news.is_empty() {
                return Some(news);
            }
            let bookmark_due = Instant::now() + BOOKMARKS;
            match timeout_at(bookmark_due.min(self.end), self.changed.changed()).await {
                Ok(Err(_)) => return None,
                Err(_) if Instant::now() >= self.end => return None,
                Err(_) if self.bookmarks => return Some(self.bookmark()),
                Ok(Ok(())) | Err(_) => {}
            }
        }
    }

    /// What has happened since the client was told.
    fn news(&mut self) -> String {
        let state = self.shared.state();
        let start = state
            .changes
            .partition_point(|change| change.version <= self.seen);
        let mut text = String::new();
        for change in state.changes.get(start..).unwrap_or_default() {
            let namespace = self.target.namespace.as_ref();
            if change.resource == self.target.resource
                && namespace.is_none_or(|wanted| *wanted == change.namespace)
            {
                write_event(&mut text, change.kind, &change.object);
            }
        }
        self.seen = state.cluster.version;
        text
    }

    fn bookmark(&self) -> String {
        let resource = self.target.resource;
        let object = json!({
            "kind": resource.kind(),
            "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.seen.to_string(), "creationTimestamp": null},
            "spec": if resource == Resource::Pods { json!({"containers": null}) } else { json!({}) },
            "status": {},
        });
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }
}

fn write_event(to: &mut String, kind: &str, object: &Object) {
    // Writing to a string does not fail.
    let _ = write!(to, r#"{{"type":"{kind}","object":"#);
    object.write_typed(to);
    to.push_str("}\n");
}
