//! One lock per attachment: an ADD and the delivery of a spooled release never overlap.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{LocalName, files};

/// Held until dropped, or until the process ends in whatever way (`flock(2)`).
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    pub fn acquire(state_dir: &Path, name: &LocalName) -> io::Result<Self> {
        let path = Self::path(state_dir, name)?;
        loop {
            let file = open(&path)?;
            file.lock()?;
            if is_at(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }

    /// Takes the lock, or `None` where another has it.
    pub fn try_acquire(state_dir: &Path, name: &LocalName) -> io::Result<Option<Self>> {
        let path = Self::path(state_dir, name)?;
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => Ok(Some(Self { path, _file: file })),
            Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn path(state_dir: &Path, name: &LocalName) -> io::Result<PathBuf> {
        let dir = state_dir.join("lock");
        files::make_dir(&dir)?;
        Ok(dir.join(name.file_name()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held, so that whoever waits sees that the file is another one. A file
        // that cannot be removed is a lock all the same.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Whether the file that was locked is the one that others find: its last holder removed it.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(locked), Ok(found)) => locked.ino() == found.ino() && locked.dev() == found.dev(),
        _ => false,
    }
}
