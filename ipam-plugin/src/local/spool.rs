//! The spool: releases that must still be delivered.
//!
//! A DEL writes its release here before anything else and removes it once etcd has taken it. What
//! stays is delivered by a later call on the node, oldest first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::files::Files;
use super::{LocalName, Place};

/// One release to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the entry.
    pub v: u32,
    /// Whose addresses.
    pub name: LocalName,
    /// Where they are held. `None`: no settings were there, so wherever the node's file says when
    /// it is delivered.
    pub place: Option<Place>,
    /// In which store; any that is there, where the DEL did not know.
    pub store_id: Option<String>,
    /// The full owner key, for whoever reads the file.
    pub owner_key: Option<String>,
}

/// The spool of one node.
pub struct Spool<F> {
    files: F,
    dir: PathBuf,
}

/// An entry that stands in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    file: String,
    /// What it says.
    pub entry: Entry,
}

impl<F: Files> Spool<F> {
    /// The spool in this directory.
    pub fn new(files: F, dir: &Path) -> Self {
        Self {
            files,
            dir: dir.to_owned(),
        }
    }

    /// Writes a release down for good: it survives a power loss.
    pub fn add(&self, entry: Entry, now: SystemTime) -> io::Result<Spooled> {
        let mut stamp = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let name = entry.name.file_name();
        let mut file = format!("{stamp:020}-{name}");
        while self.files.exists(&self.dir.join(&file)) {
            stamp += 1;
            file = format!("{stamp:020}-{name}");
        }
        self.files.write_json(&self.dir, &file, &entry)?;
        Ok(Spooled { file, entry })
    }

    /// Takes a release out again: it was delivered, or must not be.
    pub fn remove(&self, spooled: &Spooled) -> io::Result<()> {
        self.files.remove(&self.dir.join(&spooled.file))
    }

    /// Whether an entry is still to be delivered.
    pub fn holds(&self, spooled: &Spooled) -> bool {
        self.files.exists(&self.dir.join(&spooled.file))
    }

    /// All entries, the oldest first. What cannot be read is named in a warning and left.
    pub fn entries(&self) -> Vec<Spooled> {
        let (entries, unreadable) = self.entries_and_unreadable();
        for path in unreadable {
            tracing::warn!(path = %path.display(), "a spooled release cannot be read");
        }
        entries
    }

    /// All entries, the oldest first, and the files that cannot be read as one.
    pub fn entries_and_unreadable(&self) -> (Vec<Spooled>, Vec<PathBuf>) {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        for file in self.files.names_in(&self.dir) {
            let path = self.dir.join(&file);
            match self.files.read_json(&path) {
                Some(entry) => entries.push(Spooled { file, entry }),
                // It was delivered meanwhile.
                None if !self.files.exists(&path) => {}
                None => unreadable.push(path),
            }
        }
        (entries, unreadable)
    }

    /// Takes out every release of one attachment: it is about to live again.
    pub fn forget(&self, name: &LocalName) -> io::Result<()> {
        let suffix = format!("-{}", name.file_name());
        for file in self.files.names_in(&self.dir) {
            let is_its = file.get(20..) == Some(&suffix);
            let entry: Option<Entry> = if is_its {
                self.files.read_json(&self.dir.join(&file))
            } else {
                None
            };
            if entry.is_some_and(|entry| entry.name == *name) {
                self.files.remove(&self.dir.join(file))?;
            }
        }
        Ok(())
    }
}
