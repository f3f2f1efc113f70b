//! The journal: one file per attachment that says where its ADD wrote.
//!
//! It lets a DEL that was given nothing but names find its records, and after a restored etcd it
//! is what the node says that it holds.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use store::gate::Seen;
use store::record::OwnerRecord;

use super::files::Files;
use super::{LocalName, Place};

/// What one ADD wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the entry.
    pub v: u32,
    /// Whose it is.
    pub name: LocalName,
    /// Where it wrote.
    pub place: Place,
    /// The store that was there.
    pub store_id: String,
    /// How far the store was when it wrote.
    pub seen: Seen,
    /// What it wrote; its boot says in which life of the machine.
    pub record: OwnerRecord,
}

/// The journal of one node.
pub struct Journal<F> {
    files: F,
    dir: PathBuf,
}

impl<F: Files> Journal<F> {
    /// The journal in this state directory.
    pub fn new(files: F, state_dir: &Path) -> Self {
        Self {
            files,
            dir: state_dir.join("journal"),
        }
    }

    /// Writes an attachment's entry, durably within the boot.
    pub fn write(&self, entry: &Entry) -> io::Result<()> {
        self.files
            .write_json(&self.dir, &entry.name.file_name(), entry)
    }

    /// The entry of an attachment, if there is one.
    pub fn read(&self, name: &LocalName) -> Option<Entry> {
        let entry: Entry = self.files.read_json(&self.dir.join(name.file_name()))?;
        (entry.name == *name).then_some(entry)
    }

    /// Forgets an attachment.
    pub fn remove(&self, name: &LocalName) -> io::Result<()> {
        self.files.remove(&self.dir.join(name.file_name()))
    }

    /// Forgets an attachment if its entry was written under the random `id`.
    pub fn remove_if(&self, name: &LocalName, id: &str) -> io::Result<()> {
        match self.read(name) {
            Some(entry) if entry.record.id == id => self.remove(name),
            _ => Ok(()),
        }
    }

    /// All entries, and the files that cannot be read as one.
    pub fn entries(&self) -> (Vec<Entry>, Vec<PathBuf>) {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        for name in self.files.names_in(&self.dir) {
            let path = self.dir.join(name);
            match self.files.read_json(&path) {
                Some(entry) => entries.push(entry),
                // A DEL removed it meanwhile.
                None if !self.files.exists(&path) => {}
                None => unreadable.push(path),
            }
        }
        (entries, unreadable)
    }

    /// The places where this node wrote for a network, each once.
    pub fn places(&self, network: &str) -> Vec<Place> {
        let mut places = Vec::new();
        for entry in self.entries().0 {
            if entry.name.network == network && !places.contains(&entry.place) {
                places.push(entry.place);
            }
        }
        places
    }
}
