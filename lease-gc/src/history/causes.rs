//! Why the collector released a record, until the watch tells that it is gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The evidence by which records are being released, by the records' random ids.
#[derive(Debug, Default)]
pub struct Causes(Mutex<HashMap<String, &'static str>>);

impl Causes {
    /// Says why a record is about to be released.
    pub fn announce(&self, record_id: &str, evidence: &'static str) {
        self.map().insert(record_id.to_owned(), evidence);
    }

    /// Takes back what was announced: the record was not released.
    pub fn withdraw(&self, record_id: &str) {
        self.map().remove(record_id);
    }

    /// Why the record was released; `None` if the collector did not.
    pub fn take(&self, record_id: &str) -> Option<&'static str> {
        self.map().remove(record_id)
    }

    /// Nobody panics while holding the lock, and the map is whole at any time.
    fn map(&self) -> MutexGuard<'_, HashMap<String, &'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
