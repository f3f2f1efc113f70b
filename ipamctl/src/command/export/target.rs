//! A file that is there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file in the making. Until it is finished nothing of it is to be seen under its name, and
/// nothing is left of it where it is not.
pub(super) struct Target {
    path: PathBuf,
    directory: PathBuf,
    file: NamedTempFile,
}

impl Target {
    /// Begins a file, readable by its owner only.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self {
            path: path.to_owned(),
            file: NamedTempFile::new_in(&directory)?,
            directory,
        })
    }

    pub(super) fn writer(&mut self) -> BufWriter<&mut File> {
        BufWriter::new(self.file.as_file_mut())
    }

    /// Puts the file in its place, for good: after a power loss, too.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_replaces_another_only_when_it_is_finished() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("export");
        std::fs::write(&path, "old").unwrap();
        let mut target = Target::create(&path).unwrap();
        target.writer().write_all(b"half").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(target);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);

        let mut target = Target::create(&path).unwrap();
        target.writer().write_all(b"new").unwrap();
        target.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
