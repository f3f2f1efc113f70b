//! How far this node has seen each store: a store that shows less was brought back from the past.

use std::io;
use std::path::{Path, PathBuf};

use store::gate::{Admitted, Seen};

use super::Place;
use super::files::{self, Files};

/// Where it is in the state directory.
const DIRECTORY: &str = "seen";

/// The memory of one node for the store of one place.
pub struct Memory<F> {
    files: F,
    dir: PathBuf,
    name: String,
}

/// The furthest that this node has seen the store of this id, whatever endpoints led to it.
pub fn furthest(files: &impl Files, state_dir: &Path, store_id: &str) -> Option<Seen> {
    let dir = state_dir.join(DIRECTORY);
    let memories = files.names_in(&dir).into_iter();
    let memories = memories.filter_map(|name| files.read_json::<(String, Seen)>(&dir.join(name)));
    memories
        .filter(|(id, _)| id == store_id)
        .map(|(_, seen)| seen)
        .max()
}

impl<F: Files> Memory<F> {
    /// The memory of the store at `place`, in this state directory.
    pub fn new(files: F, state_dir: &Path, place: &Place) -> Self {
        let mut endpoints = place.etcd.endpoints().to_vec();
        endpoints.sort_unstable();
        let identity = format!("{}\0{}", endpoints.join("\0"), place.etcd.prefix());
        let name = format!("{:016x}", files::fnv1a(identity.as_bytes()));
        Self {
            files,
            dir: state_dir.join(DIRECTORY),
            name,
        }
    }

    /// The store's id and how far it was seen. To be read before etcd is asked: what others of this
    /// node saw by then, a later answer cannot lack.
    pub fn read(&self) -> Option<(String, Seen)> {
        self.files.read_json(&self.dir.join(&self.name))
    }

    /// Remembers an answer, unless more was seen already.
    pub fn remember(&self, admitted: &Admitted) -> io::Result<()> {
        match self.read() {
            Some((id, seen)) if id == admitted.store_id && seen >= admitted.seen => Ok(()),
            _ => {
                let content = (&admitted.store_id, admitted.seen);
                self.files.write_json(&self.dir, &self.name, &content)
            }
        }
    }
}
