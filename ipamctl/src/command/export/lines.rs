//! What the store holds, line by line, in bounded memory: a page of entries, and some bytes for
//! every address.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write;

use anyhow::Context as _;
use serde_json::Value;
use store::address::Address;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::key::{KeyRange, holder_name, parse_space, space_segment};
use store::names::{Attachment, Space};
use store::record::{Holder, OwnerRecord};
use store::scan::Scan;
use store::txn::{Entry, Etcd};

use crate::archive::{Counts, Line, Writer};
use crate::command::Context;
use crate::output::Progress;

/// Writes what the store held at a revision.
pub(super) struct Exporter<'a, E, C, W> {
    context: &'a Context<E, C>,
    revision: i64,
    writer: Writer<W>,
    progress: &'a Progress,
    /// The names of the spaces seen so far, so that an address is told by a number and itself.
    spaces: HashMap<String, usize>,
    /// Addresses that attachments hold, with a hash of the holder's name, until a record names them.
    unnamed: HashMap<(usize, Address), u64>,
}

impl<'a, E: Etcd, C: Clock, W: Write> Exporter<'a, E, C, W> {
    pub(super) fn new(
        context: &'a Context<E, C>,
        revision: i64,
        writer: Writer<W>,
        progress: &'a Progress,
    ) -> Self {
        Self {
            context,
            revision,
            writer,
            progress,
            spaces: HashMap::new(),
            unnamed: HashMap::new(),
        }
    }

    /// Writes everything. In the order of keys addresses come before the records that name them.
    pub(super) async fn run(mut self) -> anyhow::Result<Counts> {
        let everything = self.context.store.keys().everything();
        let mut scan = Scan::as_of(everything, self.revision);
        while let Some(page) = self.next_page(&mut scan).await? {
            self.progress.advance(page.len());
            for entry in page {
                if let Some(line) = self.line(entry) {
                    self.writer.write(&line)?;
                }
            }
        }
        self.orphans().await?;
        Ok(self.writer.end()?)
    }

    async fn next_page(&self, scan: &mut Scan) -> anyhow::Result<Option<Vec<Entry>>> {
        let deadline = self.context.deadline();
        let page = self.context.store.next_page(scan, deadline).await;
        match page {
            Err(error @ EtcdError::Compacted { .. }) => Err(error).context(
                "etcd forgot this revision while it was exported, because it compacts so often; \
                 export again",
            ),
            page => Ok(page?),
        }
    }

    /// What is written for an entry; `None` for what says nothing, or nothing new.
    fn line(&mut self, entry: Entry) -> Option<Line> {
        let keys = self.context.store.keys();
        if let Some(cluster) = keys.parse_identity(&entry.key) {
            let uid = String::from_utf8_lossy(&entry.value).into_owned();
            return Some(Line::Cluster { cluster, uid });
        }
        if keys.is_of_this_store_alone(&entry.key) {
            return None;
        }
        let read = if keys.parse_owner(&entry.key).is_some() {
            self.owner(&entry).map(Some)
        } else if keys.parse_address(&entry.key).is_some() {
            self.address(&entry)
        } else if keys.parse_range_space(&entry.key).is_some() {
            self.range(&entry).map(Some)
        } else {
            Err("the key is none that this program knows".to_owned())
        };
        match read {
            Ok(line) => line,
            Err(reason) => Some(Line::damaged(entry.key, &entry.value, reason)),
        }
    }

    fn owner(&mut self, entry: &Entry) -> Result<Line, String> {
        let keys = self.context.store.keys();
        let attachment = keys.parse_owner(&entry.key).ok_or("no such key")?;
        let record = OwnerRecord::parse(&entry.value).map_err(|error| error.to_string())?;
        let holder = hash(&holder_name(&attachment));
        for held in &record.addresses {
            let place = (self.number(&held.space), held.address);
            if self.unnamed.get(&place) == Some(&holder) {
                self.unnamed.remove(&place);
            }
        }
        let Attachment {
            cluster,
            node,
            network,
            container,
            interface,
        } = attachment;
        Ok(Line::Owner {
            cluster,
            node,
            network,
            container,
            interface,
            record: json(&entry.value)?,
        })
    }

    fn address(&mut self, entry: &Entry) -> Result<Option<Line>, String> {
        let parsed = self.context.store.parse_address(entry);
        let (space, address, holder) = parsed.map_err(|damaged| damaged.reason)?;
        match holder.map_err(|damaged| damaged.reason)? {
            Holder::Attachment(attachment) => {
                let place = (self.number(&space), address);
                self.unnamed.insert(place, hash(&holder_name(&attachment)));
                Ok(None)
            }
            Holder::Cooldown(_) | Holder::Reservation(_) | Holder::Quarantine(_) => {
                Ok(Some(Line::Holder {
                    space: space_segment(&space),
                    address,
                    holder: json(&entry.value)?,
                }))
            }
        }
    }

    fn range(&self, entry: &Entry) -> Result<Line, String> {
        let store = &self.context.store;
        let parsed = store.parse_range(entry);
        let (space, record) = parsed.map_err(|damaged| damaged.reason)?;
        let key = record
            .range()
            .map(|range| store.keys().range(&space, &range));
        if key.as_deref() != Some(entry.key.as_str()) {
            return Err("the record is of another range than the key".to_owned());
        }
        Ok(Line::Range {
            space: space_segment(&space),
            record: json(&entry.value)?,
        })
    }

    /// Writes the addresses that no record named. They are few, or the store is badly damaged.
    async fn orphans(&mut self) -> anyhow::Result<()> {
        let names: HashMap<_, _> = self
            .spaces
            .drain()
            .map(|(name, number)| (number, name))
            .collect();
        let mut orphans: Vec<_> = self.unnamed.drain().map(|(place, _)| place).collect();
        orphans.sort_unstable();
        for (number, address) in orphans {
            let Some((name, space)) = names
                .get(&number)
                .and_then(|name| Some((name, parse_space(name)?)))
            else {
                continue;
            };
            let key = self.context.store.keys().address(&space, address);
            let mut scan = Scan::as_of(KeyRange::of_key(&key), self.revision);
            for entry in self.next_page(&mut scan).await?.into_iter().flatten() {
                self.writer.write(&Line::Orphan {
                    space: name.clone(),
                    address,
                    holder: String::from_utf8_lossy(&entry.value).into_owned(),
                })?;
            }
        }
        Ok(())
    }

    fn number(&mut self, space: &Space) -> usize {
        let next = self.spaces.len();
        *self.spaces.entry(space_segment(space)).or_insert(next)
    }
}

/// What was parsed as a record is JSON.
fn json(value: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
