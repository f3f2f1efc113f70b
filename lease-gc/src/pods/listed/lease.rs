//! A Lease object.

use serde::Deserialize;

use crate::pods::LeaseState;

/// A lease, read from a Lease object of the API. One without a namespace or a name is an error.
#[derive(Deserialize)]
pub(in crate::pods) struct ListedLease {
    metadata: Metadata,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Metadata {
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    renew_time: Option<String>,
}

impl ListedLease {
    /// Its namespace.
    pub(in crate::pods) fn namespace(&self) -> &str {
        &self.metadata.namespace
    }

    /// Its name, and when it was renewed. One that never was tells nothing.
    pub(in crate::pods) fn into_state(self) -> (String, LeaseState) {
        let renewed = self.spec.and_then(|spec| spec.renew_time);
        let state = renewed.map_or(LeaseState::Unknown, LeaseState::Renewed);
        (self.metadata.name, state)
    }
}
