//! One collector process: what it works with.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use store::clock::{Clock as _, SystemClock};
use store::election::Candidate;
use store::etcd::{Client, EtcdError};
use store::retry::Deadline;
use store::store::Store;

use crate::events::Events;
use crate::evidence::Policy;
use crate::history::Causes;
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::pods::{self, Kubernetes, Source, SourceError};
use crate::schedule::Schedule;
use crate::status::Status;
use crate::sweep::Deletions;

/// How long one question to etcd may take, with all its tries.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One collector process.
pub struct Collector {
    /// The store that it cares for.
    pub store: Store<Measured<Client>, SystemClock>,
    /// Who it is in the election, and whose pods it judges.
    pub candidate: Candidate,
    /// Where the pods are known from.
    pub view: View,
    /// Whether deletions of pods are watched.
    pub watches_pods: bool,
    /// When it sweeps.
    pub schedule: Schedule,
    /// How patient it is.
    pub policy: Policy,
    /// Whether sweeps only say what they would do.
    pub dry_run: bool,
    /// Whether live addresses that the store lacks are adopted.
    pub adopt: bool,
    /// How fast it releases.
    pub max_releases_per_second: NonZeroU32,
    /// Where the history goes, if not to standard output.
    pub history_file: Option<PathBuf>,
    /// Told to Prometheus.
    pub metrics: Arc<Metrics>,
    /// Told to people.
    pub status: Arc<Status>,
    /// Told to Kubernetes, where there is one.
    pub events: Option<Events>,
    /// Why it releases what it releases, for the history.
    pub causes: Causes,
    /// What the pod watch saw go.
    pub deletions: Deletions,
}

/// Where the pods are known from.
#[derive(Clone, Debug)]
pub enum View {
    /// The Kubernetes API: that of the pod that this process runs in, or of a kubeconfig.
    Kubernetes(Option<PathBuf>),
    /// A file.
    File(PathBuf),
}

/// Why a process must not collect.
#[derive(Debug, thiserror::Error)]
pub enum FatalError {
    /// Two Kubernetes clusters go by one name.
    #[error(
        "the cluster name {cluster:?} belongs to the Kubernetes cluster {known}, but this is \
         {found}: give each cluster that shares the etcd its own --cluster; if this one was \
         rebuilt, delete its gc/{cluster}/identity key once no node of the old one runs"
    )]
    OtherCluster {
        /// The name.
        cluster: String,
        /// The uid of kube-system that was recorded under it.
        known: String,
        /// The uid that this process sees.
        found: String,
    },
    /// etcd will not let it take part.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
}

impl Collector {
    /// Where the pods are known from, opened anew: tokens and certificates are read again.
    pub(crate) async fn open_source(&self) -> Result<Source, SourceError> {
        match &self.view {
            View::Kubernetes(kubeconfig) => {
                let observer = observer(&self.metrics);
                let api = Kubernetes::connect(kubeconfig.as_deref(), observer).await?;
                Ok(Source::Kubernetes(api))
            }
            View::File(path) => Ok(Source::File(pods::File::open(path).await?)),
        }
    }

    /// The end of a question to etcd that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.store.clock(), PATIENCE)
    }

    /// The time on the wall (RFC 3339).
    pub(crate) fn now(&self) -> String {
        humantime::format_rfc3339_seconds(self.store.clock().wall()).to_string()
    }
}

/// Counts and times requests to Kubernetes.
pub(crate) fn observer(metrics: &Arc<Metrics>) -> pods::Observer {
    let metrics = Arc::clone(metrics);
    Arc::new(move |operation, took, ok| metrics.kubernetes_request(operation, took, ok))
}
