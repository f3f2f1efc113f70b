//! What was seen of the nodes in this leadership.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::pods::{Living, Node};

/// What one leadership has seen of the nodes. Whoever leads next begins anew.
#[derive(Debug, Default)]
pub struct Witness {
    /// The nodes that were listed.
    seen: BTreeSet<String>,
    /// Nodes that were not Ready since some time, and not tainted as out of service.
    untainted: HashMap<String, Timestamp>,
}

impl Witness {
    /// Looks at the nodes as they are now.
    pub fn look(&mut self, living: &Living) {
        for node in living.nodes() {
            self.seen.insert(node.name.clone());
            match (node.readiness.since, node.out_of_service) {
                (Some(since), None) if !node.readiness.ready => {
                    self.untainted.insert(node.name.clone(), since);
                }
                _ => {}
            }
        }
    }

    /// The nodes that were there and are not any more.
    pub fn gone<'a>(&'a self, living: &'a Living) -> impl Iterator<Item = &'a str> {
        let seen = self.seen.iter().map(String::as_str);
        seen.filter(|name| living.node(name).is_none())
    }

    /// Whether a node of this name was listed.
    pub(super) fn has_seen(&self, node: &str) -> bool {
        self.seen.contains(node)
    }

    /// Whether the node's out-of-service taint was set after its readiness last changed, because it
    /// was seen without the taint since. `kubectl taint` does not date taints
    /// (kubernetes/kubernetes#98482).
    pub(super) fn saw_untainted(&self, node: &Node) -> bool {
        let seen = self.untainted.get(&node.name);
        seen.is_some() && seen == node.readiness.since.as_ref()
    }

    /// Forgets the nodes of which nothing is left: neither an object nor a record.
    pub fn forget(&mut self, living: &Living, with_records: &BTreeSet<String>) {
        let left = |node: &String| living.node(node).is_some() || with_records.contains(node);
        self.seen.retain(left);
        self.untainted.retain(|node, _| left(node));
    }
}
