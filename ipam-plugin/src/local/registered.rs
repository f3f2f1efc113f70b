//! Which ranges this node has written down in the store, so that an ADD does it once a day and not
//! every time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use store::claim::PoolRange;

use super::{Place, files};

/// A range that no node has written down for 7 days is dropped, so it is written down every day.
const FRESH: Duration = Duration::from_hours(24);

/// The marker of some ranges at one place.
pub struct Registered {
    path: PathBuf,
}

impl Registered {
    /// The marker in this state directory.
    pub fn new(state_dir: &Path, place: &Place, ranges: &[PoolRange]) -> Self {
        let identity = format!("{:?}{:?}", place.etcd, ranges);
        let name = format!("{:016x}", files::fnv1a(identity.as_bytes()));
        Self {
            path: state_dir.join("ranges").join(name),
        }
    }

    /// Whether it was done lately.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let written = fs::metadata(&self.path).and_then(|file| file.modified());
        written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age < FRESH))
    }

    /// It is done now.
    pub fn mark(&self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            files::make_dir(dir)?;
        }
        fs::write(&self.path, [])
    }
}
