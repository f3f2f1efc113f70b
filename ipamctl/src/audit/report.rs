//! All findings of one check, as a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ipam_plugin::local::disk::Disk;
use ipam_plugin::local::files::Files as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::comparison::Counts;
use super::digest::digest;
use super::finding::Finding;

/// What a report calls itself.
const FORMAT: &str = "etcd-ipam-check";
/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// All findings of one check. The fields' names are those of the JSON, and the last two say that it
/// is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    format: String,
    version: u64,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// How much was compared.
    #[serde(flatten)]
    pub counts: Counts,
    /// What was found.
    pub findings: Vec<Finding>,
    count: u64,
    sha256: String,
}

/// What a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Random: two checks never look alike.
    pub id: String,
    /// The store that was checked.
    pub store_id: String,
    /// What all its keys begin with.
    pub prefix: String,
    /// The cluster whose pods were compared, or would have been.
    pub cluster: String,
    /// As of which revision.
    pub revision: i64,
    /// When, by the wall clock (RFC 3339).
    pub checked: String,
    /// Where the pods were known from: `kubernetes`, `file`, or `null`.
    pub pods: Option<String>,
}

/// Why a file is no report that can be acted on.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ends too early.
    #[error("{} ends in the middle: it was not written to its end, or not copied whole", .0.display())]
    Half(PathBuf),
    /// It is something else.
    #[error("{} is no report of `ipamctl check`: {reason}", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version wrote it.
    #[error("{} is a report of version {version}, and this ipamctl reads version {VERSION}; use the ipamctl that wrote it", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// It is not as it was written.
    #[error("{} was changed after it was written; only what `ipamctl check` itself found is acted on", .0.display())]
    Edited(PathBuf),
}

impl Report {
    /// A report of what was found.
    #[must_use]
    pub fn new(about: About, counts: Counts, findings: Vec<Finding>) -> Self {
        let mut report = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            about,
            counts,
            count: u64::try_from(findings.len()).unwrap_or(u64::MAX),
            findings,
            sha256: String::new(),
        };
        report.sha256 = report.digest();
        report
    }

    /// The SHA-256 of all the rest.
    fn digest(&self) -> String {
        let rest = Self {
            sha256: String::new(),
            ..self.clone()
        };
        // Strings, numbers and lists: JSON can always say those.
        digest(&serde_json::to_vec(&rest).unwrap_or_default())
    }

    /// Writes it to a file, which is there whole or not at all, for its owner's eyes only.
    ///
    /// # Errors
    /// Where it cannot be written, or its folder does not exist.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            let reason = format!("there is no folder {}", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other("it is not the name of a file"))?;
        Disk.write_json(folder, name, self)
    }

    /// Reads a file back.
    ///
    /// # Errors
    /// [`ReportError`]: half-written, foreign, newer or edited ones are refused.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let foreign = |reason: String| ReportError::Foreign {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|source| ReportError::File {
            path: path.to_owned(),
            source,
        })?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            if error.is_eof() {
                ReportError::Half(path.to_owned())
            } else {
                foreign(error.to_string())
            }
        })?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(foreign(format!("its field `format` is not {FORMAT:?}")));
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => {
                return Err(ReportError::Newer {
                    path: path.to_owned(),
                    version,
                });
            }
            None => return Err(foreign("it has no `version`".to_owned())),
        }
        let report = Self::deserialize(value).map_err(|error| foreign(error.to_string()))?;
        let is_whole = u64::try_from(report.findings.len()) == Ok(report.count);
        if !is_whole || report.digest() != report.sha256 {
            return Err(ReportError::Edited(path.to_owned()));
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
