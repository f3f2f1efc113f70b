//! What the collector sees of the simulated cluster.

use std::sync::Arc;
use std::time::Duration;

use lease_gc::pods::{LeaseState, Living, Observer, Reading, Source, SourceError, View};
use rand::RngExt as _;
use store::clock::Clock as _;
use tokio::sync::mpsc;

use super::{Cluster, Mark, Trouble, Weather};
use crate::mutants::Mutant;
use crate::mutants::view::distort_pods;

/// How long an answer takes on a good day (milliseconds).
const LATENCY: std::ops::RangeInclusive<u64> = 2..=20;
/// How long the collector's client waits for an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// What one process sees of a cluster.
#[derive(Clone)]
pub struct SimView {
    cluster: Cluster,
    reader: String,
    mutant: Option<Mutant>,
}

/// The same, opened for a sweep.
pub struct SimSource(SimView);

impl SimView {
    pub(super) fn new(cluster: Cluster, reader: &str) -> Self {
        Self {
            cluster,
            reader: reader.to_owned(),
            mutant: None,
        }
    }

    /// The same with a bug in front of it.
    #[must_use]
    pub fn with(self, mutant: Option<Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// Asks, and waits for as long as an answer takes.
    async fn ask(
        &self,
        operation: &'static str,
        trouble: impl FnOnce(&Weather) -> Option<Trouble>,
    ) -> Result<Option<Trouble>, SourceError> {
        let (takes, trouble) = {
            let mut state = self.cluster.state();
            let weather = state.weather.get(&self.reader).cloned().unwrap_or_default();
            let latency = Duration::from_millis(state.rng.random_range(LATENCY));
            let down = state.down.then_some(Trouble::Down);
            let trouble = down.or_else(|| trouble(&weather));
            let met = trouble.as_ref().map_or("fine", Trouble::name);
            let tally = state.tally.entry(self.reader.clone()).or_default();
            *tally.entry(met).or_default() += 1;
            let silent = matches!(trouble, Some(Trouble::Silent));
            let takes = if silent {
                LIMIT
            } else {
                latency + weather.slow
            };
            (takes, trouble)
        };
        let late = takes >= LIMIT;
        self.cluster.shared.clock.sleep(takes.min(LIMIT)).await;
        if late {
            return Err(SourceError::Timeout {
                operation,
                limit: LIMIT,
            });
        }
        match trouble {
            Some(Trouble::Down) => Err(SourceError::Unreachable {
                operation,
                reason: "connection refused".to_owned(),
            }),
            Some(Trouble::CutMidList) => Err(SourceError::Unreachable {
                operation,
                reason: "the connection ended in the middle of the answer".to_owned(),
            }),
            Some(Trouble::Error(code)) => Err(SourceError::Refused {
                operation,
                code,
                message: "the simulation says so".to_owned(),
            }),
            other => Ok(other),
        }
    }

    /// The objects that a list shows, whose moment is when it is answered.
    async fn list(
        &self,
        operation: &'static str,
        trouble: impl FnOnce(&Weather) -> Option<Trouble>,
    ) -> Result<Mark, SourceError> {
        Ok(match self.ask(operation, trouble).await? {
            Some(Trouble::Empty) => Mark::default(),
            Some(Trouble::Stale(mark)) => mark,
            _ => self.cluster.mark(),
        })
    }
}

impl View for SimView {
    type Source = SimSource;

    async fn open(&self, _observer: Observer) -> Result<SimSource, SourceError> {
        Ok(SimSource(self.clone()))
    }

    async fn deletions(&self, _observer: Observer, deleted: mpsc::Sender<String>) {
        let shared = &self.cluster.shared;
        let mut told = self.cluster.state().deletions.len();
        loop {
            let more = shared.deleted.notified();
            let new: Vec<String> = {
                let state = self.cluster.state();
                let weather = state.weather.get(&self.reader);
                let cut = state.down || weather.is_some_and(|weather| weather.watch_is_cut);
                let new = state.deletions.get(told..).unwrap_or_default().iter();
                let new = new.filter(|_| !cut).cloned().collect();
                told = state.deletions.len();
                new
            };
            for uid in new {
                // As the real watch: what finds no room is left to the next sweep.
                let _ = deleted.try_send(uid);
            }
            tokio::select! {
                biased;
                () = deleted.closed() => return,
                () = more => {}
            }
        }
    }
}

impl Source for SimSource {
    async fn read(&self) -> Result<Reading, SourceError> {
        let mut living = Living::default();
        let mut unreadable_annotations = 0;
        let operation = "list_nodes";
        let listed = self.0.list(operation, |weather| weather.nodes.clone());
        for node in listed.await?.nodes.values() {
            living.add_node(node.listed().map_err(unusable(operation))?.node);
        }
        let operation = "list_pods";
        let listed = self.0.list(operation, |weather| weather.pods.clone());
        let mut pods = Vec::new();
        for object in listed.await?.pods.values() {
            let listed = object.kept.listed().map_err(unusable(operation))?;
            unreadable_annotations += usize::from(listed.unreadable);
            pods.push(listed.pod);
        }
        distort_pods(self.0.mutant, &mut pods);
        for pod in pods {
            living.add_pod(pod);
        }
        living.complete();
        Ok(Reading {
            living: Arc::new(living),
            as_of: None,
            unreadable_annotations,
        })
    }

    async fn pod_exists(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<bool, SourceError> {
        let operation = "get_pod";
        let asked = self.0.ask(operation, |weather| weather.objects.clone());
        asked.await?;
        let key = (namespace.to_owned(), name.to_owned());
        let objects = self.0.cluster.mark();
        let Some(object) = objects.pods.get(&key) else {
            return Ok(false);
        };
        let listed = object.kept.listed().map_err(unusable(operation))?;
        let mut found = vec![listed.pod];
        distort_pods(self.0.mutant, &mut found);
        Ok(found.iter().any(|pod| uid.is_empty() || pod.is(uid)))
    }

    async fn kubelet_lease(&self, node: &str) -> Result<LeaseState, SourceError> {
        let asked = self.0.ask("get_lease", |weather| weather.objects.clone());
        asked.await?;
        let node = self.0.cluster.node(node);
        Ok(node.map_or(LeaseState::Absent, |node| node.lease_state()))
    }

    async fn cluster_uid(&self) -> Result<Option<String>, SourceError> {
        let asked = self
            .0
            .ask("get_namespace", |weather| weather.objects.clone());
        asked.await?;
        Ok(Some(self.0.cluster.state().uid.clone()))
    }
}

/// An object that the collector's parser refuses.
fn unusable(operation: &'static str) -> impl Fn(String) -> SourceError {
    move |reason| SourceError::Answer { operation, reason }
}
