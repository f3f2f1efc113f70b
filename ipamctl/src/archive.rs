//! The file that `export` writes and `import` reads: JSON, one object a line.
//!
//! The first line is the [`Header`], each further one a [`Line`], the last of which is the end; a
//! file without an end was cut off.

mod read;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::address::Address;

pub use self::read::{ArchiveError, read};

/// What a file of ours says that it is.
pub const FORMAT: &str = "etcd-ipam-export";
/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Of which store the file is, and as of when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The store's id.
    pub store_id: String,
    /// What all its keys begin with.
    pub prefix: String,
    /// The revision of which all of it is.
    pub revision: i64,
    /// When it was written, by the wall clock (RFC 3339).
    pub exported: String,
    /// The version of the program.
    pub program: String,
    /// Why the store was frozen, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
}

/// One thing that the store held. Spaces are written as in keys and records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// An attachment; that its addresses are taken follows from its record.
    Owner {
        /// The Kubernetes cluster's name.
        cluster: String,
        /// The node's name.
        node: String,
        /// The CNI network's name.
        network: String,
        /// The container's ID.
        container: String,
        /// The interface's name.
        interface: String,
        /// The owner record.
        record: Value,
    },
    /// An address that rests or that an operator keeps.
    Holder {
        /// Where it is unique.
        space: String,
        /// The address.
        address: Address,
        /// The address key's value.
        holder: Value,
    },
    /// What was configured for a range.
    Range {
        /// Where its addresses are unique.
        space: String,
        /// The range record.
        record: Value,
    },
    /// Which Kubernetes cluster goes by a name.
    Cluster {
        /// The name.
        cluster: String,
        /// The uid of its namespace `kube-system`.
        uid: String,
    },
    /// An address whose holder has no record that names it.
    Orphan {
        /// Where it is unique.
        space: String,
        /// The address.
        address: Address,
        /// The holder's name.
        holder: String,
    },
    /// A key or a value that cannot be read.
    Damaged {
        /// The key.
        key: String,
        /// The value.
        value_base64: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is complete.
    End(Counts),
}

impl Line {
    /// What cannot be read, as it is.
    pub fn damaged(key: String, value: &[u8], reason: String) -> Self {
        Self::Damaged {
            key,
            value_base64: STANDARD.encode(value),
            reason,
        }
    }
}

/// How many lines of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Attachments.
    pub owners: u64,
    /// Addresses that rest or that an operator keeps.
    pub holders: u64,
    /// Configured ranges.
    pub ranges: u64,
    /// Clusters that are known by their uid.
    pub clusters: u64,
    /// Addresses without a record.
    pub orphans: u64,
    /// Keys and values that cannot be read.
    pub damaged: u64,
}

impl Counts {
    fn count(&mut self, line: &Line) {
        let counter = match line {
            Line::Owner { .. } => &mut self.owners,
            Line::Holder { .. } => &mut self.holders,
            Line::Range { .. } => &mut self.ranges,
            Line::Cluster { .. } => &mut self.clusters,
            Line::Orphan { .. } => &mut self.orphans,
            Line::Damaged { .. } => &mut self.damaged,
            Line::End(_) => return,
        };
        *counter += 1;
    }
}

/// Writes an archive line by line.
pub struct Writer<W> {
    to: W,
    counts: Counts,
}

impl<W: Write> Writer<W> {
    /// Begins with the header.
    ///
    /// # Errors
    /// Those of `to`, here and in the other functions.
    pub fn begin(mut to: W, header: &Header) -> io::Result<Self> {
        write_line(&mut to, header)?;
        Ok(Self {
            to,
            counts: Counts::default(),
        })
    }

    /// Writes one thing.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        self.counts.count(line);
        write_line(&mut self.to, line)
    }

    /// Writes the end.
    pub fn end(mut self) -> io::Result<Counts> {
        write_line(&mut self.to, &Line::End(self.counts))?;
        self.to.flush()?;
        Ok(self.counts)
    }
}

fn write_line(mut to: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut to, line)?;
    to.write_all(b"\n")
}
