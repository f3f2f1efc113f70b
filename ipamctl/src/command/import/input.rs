//! What is to be imported, as it was read and before it is compared with the store.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use store::address::Address;
use store::claim::PoolRange;
use store::import::{MOST_ADDRESSES, Parcel};
use store::names::{Attachment, Space};
use store::record::{HeldAddress, Kind};

/// Something to import: what it is, and what is written for it.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) what: What,
    /// Where it stands in the input, for people.
    pub(super) origin: String,
    pub(super) parcel: Parcel,
}

/// What can be imported.
#[derive(Debug)]
pub(super) enum What {
    Attachment {
        attachment: Attachment,
        addresses: Vec<HeldAddress>,
        kind: Kind,
    },
    /// An address that rests or that an operator keeps.
    Kept {
        space: Space,
        address: Address,
    },
    Range {
        space: Space,
        range: String,
    },
    Cluster {
        name: String,
    },
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attachment {
                attachment,
                addresses,
                ..
            } => {
                let addresses: Vec<_> = addresses
                    .iter()
                    .map(|held| held.address.to_string())
                    .collect();
                write!(
                    f,
                    "{} of {}/{} on {}",
                    addresses.join(", "),
                    attachment.container,
                    attachment.interface,
                    attachment.node
                )
            }
            Self::Kept { space, address } => write!(f, "{address} of space {space}"),
            Self::Range { space, range } => write!(f, "the range {range} of space {space}"),
            Self::Cluster { name } => write!(f, "the identity of the cluster {name}"),
        }
    }
}

/// Something that cannot be imported because something else is in its way.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Conflict {
    pub(super) what: String,
    pub(super) origin: String,
    pub(super) because: String,
}

/// Something that is not imported.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    pub(super) what: String,
    pub(super) origin: String,
    pub(super) because: String,
    /// Whether it may be in use.
    pub(super) matters: bool,
}

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) things: Vec<Thing>,
    pub(super) conflicts: Vec<Conflict>,
    pub(super) left_out: Vec<LeftOut>,
    /// Ranges to be registered as an ADD registers them.
    pub(super) ranges: Vec<PoolRange>,
    /// Which thing a key is written for.
    keys: HashMap<String, usize>,
}

impl Input {
    /// Takes one more thing, unless an earlier one is in its way.
    pub(super) fn add(&mut self, thing: Thing) {
        if let What::Attachment { addresses, .. } = &thing.what
            && addresses.len() > MOST_ADDRESSES
        {
            let because = format!(
                "it has {} addresses, more than the {MOST_ADDRESSES} that one transaction takes",
                addresses.len()
            );
            self.leave_out(thing.what.to_string(), thing.origin, because, true);
            return;
        }
        let earlier = thing.parcel.keys().find_map(|key| self.keys.get(key));
        if let Some(earlier) = earlier.and_then(|index| self.things.get(*index)) {
            self.conflicts.push(Conflict {
                what: thing.what.to_string(),
                origin: thing.origin,
                because: format!(
                    "the input has {} as well ({})",
                    earlier.what, earlier.origin
                ),
            });
            return;
        }
        let index = self.things.len();
        let keys = thing.parcel.keys().map(|key| (key.to_owned(), index));
        self.keys.extend(keys);
        self.things.push(thing);
    }

    /// Notes what is not imported, and whether that matters.
    pub(super) fn leave_out(
        &mut self,
        what: impl Into<String>,
        origin: impl Into<String>,
        because: impl Into<String>,
        matters: bool,
    ) {
        self.left_out.push(LeftOut {
            what: what.into(),
            origin: origin.into(),
            because: because.into(),
            matters,
        });
    }
}

/// A file, or standard input where it is called `-`.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unusable = || format!("{} cannot be read", path.display());
    if path.as_os_str() != "-" {
        return std::fs::read(path).with_context(unusable);
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.with_context(unusable)?;
    Ok(bytes)
}
