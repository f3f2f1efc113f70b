//! Small files that are there whole or not at all, and locks.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Serialize, de::DeserializeOwned};

/// Longer names are cut, so that with a temporary file's suffix they stay below the 255 bytes that
/// file systems take.
const LONGEST_NAME: usize = 200;

/// What the plugin needs of a file system. Its own is [`Disk`](super::disk::Disk); the same code
/// also runs over a model of one.
pub trait Files {
    /// A lock that is held until dropped, or until the process ends in whatever way.
    type Lock;

    /// Reads a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Writes a file whole and for good: a reader sees the old content or the new, and after a power
    /// loss too. Makes the directory where it is missing. Only its owner can read it.
    fn write_durably(&self, dir: &Path, name: &str, content: &[u8]) -> io::Result<()>;

    /// Removes a file. Its being gone already is as good.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Whether there is a file.
    fn exists(&self, path: &Path) -> bool;

    /// The names of the finished files of a directory, sorted. An absent one has none.
    fn names_in(&self, dir: &Path) -> Vec<String>;

    /// Makes a file empty, and as young as can be. Makes the directory where it is missing.
    fn touch(&self, path: &Path) -> io::Result<()>;

    /// When a file was last written, by the wall clock.
    fn touched(&self, path: &Path) -> io::Result<SystemTime>;

    /// Takes the lock of this path, or `None` where another has it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Self::Lock>>;

    /// Reads a JSON document. `None` where it is absent or damaged: then it says nothing.
    fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        let content = self.read(path).ok()?;
        serde_json::from_slice(&content).ok()
    }

    /// Writes a JSON document as [`Files::write_durably`] does.
    fn write_json<T: Serialize>(&self, dir: &Path, name: &str, content: &T) -> io::Result<()> {
        let content = serde_json::to_vec(content).map_err(io::Error::other)?;
        self.write_durably(dir, name, &content)
    }
}

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
