//! Judges the store itself.

use super::finding::Findings;
use crate::state::StoreState;

/// Whoever has never compacted by this revision never will.
const LONG_HISTORY: i64 = 10_000;

/// What is known beside the store's own state.
pub(super) struct Circumstances<'a> {
    /// Whether etcd has ever been compacted; `None` where that could not be asked.
    pub(super) is_compacted: Option<bool>,
    /// The node's file, and the id that it pins, where there is one.
    pub(super) node_file: Option<(&'a str, Option<&'a str>)>,
}

/// Judges.
pub(super) fn judge(
    store: &StoreState,
    circumstances: &Circumstances<'_>,
    findings: &mut Findings,
) {
    match &store.refusal {
        Some(refusal) => findings.problem(
            "store",
            format!("no address is given out: {refusal}"),
            "docs/operations.md: \"The store is not initialised\", \"The store was restored\", \
             \"Damaged values\"",
        ),
        None => findings.ok("store", "the store may be used"),
    }
    if let Some(freeze) = &store.frozen {
        let by = match (freeze.by.as_str(), freeze.since.as_str()) {
            ("", _) => String::new(),
            (by, "") => format!(" by {by}"),
            (by, since) => format!(" by {by} since {since}"),
        };
        findings.problem(
            "freeze",
            format!("the store is frozen{by}: {}", freeze.reason),
            "no pod gets an address until `ipamctl thaw`; ask first whoever froze it",
        );
    }
    seal(store, findings);
    if let (Some((file, pinned)), Some(id)) = (circumstances.node_file, &store.id) {
        match pinned {
            Some(_) => findings.ok("store_id", format!("{file} names this very store")),
            None => findings.warn(
                "store_id",
                format!("{file} does not name its store"),
                format!("write \"store_id\": \"{id}\" into its etcd section, so that the node never uses another"),
            ),
        }
    }
    match circumstances.is_compacted {
        Some(false) if store.revision >= LONG_HISTORY => findings.warn(
            "compaction",
            format!(
                "etcd has kept each of its {} revisions and was never compacted",
                store.revision
            ),
            "start it with --auto-compaction-mode=periodic --auto-compaction-retention=1h, or its \
             database grows until it is full",
        ),
        Some(true) => findings.ok("compaction", "etcd was compacted before"),
        // Too young to tell, or the reason is told elsewhere.
        Some(false) | None => {}
    }
}

fn seal(store: &StoreState, findings: &mut Findings) {
    let (Some(sealed), Some(armed)) = (store.sealed_term, store.armed) else {
        return;
    };
    if armed {
        findings.ok(
            "seal",
            format!("the seal {sealed} would give a restored snapshot away"),
        );
    } else {
        findings.warn(
            "seal",
            format!(
                "the store is sealed with the Raft term {sealed}, which is low: a restored \
                     snapshot may go unnoticed"
            ),
            "after any restore freeze the store by hand, before anything else (docs/operations.md, \
             \"The store was restored\"); an etcd of several members whose store is created with \
             all of them in --endpoints has a better seal",
        );
    }
}

#[cfg(test)]
mod tests;
