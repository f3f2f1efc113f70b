//! Which versions of etcd can be started here.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// One installed etcd.
#[derive(Clone, Debug)]
pub struct Install {
    /// The directory of its binaries.
    pub directory: PathBuf,
    /// Its version: major, minor, patch.
    pub version: [u32; 3],
}

impl Install {
    /// Its series, such as `3.5`.
    pub fn series(&self) -> String {
        let [major, minor, _] = self.version;
        format!("{major}.{minor}")
    }

    fn at(directory: &Path) -> Option<Self> {
        let output = Command::new(directory.join("etcd"))
            .arg("--version")
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.lines().next()?.strip_prefix("etcd Version: ")?;
        let mut parts = version.split('.').map(|part| part.parse().ok());
        let mut part = || parts.next()?;
        Some(Self {
            directory: directory.to_owned(),
            version: [part()?, part()?, part()?],
        })
    }
}

/// Every etcd in the directories of `$ETCD_BIN_DIRS` (else in `/usr/bin`), the newest first.
pub fn etcd_versions() -> Vec<Install> {
    let directories = std::env::var_os("ETCD_BIN_DIRS").unwrap_or_else(|| "/usr/bin".into());
    let mut found: Vec<_> = std::env::split_paths(&directories)
        .filter_map(|directory| Install::at(&directory))
        .collect();
    found.sort_by_key(|install| Reverse(install.version));
    found
}

/// The newest etcd, which the tests run on unless they say otherwise.
pub fn newest() -> Result<Install> {
    etcd_versions().into_iter().next().context(
        "no etcd in the directories of ETCD_BIN_DIRS (default /usr/bin): run `make test`, which \
         installs it",
    )
}

/// Why a series is missing, in the words of whoever tried to fetch it.
pub fn why_missing(series: &str) -> String {
    let reason = std::env::var("ETCD_FETCH_ERROR")
        .unwrap_or_else(|_| "none in the directories of ETCD_BIN_DIRS".to_owned());
    format!("etcd {series} cannot be started here: {reason}")
}
