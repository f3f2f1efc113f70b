//! One collector process: what it works with.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::clock::Clock;
use store::coordination::Coordination;
use store::election::Candidate;
use store::etcd::EtcdError;
use store::inspect::Owner;
use store::retry::Deadline;
use store::store::Store;

use crate::events::Events;
use crate::evidence::{Evidence, Policy};
use crate::history::{Causes, Destination};
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::pods::{Observer, SourceError, View};
use crate::schedule::Schedule;
use crate::status::Status;
use crate::sweep::Deletions;

/// How long one question to etcd may take, with all its tries.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One collector process, over an etcd, a clock and a view of the cluster.
pub struct Collector<E, C, V> {
    /// The store that it cares for.
    pub store: Store<Measured<E>, C>,
    /// Who it is in the election, and whose pods it judges.
    pub candidate: Candidate,
    /// Where the pods are known from.
    pub view: V,
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
    /// Where the history goes.
    pub history: Destination,
    /// Told to Prometheus.
    pub metrics: Arc<Metrics>,
    /// Told to people.
    pub status: Arc<Status>,
    /// Told to Kubernetes, where there is one.
    pub events: Option<Events>,
    /// Told of every release as soon as it is made, where somebody wants to know.
    pub released: Option<Released>,
    /// Why it releases what it releases, for the history.
    pub causes: Causes,
    /// What the pod watch saw go.
    pub deletions: Deletions,
}

/// Told which record was released, and by which evidence.
pub type Released = Box<dyn Fn(&Owner, Evidence) + Send + Sync>;

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

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Where the pods are known from, opened anew.
    pub(crate) async fn open_source(&self) -> Result<V::Source, SourceError> {
        self.view.open(observer(&self.metrics)).await
    }

    /// The end of a question to etcd that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.store.clock(), PATIENCE)
    }

    /// The time on the wall.
    pub(crate) fn now(&self) -> Timestamp {
        // No clock stands beyond the year 9999.
        Timestamp::try_from(self.store.clock().wall()).unwrap_or_default()
    }
}

/// Counts and times requests to Kubernetes.
pub(crate) fn observer(metrics: &Arc<Metrics>) -> Observer {
    let metrics = Arc::clone(metrics);
    Arc::new(move |operation, took, ok| metrics.kubernetes_request(operation, took, ok))
}
