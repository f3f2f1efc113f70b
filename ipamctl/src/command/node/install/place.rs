//! Files that others use while they are replaced.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use store::clock::random_id;

/// The ending of what is being written, and after how long nobody writes it any more.
const TEMPORARY: &str = ".tmp";
const ABANDONED: Duration = Duration::from_mins(5);

/// Puts a file in its place, whole and for good: whoever opens it gets the old content or the new,
/// and whoever has it open keeps what it had. `false`: it stood there like that already.
pub(in crate::command::node) fn put(
    dir: &Path,
    name: &str,
    content: &[u8],
    mode: u32,
) -> io::Result<bool> {
    let path = dir.join(name);
    if stands(&path, content, mode)? {
        return Ok(false);
    }
    replace(dir, name, |temporary| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    })?;
    Ok(true)
}

/// Makes a symbolic link lead to `target`, at once.
pub(super) fn link(dir: &Path, name: &str, target: &str) -> io::Result<()> {
    replace(dir, name, |temporary| symlink(target, temporary))
}

/// Makes a directory that is open to root alone, with its parents.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn stands(path: &Path, content: &[u8], mode: u32) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    let alike = found.is_file()
        && found.permissions().mode() & 0o7777 == mode
        && u64::try_from(content.len()).is_ok_and(|length| length == found.len());
    Ok(alike && fs::read(path)? == content)
}

fn replace(dir: &Path, name: &str, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    remove_abandoned(dir, name)?;
    let temporary = dir.join(format!(".{name}.{}{TEMPORARY}", random_id()));
    let placed = write(&temporary)
        .and_then(|()| fs::rename(&temporary, dir.join(name)))
        .and_then(|()| File::open(dir)?.sync_all());
    if placed.is_err() {
        // Gone already if the rename was done; else whoever comes next removes it.
        let _ = fs::remove_file(&temporary);
    }
    placed
}

/// Removes what a process left that was killed while it wrote.
fn remove_abandoned(dir: &Path, name: &str) -> io::Result<()> {
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(&prefix) || !name.ends_with(TEMPORARY) {
            continue;
        }
        let written = fs::symlink_metadata(entry.path()).and_then(|found| found.modified());
        if written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use tempfile::TempDir;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_stands_already_is_not_written_again() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("it");
        assert!(put(dir.path(), "it", b"one", 0o755).unwrap());
        let first = fs::metadata(&path).unwrap();
        assert_eq!(first.mode() & 0o7777, 0o755);
        assert!(!put(dir.path(), "it", b"one", 0o755).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), first.ino());
        for (content, mode) in [(b"one", 0o600), (b"two", 0o600)] {
            assert!(put(dir.path(), "it", content, mode).unwrap());
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
        }
        assert_eq!(names(dir.path()), ["it"]);
    }

    #[test]
    fn who_has_the_file_open_keeps_what_it_had() {
        let dir = TempDir::new().unwrap();
        put(dir.path(), "it", b"old", 0o600).unwrap();
        let open = File::open(dir.path().join("it")).unwrap();
        put(dir.path(), "it", b"new", 0o600).unwrap();
        assert_eq!(io::read_to_string(open).unwrap(), "old");
    }

    #[test]
    fn a_link_is_replaced_and_not_what_it_leads_to() {
        let dir = TempDir::new().unwrap();
        put(dir.path(), "elsewhere", b"one", 0o600).unwrap();
        link(dir.path(), "it", "elsewhere").unwrap();
        link(dir.path(), "it", "nowhere").unwrap();
        link(dir.path(), "it", "elsewhere").unwrap();
        assert!(put(dir.path(), "it", b"one", 0o600).unwrap());
        assert!(dir.path().join("it").symlink_metadata().unwrap().is_file());
        assert_eq!(names(dir.path()), ["elsewhere", "it"]);
    }

    #[test]
    fn what_cannot_be_placed_leaves_nothing_behind() {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("it")).unwrap();
        assert!(put(dir.path(), "it", b"one", 0o600).is_err());
        assert_eq!(names(dir.path()), ["it"]);
    }

    #[test]
    fn only_what_was_abandoned_is_removed() {
        let dir = TempDir::new().unwrap();
        for (name, age) in [(".it.1.tmp", 10), (".it.2.tmp", 0), (".other.1.tmp", 10)] {
            let file = File::create(dir.path().join(name)).unwrap();
            let written = std::time::SystemTime::now() - Duration::from_mins(age);
            file.set_modified(written).unwrap();
        }
        put(dir.path(), "it", b"", 0o600).unwrap();
        assert_eq!(names(dir.path()), [".it.2.tmp", ".other.1.tmp", "it"]);
    }
}
