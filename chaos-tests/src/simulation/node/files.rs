//! The files and locks of a simulated machine.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use ipam_plugin::local::files::Files;
use store::clock::Clock as _;

use super::Node;
use crate::simulation::clock::SimClock;

/// What lies below this is lost when the machine starts anew.
const VOLATILE: &str = "/run/";

/// All files of a machine.
#[derive(Default)]
pub(super) struct FileSystem {
    files: BTreeMap<String, File>,
    /// The locks that are held, with the number of the process that holds each.
    locks: BTreeMap<String, u64>,
    full: bool,
}

struct File {
    content: Vec<u8>,
    written: SystemTime,
}

/// A change of a file or a lock.
pub(super) enum Effect {
    Write(String, Vec<u8>, SystemTime),
    Remove(String),
    Unlock(String),
}

impl Effect {
    /// The content that the file at `path` has after it, if it is about that file: `None` for none.
    #[expect(
        clippy::option_option,
        reason = "a file that was removed is not one that was left alone"
    )]
    pub(super) fn content_of(&self, path: &str) -> Option<Option<(&[u8], SystemTime)>> {
        match self {
            Self::Write(file, content, written) if file == path => Some(Some((content, *written))),
            Self::Remove(file) if file == path => Some(None),
            _ => None,
        }
    }
}

impl FileSystem {
    pub(super) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    pub(super) fn has_room(&self) -> io::Result<()> {
        if self.full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    pub(super) fn get(&self, path: &str) -> Option<(&[u8], SystemTime)> {
        let file = self.files.get(path)?;
        Some((&file.content, file.written))
    }

    pub(super) fn names_in(&self, dir: &str) -> Vec<String> {
        let start = format!("{dir}/");
        let below = self.files.range(start.clone()..);
        let below = below.map_while(|(path, _)| path.strip_prefix(&start));
        below
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Write(path, content, written) => {
                self.files.insert(path, File { content, written });
            }
            Effect::Remove(path) => {
                self.files.remove(&path);
            }
            Effect::Unlock(path) => {
                self.locks.remove(&path);
            }
        }
    }

    pub(super) fn try_lock(&mut self, path: &str, process: u64) -> bool {
        let is_free = !self.locks.contains_key(path);
        if is_free {
            self.locks.insert(path.to_owned(), process);
        }
        is_free
    }

    pub(super) fn unlock_all(&mut self, process: u64) {
        self.locks.retain(|_, holder| *holder != process);
    }

    pub(super) fn reboot(&mut self) {
        self.files.retain(|path, _| !path.starts_with(VOLATILE));
        self.locks.clear();
    }
}

/// The name of a path in a [`FileSystem`].
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(super) fn absent() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

/// A machine's files as the harness sees and changes them, whatever its processes do.
#[derive(Clone)]
pub struct NodeFiles(pub(super) Node);

impl NodeFiles {
    fn now(&self) -> SystemTime {
        let Self(node) = self;
        let rng = rand::SeedableRng::seed_from_u64(0);
        SimClock::start(node.shared.began, node.wall(), rng).wall()
    }
}

impl Files for NodeFiles {
    type Lock = ();

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.0.state();
        let file = state.files.get(&text(path));
        file.map(|(content, _)| content.to_vec()).ok_or_else(absent)
    }

    fn write_durably(&self, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        let write = Effect::Write(text(&dir.join(name)), content.to_vec(), self.now());
        self.0.state().files.apply(write);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.state().files.apply(Effect::Remove(text(path)));
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.state().files.get(&text(path)).is_some()
    }

    fn names_in(&self, dir: &Path) -> Vec<String> {
        self.0.state().files.names_in(&text(dir))
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        let write = Effect::Write(text(path), Vec::new(), self.now());
        self.0.state().files.apply(write);
        Ok(())
    }

    fn touched(&self, path: &Path) -> io::Result<SystemTime> {
        let state = self.0.state();
        let file = state.files.get(&text(path));
        file.map(|(_, written)| written).ok_or_else(absent)
    }

    /// The harness is held up by nobody.
    fn try_lock(&self, _path: &Path) -> io::Result<Option<()>> {
        Ok(Some(()))
    }
}
