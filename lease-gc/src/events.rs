//! Kubernetes Events: what the collector did, where `kubectl describe` shows it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as ApiEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::core::Request;
use kube::core::params::PostParams;
use tokio::sync::mpsc;

use crate::pods::kubernetes::{CREATE_EVENT, checked};
use crate::pods::{Kubernetes, Observer, SourceError};

#[cfg(test)]
mod tests;

/// Who reports.
const CONTROLLER: &str = "etcd-ipam/lease-gc";
/// What was done, in the API's terms: all reports are about the same work.
const ACTION: &str = "CollectAddresses";
/// How many events wait at most to be published.
const WAITING: usize = 1024;
/// How long the publication of one event may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest note that the API takes, in bytes, and the longest name and instance.
const LONGEST_NOTE: usize = 1024;
const LONGEST_NAME: usize = 253;
const LONGEST_INSTANCE: usize = 128;

/// Something that people should be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub about: About,
    /// Why it was done, in one word such as `AddressReleased`.
    pub reason: &'static str,
    /// What was done, with the evidence. Only the first 1024 bytes are published.
    pub note: String,
    /// Whether somebody should do something about it.
    pub warning: bool,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A pod, which may be gone. Where even its namespace is, the event is about its node.
    Pod {
        /// `metadata.namespace`.
        namespace: String,
        /// `metadata.name`.
        name: String,
        /// `metadata.uid`.
        uid: String,
        /// The node that it ran on.
        node: String,
    },
    /// A node.
    Node {
        /// `metadata.name`.
        name: String,
    },
}

/// Takes events. Never waits.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<(Event, Timestamp)>,
    lost: Lost,
}

/// Publishes what [`Events`] takes.
pub struct Publisher {
    queue: mpsc::Receiver<(Event, Timestamp)>,
    lost: Lost,
    limit: Duration,
}

/// Told of each event that is not published, because too many wait or the API does not take it.
pub type Lost = Arc<dyn Fn() + Send + Sync>;

/// A queue of 1024 events, and what empties it.
pub fn queue(lost: Lost) -> (Events, Publisher) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let events = Events {
        queue: sender,
        lost: Arc::clone(&lost),
    };
    let publisher = Publisher {
        queue: receiver,
        lost,
        limit: LIMIT,
    };
    (events, publisher)
}

impl Events {
    /// Has an event published, or lost where too many wait.
    pub fn report(&self, event: Event) {
        if self.queue.try_send((event, Timestamp::now())).is_err() {
            (self.lost)();
        }
    }
}

impl Publisher {
    /// Publishes events until all [`Events`] are dropped and none waits. There is a connection to
    /// the API only while there is something to publish.
    ///
    /// `instance` says which of the collectors reports.
    pub async fn run(mut self, kubeconfig: Option<PathBuf>, observer: Observer, instance: String) {
        while let Some(first) = self.queue.recv().await {
            let api = Kubernetes::connect(kubeconfig.as_deref(), Arc::clone(&observer)).await;
            let api = api.map(|api| api.within(self.limit));
            let mut next = Some(first);
            let mut failed = None;
            while let Some((event, at)) = next {
                let published = match &api {
                    Ok(api) => publish(api, &event, at, &instance).await,
                    Err(error) => Err(SourceError::Access(error.to_string())),
                };
                if let Err(error) = published {
                    (self.lost)();
                    failed = Some(error);
                }
                next = self.queue.try_recv().ok();
            }
            if let Some(error) = failed {
                tracing::warn!(%error, "Kubernetes events could not be published");
            }
        }
    }
}

async fn publish(
    api: &Kubernetes,
    event: &Event,
    at: Timestamp,
    instance: &str,
) -> Result<(), SourceError> {
    let published = create(api, event, &event.about, at, instance).await;
    match (&event.about, &published) {
        // The namespace is gone or going, or the record has names that the API does not take.
        (
            About::Pod { node, .. },
            Err(
                SourceError::Name(_)
                | SourceError::Refused {
                    code: 403 | 404 | 422,
                    ..
                },
            ),
        ) => {
            let about = About::Node { name: node.clone() };
            create(api, event, &about, at, instance).await
        }
        _ => published,
    }
}

async fn create(
    api: &Kubernetes,
    event: &Event,
    about: &About,
    at: Timestamp,
    instance: &str,
) -> Result<(), SourceError> {
    let (namespace, regarding) = about.reference();
    let path = format!(
        "/apis/events.k8s.io/v1/namespaces/{}/events",
        checked(namespace)?
    );
    let name = checked(regarding.name.as_deref().unwrap_or_default())?;
    let object = ApiEvent {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name_of_event(name, at)),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(at)),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(cut(instance, LONGEST_INSTANCE).to_owned()),
        action: Some(ACTION.to_owned()),
        reason: Some(event.reason.to_owned()),
        note: Some(cut(&event.note, LONGEST_NOTE).to_owned()),
        type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
        regarding: Some(regarding),
        ..ApiEvent::default()
    };
    let failed = |error| SourceError::of_request(CREATE_EVENT, &error);
    api.observed(CREATE_EVENT, async {
        let object = serde_json::to_vec(&object).map_err(kube::Error::SerdeError);
        let request = Request::new(path).create(&PostParams::default(), object.map_err(failed)?);
        let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
        let answer = api.client().request_text(request).await;
        answer.map(drop).map_err(failed)
    })
    .await
}

impl About {
    /// The namespace that events about it are in, and what `kubectl describe` finds them by: for a
    /// node that is its name in the place of its uid, as kubelets write it.
    fn reference(&self) -> (&str, ObjectReference) {
        let reference = |kind: &str, namespace, name: &str, uid: &str| ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(kind.to_owned()),
            namespace,
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
            ..ObjectReference::default()
        };
        match self {
            Self::Pod {
                namespace,
                name,
                uid,
                ..
            } => {
                let of_pod = reference("Pod", Some(namespace.clone()), name, uid);
                (namespace, of_pod)
            }
            Self::Node { name } => ("default", reference("Node", None, name, name)),
        }
    }
}

/// A name that no other event has, in the form that all components use.
fn name_of_event(about: &str, at: Timestamp) -> String {
    let suffix = format!(".{:x}", at.as_nanosecond());
    let about = cut(about, LONGEST_NAME.saturating_sub(suffix.len()));
    about.trim_end_matches(['.', '-']).to_owned() + &suffix
}

/// As much of a text as fits in so many bytes.
fn cut(text: &str, longest: usize) -> &str {
    text.split_at(text.floor_char_boundary(longest)).0
}
