//! A cluster as a collector with a planted bug reads it.

use std::sync::{Arc, Mutex, PoisonError};

use lease_gc::pods::{LeaseState, Living, Node, Observer, Pod, Reading, Source, SourceError, View};
use tokio::sync::mpsc;

use super::Mutant;
use super::view::{distort_nodes, skips_direct_look};

/// A view of a cluster that a bug stands in front of. Without one it is the view itself.
///
/// What a reading says of pods cannot be changed afterwards: such bugs are in the simulation's own view.
#[derive(Clone, Debug)]
pub struct Distorted<V> {
    inner: V,
    mutant: Option<Mutant>,
    /// The nodes as they were last read.
    nodes: Arc<Mutex<Vec<Node>>>,
}

impl<V> Distorted<V> {
    /// Plants a bug in front of a view, or of what it opens.
    pub fn new(inner: V, mutant: Option<Mutant>) -> Self {
        Self {
            inner,
            mutant,
            nodes: Arc::default(),
        }
    }

    /// The nodes are known, and no pod but one that holds nothing.
    fn empty(&self) -> Reading {
        let mut living = Living::default();
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().cloned().for_each(|node| living.add_node(node));
        living.add_pod(Pod::default());
        living.complete();
        Reading {
            living: Arc::new(living),
            as_of: None,
            unreadable_annotations: 0,
        }
    }
}

impl<V: View> View for Distorted<V> {
    type Source = Distorted<V::Source>;

    async fn open(&self, observer: Observer) -> Result<Self::Source, SourceError> {
        Ok(Distorted {
            inner: self.inner.open(observer).await?,
            mutant: self.mutant,
            nodes: Arc::clone(&self.nodes),
        })
    }

    async fn deletions(&self, observer: Observer, deleted: mpsc::Sender<String>) {
        self.inner.deletions(observer, deleted).await;
    }
}

impl<S: Source> Source for Distorted<S> {
    async fn read(&self) -> Result<Reading, SourceError> {
        let mut reading = match self.inner.read().await {
            Err(_) if self.mutant == Some(Mutant::ErrorsAreEmpty) => return Ok(self.empty()),
            outcome => outcome?,
        };
        if self.mutant.is_some()
            && let Some(living) = Arc::get_mut(&mut reading.living)
        {
            let mut nodes: Vec<_> = living.nodes().cloned().collect();
            distort_nodes(self.mutant, &mut nodes);
            nodes.iter().cloned().for_each(|node| living.add_node(node));
            *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
        }
        Ok(reading)
    }

    async fn pod_exists(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<bool, SourceError> {
        if skips_direct_look(self.mutant) {
            return Ok(false);
        }
        self.inner.pod_exists(namespace, name, uid).await
    }

    async fn kubelet_lease(&self, node: &str) -> Result<LeaseState, SourceError> {
        self.inner.kubelet_lease(node).await
    }

    async fn cluster_uid(&self) -> Result<Option<String>, SourceError> {
        self.inner.cluster_uid().await
    }
}
