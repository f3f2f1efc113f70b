//! STATUS must not flap: etcd out of reach once does not make a node unable to serve.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{self, Files};

/// STATUS fails after this many misses …
const MISSES: u32 = 3;
/// … that span at least this long.
const SPAN: Duration = Duration::from_secs(30);

/// The misses since etcd was last reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Misses {
    count: u32,
    /// `CLOCK_BOOTTIME` of the first.
    first: Duration,
}

impl Misses {
    fn one_more(self, now: Duration) -> Self {
        let first = if self.count == 0 { now } else { self.first };
        Self {
            count: self.count.saturating_add(1),
            first,
        }
    }

    fn are_too_many(self, now: Duration) -> bool {
        self.count >= MISSES && now.saturating_sub(self.first) >= SPAN
    }
}

/// What a node remembers of reaching etcd for STATUS.
pub struct Reachability<F> {
    files: F,
    dir: PathBuf,
    name: String,
}

impl<F: Files> Reachability<F> {
    /// The memory for one network in this state directory.
    pub fn new(files: F, state_dir: &Path, network: &str) -> Self {
        Self {
            files,
            dir: state_dir.join("status"),
            name: files::name_of(&[network]),
        }
    }

    /// etcd was reached: all is forgiven.
    pub fn reached(&self) {
        // If it cannot be removed, STATUS fails early at worst.
        let _ = self.files.remove(&self.dir.join(&self.name));
    }

    /// etcd was missed at `now` (`CLOCK_BOOTTIME`). Whether that was once too often.
    pub fn missed(&self, now: Duration) -> bool {
        let before: Misses = self
            .files
            .read_json(&self.dir.join(&self.name))
            .unwrap_or_default();
        let misses = before.one_more(now);
        if let Err(error) = self.files.write_json(&self.dir, &self.name, &misses) {
            tracing::warn!(%error, "the state directory cannot be written; STATUS fails at once");
            return true;
        }
        misses.are_too_many(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_three_misses_over_half_a_minute() {
        let at = Duration::from_secs;
        let misses = |times: &[u64]| {
            times
                .iter()
                .fold(Misses::default(), |misses, time| misses.one_more(at(*time)))
        };
        assert!(!misses(&[100]).are_too_many(at(200)));
        assert!(!misses(&[100, 101, 102]).are_too_many(at(102)));
        assert!(!misses(&[100, 140]).are_too_many(at(140)));
        assert!(misses(&[100, 120, 130]).are_too_many(at(130)));
    }
}
