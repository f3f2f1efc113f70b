//! What was read from a source of pods.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Living, SourceError};

/// All pods and nodes of a cluster.
#[derive(Debug)]
pub struct Reading {
    /// The pods and nodes.
    pub living: Arc<Living>,
    /// The latest time for which they are known to be complete, where that is not the time of the
    /// reading: a record that is younger cannot be judged by them.
    pub as_of: Option<SystemTime>,
    /// How many pods have a network-status annotation, or an address in their status, that cannot
    /// be read. What such a text may name is not known, so that it is evidence of nothing.
    pub unreadable_annotations: usize,
}

impl Reading {
    /// Whether the store's records can be judged by it: a cluster of which the store holds records
    /// has nodes and pods.
    ///
    /// `holding` says whether the store has any record of this cluster.
    ///
    /// # Errors
    /// [`SourceError::Implausible`], which voids the whole sweep.
    pub fn plausible(&self, holding: bool) -> Result<(), SourceError> {
        let nodes = self.living.nodes().len();
        let pods = self.living.pod_count();
        if holding && (nodes == 0 || pods == 0) {
            return Err(SourceError::Implausible { nodes, pods });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::{Node, Pod};

    #[test]
    fn emptiness_is_implausible_while_the_store_holds_records() {
        for (nodes, pods) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut living = Living::default();
            (0..nodes).for_each(|_| living.add_node(Node::default()));
            (0..pods).for_each(|_| living.add_pod(Pod::default()));
            living.complete();
            let reading = Reading {
                living: Arc::new(living),
                as_of: None,
                unreadable_annotations: 0,
            };
            assert!(reading.plausible(false).is_ok());
            let complete = (nodes, pods) == (1, 1);
            assert_eq!(reading.plausible(true).is_ok(), complete, "{nodes} {pods}");
        }
    }
}
