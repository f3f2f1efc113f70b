//! Whether the files that a connection was made with have changed since.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::settings::{Password, Settings};

/// What tells one version of the files of some settings from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<FileVersion>>);

/// Kubernetes renews a mounted secret by a rename, so the inode changes even where the time and the
/// size do not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileVersion {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    /// The files as they are now.
    pub(super) fn of(settings: &Settings) -> Self {
        let password =
            settings
                .credentials
                .as_ref()
                .and_then(|credentials| match &credentials.password {
                    Password::File(path) => Some(path),
                    Password::Inline(_) => None,
                });
        let files = [
            settings.ca_file.as_ref(),
            settings.cert_file.as_ref(),
            settings.key_file.as_ref(),
            password,
        ];
        Self(
            files
                .into_iter()
                .flatten()
                .map(|path| version(path))
                .collect(),
        )
    }
}

fn version(path: &Path) -> Option<FileVersion> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(FileVersion {
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_file_changes_the_fingerprint() {
        let path = std::env::temp_dir().join(format!("fingerprint-{}", crate::clock::random_id()));
        let settings = Settings {
            cert_file: Some(path.clone()),
            ..Settings::default()
        };
        let missing = Fingerprint::of(&settings);
        std::fs::write(&path, "one").unwrap();
        let first = Fingerprint::of(&settings);
        assert_ne!(missing, first);
        assert_eq!(first, Fingerprint::of(&settings));
        std::fs::write(&path, "longer").unwrap();
        assert_ne!(first, Fingerprint::of(&settings));
        std::fs::remove_file(&path).unwrap();
    }
}
