//! Looks up what stands at some addresses, without reading what else there is.
//!
//! Everything here is read as of a revision, so that several answers fit together.

use crate::address::Address;
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::inspect::{Damaged, Owner};
use crate::key::KeyRange;
use crate::names::{Attachment, Space};
use crate::record::{Holder, RangeRecord};
use crate::retry::Deadline;
use crate::scan::Scan;
use crate::store::Store;
use crate::txn::{Entry, Etcd, Get, GetReply, View};

/// How many keys one transaction reads at most; etcd's limit is 128 operations.
const BATCH: usize = 100;

/// A taken address.
#[derive(Debug)]
pub struct Found {
    /// Who holds it; [`Damaged`] where that cannot be read.
    pub holder: Result<Holder, Damaged>,
    /// The revision that wrote it.
    pub mod_revision: i64,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// The store's revision now.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn revision(&self, deadline: Deadline) -> Result<i64, EtcdError> {
        let (header, _) = self.read([Get::key(self.keys.store())], deadline).await?;
        Ok(header.revision)
    }

    /// The spaces in which an address is taken. Takes a trip for each of them, and reads no values.
    ///
    /// # Errors
    /// As [`Store::revision`]; [`EtcdError::Compacted`] if etcd has forgotten the revision.
    pub async fn spaces(&self, revision: i64, deadline: Deadline) -> Result<Vec<Space>, EtcdError> {
        let mut spaces = Vec::new();
        let mut rest = self.keys.all_addresses();
        loop {
            let first = Get::range(rest.clone(), View::Keys, 1).as_of(revision);
            let (_, replies) = self.read([first], deadline).await?;
            let Some(first) = replies.into_iter().next().and_then(GetReply::into_entry) else {
                return Ok(spaces);
            };
            let (space, KeyRange { end, .. }) = self.keys.space_of(&first.key);
            spaces.extend(space);
            rest.start = end;
        }
    }

    /// What stands at these addresses, in their order; `None` where one is free.
    ///
    /// # Errors
    /// As [`Store::spaces`].
    pub async fn look_up(
        &self,
        addresses: &[(&Space, Address)],
        revision: i64,
        deadline: Deadline,
    ) -> Result<Vec<Option<Found>>, EtcdError> {
        let mut found = Vec::with_capacity(addresses.len());
        for batch in addresses.chunks(BATCH) {
            let gets = batch.iter().map(|(space, address)| {
                Get::key(self.keys.address(space, *address)).as_of(revision)
            });
            let (_, replies) = self.read(gets, deadline).await?;
            found.extend(replies.into_iter().map(|reply| {
                let entry = reply.into_entry()?;
                Some(self.found_of(&entry))
            }));
        }
        Ok(found)
    }

    fn found_of(&self, entry: &Entry) -> Found {
        Found {
            holder: match self.parse_address(entry) {
                Ok((_, _, holder)) => holder,
                Err(damaged) => Err(damaged),
            },
            mod_revision: entry.mod_revision,
        }
    }

    /// The owner record of an attachment; `None` where it has none, [`Damaged`] where it cannot be
    /// read.
    ///
    /// # Errors
    /// As [`Store::spaces`].
    pub async fn owner_as_of(
        &self,
        attachment: &Attachment,
        revision: i64,
        deadline: Deadline,
    ) -> Result<Option<Result<Owner, Damaged>>, EtcdError> {
        let get = Get::key(self.keys.owner(attachment)).as_of(revision);
        let (_, replies) = self.read([get], deadline).await?;
        let entry = replies.into_iter().next().and_then(GetReply::into_entry);
        Ok(entry.map(|entry| self.parse_owner(entry)))
    }

    /// Every configured range. Those that cannot be read are left out.
    ///
    /// # Errors
    /// As [`Store::spaces`].
    pub async fn range_records(
        &self,
        revision: i64,
        deadline: Deadline,
    ) -> Result<Vec<(Space, RangeRecord)>, EtcdError> {
        let mut records = Vec::new();
        let mut scan = Scan::as_of(self.keys.all_ranges(), revision);
        while let Some(page) = self.next_page(&mut scan, deadline).await? {
            records.extend(page.iter().filter_map(|entry| self.parse_range(entry).ok()));
        }
        Ok(records)
    }
}
