//! Markers: empty files whose age says when something was last done.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use store::claim::PoolRange;

use super::Place;
use super::files::{self, Files};

/// A range that no node has written down for 7 days is dropped, so it is written down every day.
pub const REGISTERED: Duration = Duration::from_hours(24);
/// An etcd that only spooled releases wait for is asked again after this long.
pub const OUT_OF_REACH: Duration = Duration::from_secs(30);

/// One marker.
pub struct Marker<F> {
    files: F,
    path: PathBuf,
}

impl<F: Files> Marker<F> {
    /// Marks that some ranges at a place were written down in the store.
    pub fn registered(files: F, state_dir: &Path, place: &Place, ranges: &[PoolRange]) -> Self {
        Self::new(files, state_dir, "ranges", &format!("{place:?}{ranges:?}"))
    }

    /// Marks that the etcd of a place could not be reached.
    pub fn out_of_reach(files: F, state_dir: &Path, place: &Place) -> Self {
        Self::new(files, state_dir, "unreachable", &format!("{place:?}"))
    }

    fn new(files: F, state_dir: &Path, kind: &str, identity: &str) -> Self {
        let name = format!("{:016x}", files::fnv1a(identity.as_bytes()));
        Self {
            files,
            path: state_dir.join(kind).join(name),
        }
    }

    /// Whether it was set less than `age` before `now`.
    pub fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        let set = self.files.touched(&self.path);
        set.is_ok_and(|set| now.duration_since(set).is_ok_and(|since| since < age))
    }

    /// Sets it now.
    pub fn set(&self) -> io::Result<()> {
        self.files.touch(&self.path)
    }
}
