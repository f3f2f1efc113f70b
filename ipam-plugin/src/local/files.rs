//! Small files that are there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

/// Longer names are cut, so that with a temporary file's suffix they stay below the 255 bytes that
/// file systems take.
const LONGEST_NAME: usize = 200;

/// The ending of a file that is being written, and after how long nobody writes it any more: no
/// process lives that long.
const TEMPORARY: &str = "tmp";
const ABANDONED: Duration = Duration::from_mins(1);

/// One name for several parts that no other parts share. Parts that are too long for a file's name
/// are cut and told apart by a hash; what is in the file says whose it is.
pub fn name_of(parts: &[&str]) -> String {
    let name = parts
        .iter()
        .map(|part| store::key::encode(part))
        .collect::<Vec<_>>()
        .join("@");
    match name.get(..LONGEST_NAME) {
        Some(beginning) if name.len() > LONGEST_NAME => {
            format!("{beginning}~{:016x}", fnv1a(name.as_bytes()))
        }
        _ => name,
    }
}

/// FNV-1a: the same on every machine and in every version, which the standard library's is not.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Makes a directory and its parents, open to root only: entries may name secrets.
pub fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file whole and for good: a reader sees the old content or the new, and after a power
/// loss too. Only its owner can read it.
pub fn write_durably<T: Serialize>(dir: &Path, name: &str, content: &T) -> io::Result<()> {
    let content = serde_json::to_vec(content).map_err(io::Error::other)?;
    match write_in(dir, name, &content) {
        // The first of its kind on this node.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_dir(dir)?;
            write_in(dir, name, &content)
        }
        result => result,
    }
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

/// Reads a file. `None` where it is absent or damaged: then it says nothing.
pub fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let content = fs::read(path).ok()?;
    serde_json::from_slice(&content).ok()
}

/// Removes a file. Its being gone already is as good.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The names of the finished files of a directory, sorted. An absent one has none. What a process
/// left half-written that was killed is removed.
pub fn names_in(dir: &Path) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_fits_a_file_system_and_tells_its_parts_apart(
            one in proptest::array::uniform3(".{0,120}"), two in proptest::array::uniform3(".{0,120}"),
        ) {
            let [first, second] = [&one, &two].map(|parts| {
                name_of(&parts.each_ref().map(String::as_str))
            });
            prop_assert!(first.len() <= 230 && !first.contains('/'));
            prop_assert_eq!(first == second, one == two);
        }
    }
}
