//! The machine's own files and locks.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::Files;

/// The ending of a file that is being written, and after how long nobody writes it any more: no
/// process lives that long.
const TEMPORARY: &str = "tmp";
const ABANDONED: Duration = Duration::from_mins(1);

/// The file system that the process sees.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

/// A file that is locked with `flock(2)`, and removed when the lock ends.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    _file: File,
}

impl Files for Disk {
    type Lock = FileLock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write_durably(&self, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        match write_in(dir, name, content) {
            // The first of its kind on this node.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_dir(dir)?;
                write_in(dir, name, content)
            }
            result => result,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    /// What a process left half-written that was killed is removed.
    fn names_in(&self, dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut names = Vec::new();
        for entry in entries {
            if entry.path().extension().is_some_and(|end| end == TEMPORARY) {
                let written = entry.metadata().and_then(|file| file.modified());
                if written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED)) {
                    // If it cannot be removed, it is only in the way of the eye.
                    let _ = fs::remove_file(entry.path());
                }
            } else if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        names
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        make_parent(path)?;
        fs::write(path, [])
    }

    fn touched(&self, path: &Path) -> io::Result<SystemTime> {
        fs::metadata(path)?.modified()
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        make_parent(path)?;
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => Ok(Some(FileLock::new(path, file))),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl FileLock {
    fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            _file: file,
        }
    }
}

impl Drop for FileLock {
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

/// Makes a directory and its parents, open to root only: entries may name secrets.
fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), make_dir)
}

fn write_in(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.{}.{TEMPORARY}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    File::open(dir)?.sync_all()
}
