//! Markers: empty files whose age says when something was last done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use store::claim::PoolRange;

use super::{Place, files};

/// A range that no node has written down for 7 days is dropped, so it is written down every day.
pub const REGISTERED: Duration = Duration::from_hours(24);
/// An etcd that only spooled releases wait for is asked again after this long.
pub const OUT_OF_REACH: Duration = Duration::from_secs(30);

/// One marker.
pub struct Marker {
    path: PathBuf,
}

impl Marker {
    /// Marks that some ranges at a place were written down in the store.
    pub fn registered(state_dir: &Path, place: &Place, ranges: &[PoolRange]) -> Self {
        Self::new(state_dir, "ranges", &format!("{place:?}{ranges:?}"))
    }

    /// Marks that the etcd of a place could not be reached.
    pub fn out_of_reach(state_dir: &Path, place: &Place) -> Self {
        Self::new(state_dir, "unreachable", &format!("{place:?}"))
    }

    fn new(state_dir: &Path, kind: &str, identity: &str) -> Self {
        let name = format!("{:016x}", files::fnv1a(identity.as_bytes()));
        Self {
            path: state_dir.join(kind).join(name),
        }
    }

    /// Whether it was set less than `age` before `now`.
    pub fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        let set = fs::metadata(&self.path).and_then(|file| file.modified());
        set.is_ok_and(|set| now.duration_since(set).is_ok_and(|since| since < age))
    }

    /// Sets it now.
    pub fn set(&self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            files::make_dir(dir)?;
        }
        fs::write(&self.path, [])
    }
}
