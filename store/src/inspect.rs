//! Reads what the store holds: for CHECK, GC and STATUS, and for an operator's listings.

use std::collections::VecDeque;

use crate::address::Address;
use crate::claim::PoolRange;
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::{Admitted, Refusal};
use crate::key::{KeyRange, holder_name};
use crate::names::{Attachment, Space};
use crate::range::Range;
use crate::record::{DamagedValue, HeldAddress, Holder, OwnerRecord, RangeRecord, StoreRecord};
use crate::release::Judged;
use crate::retry::Deadline;
use crate::scan::Scan;
use crate::store::Store;
use crate::txn::{Entry, Etcd, Get, GetReply, Op, Txn};

/// One attachment as the store knows it.
#[derive(Debug)]
pub struct Owner {
    /// Who.
    pub attachment: Attachment,
    /// What it holds.
    pub record: OwnerRecord,
    /// The record as it was read.
    pub judged: Judged,
}

/// A key whose name or value is not what belongs there. It counts as taken.
#[derive(Debug)]
pub struct Damaged {
    /// The key.
    pub key: String,
    /// What is wrong, for people.
    pub reason: String,
}

/// A configured range and how it is used.
#[derive(Debug)]
pub struct RangeUsage {
    /// Where its addresses are unique.
    pub space: Space,
    /// What was configured.
    pub record: RangeRecord,
    /// The range that this is; `None` where the record's prefix does not fit its family.
    pub range: Option<Range>,
    /// How many addresses may be given out.
    pub total: u128,
    /// How many of them attachments hold.
    pub allocated: u128,
    /// How many rest.
    pub resting: u128,
    /// How many an operator keeps, or a value that cannot be read.
    pub reserved: u128,
}

impl RangeUsage {
    /// A range of which nothing has been counted yet.
    pub fn new(space: Space, record: RangeRecord) -> Self {
        let range = record.range();
        Self {
            space,
            total: range.as_ref().map_or(0, Range::size),
            range,
            record,
            allocated: 0,
            resting: 0,
            reserved: 0,
        }
    }

    /// Counts a taken address of the space, if it is one that the range gives out. `None` stands
    /// for a holder that cannot be read.
    pub fn count(&mut self, address: Address, holder: Option<&Holder>) {
        if !self
            .range
            .as_ref()
            .is_some_and(|range| range.contains(address))
        {
            return;
        }
        match holder {
            Some(Holder::Attachment(_)) => self.allocated += 1,
            Some(Holder::Cooldown(_)) => self.resting += 1,
            Some(Holder::Reservation(_) | Holder::Quarantine(_)) | None => self.reserved += 1,
        }
    }

    /// How many addresses are free.
    pub fn free(&self) -> u128 {
        self.total
            .saturating_sub(self.allocated + self.resting + self.reserved)
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Asks whether the store may give out addresses now.
    ///
    /// # Errors
    /// The outer error says that etcd could not be asked, the inner one why the store may not.
    pub async fn readiness(
        &self,
        deadline: Deadline,
    ) -> Result<Result<Admitted, Refusal>, EtcdError> {
        let gets = [self.keys.store(), self.keys.freeze()].map(Get::key);
        let (header, replies) = self.read(gets, deadline).await?;
        let mut replies = replies.iter();
        let (store, freeze) = (replies.next(), replies.next());
        Ok(self.admit(header, store, freeze))
    }

    /// The store's birth certificate, whatever speaks against using that store; `None` where there
    /// is none. The inner error says that it cannot be read.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn birth_certificate(
        &self,
        deadline: Deadline,
    ) -> Result<Option<Result<StoreRecord, DamagedValue>>, EtcdError> {
        let (_, entry) = self.read_key(self.keys.store(), deadline).await?;
        Ok(entry.map(|entry| StoreRecord::parse(&entry.value)))
    }

    /// The owner record of an attachment, or `None` where it has none.
    ///
    /// # Errors
    /// As [`Store::readiness`]; the inner error says that the record cannot be read.
    pub async fn owner(
        &self,
        attachment: &Attachment,
        deadline: Deadline,
    ) -> Result<Option<Result<OwnerRecord, DamagedValue>>, EtcdError> {
        let key = self.keys.owner(attachment);
        let (_, entry) = self.read_key(key, deadline).await?;
        Ok(entry.map(|entry| OwnerRecord::parse(&entry.value)))
    }

    /// Those of some addresses that `attachment` does not hold.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn not_held_by(
        &self,
        attachment: &Attachment,
        addresses: &[HeldAddress],
        deadline: Deadline,
    ) -> Result<Vec<HeldAddress>, EtcdError> {
        let gets = addresses
            .iter()
            .map(|held| self.keys.address(&held.space, held.address));
        let (_, replies) = self.read(gets.map(Get::key), deadline).await?;
        let holder = holder_name(attachment);
        let held_by_it = |reply: &GetReply| {
            reply
                .entries
                .first()
                .is_some_and(|entry| entry.value == holder.as_bytes())
        };
        let pairs = addresses.iter().zip(&replies);
        Ok(pairs
            .filter(|(_, reply)| !held_by_it(reply))
            .map(|(held, _)| held.clone())
            .collect())
    }

    /// Everything that one node holds on one network, read at one time.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked; there is no partial answer.
    pub async fn owners_on_node(
        &self,
        cluster: &str,
        node: &str,
        network: &str,
        deadline: Deadline,
    ) -> Result<(Vec<Owner>, Vec<Damaged>), EtcdError> {
        self.owners_in(self.keys.owners_of(cluster, node, network), deadline)
            .await
    }

    /// Everything that one node holds, read at one time.
    ///
    /// # Errors
    /// As [`Store::owners_on_node`].
    pub async fn owners_of_node(
        &self,
        cluster: &str,
        node: &str,
        deadline: Deadline,
    ) -> Result<(Vec<Owner>, Vec<Damaged>), EtcdError> {
        self.owners_in(self.keys.owners_of_node(cluster, node), deadline)
            .await
    }

    async fn owners_in(
        &self,
        stretch: KeyRange,
        deadline: Deadline,
    ) -> Result<(Vec<Owner>, Vec<Damaged>), EtcdError> {
        let (mut owners, mut damaged) = (Vec::new(), Vec::new());
        for entry in self.entries(stretch, deadline).await? {
            match self.parse_owner(entry) {
                Ok(owner) => owners.push(owner),
                Err(broken) => damaged.push(broken),
            }
        }
        Ok((owners, damaged))
    }

    /// Reads one entry of a listing of owner records.
    ///
    /// # Errors
    /// [`Damaged`] if it is none.
    pub fn parse_owner(&self, entry: Entry) -> Result<Owner, Damaged> {
        let damaged = |reason: String| Damaged {
            key: entry.key.clone(),
            reason,
        };
        let attachment = self.keys.parse_owner(&entry.key);
        let attachment =
            attachment.ok_or_else(|| damaged("the key is not an attachment's".to_owned()))?;
        let record =
            OwnerRecord::parse(&entry.value).map_err(|error| damaged(error.to_string()))?;
        Ok(Owner {
            attachment,
            record,
            judged: entry.into(),
        })
    }

    /// Reads one entry of a listing of address keys: which address, and who holds it.
    ///
    /// # Errors
    /// [`Damaged`]: the outer error if the key is not an address's, the inner one if its holder
    /// cannot be read. The address counts as taken.
    pub fn parse_address(
        &self,
        entry: &Entry,
    ) -> Result<(Space, Address, Result<Holder, Damaged>), Damaged> {
        let damaged = |reason: String| Damaged {
            key: entry.key.clone(),
            reason,
        };
        let (space, address) = self
            .keys
            .parse_address(&entry.key)
            .ok_or_else(|| damaged("the key is not an address's".to_owned()))?;
        let holder = Holder::parse(&entry.value).map_err(|error| damaged(error.to_string()));
        Ok((space, address, holder))
    }

    /// Reads one entry of a listing of ranges.
    ///
    /// # Errors
    /// [`Damaged`] if it is none.
    pub fn parse_range(&self, entry: &Entry) -> Result<(Space, RangeRecord), Damaged> {
        let damaged = |reason: String| Damaged {
            key: entry.key.clone(),
            reason,
        };
        let space = self
            .keys
            .parse_range_space(&entry.key)
            .ok_or_else(|| damaged("the key is not a range's".to_owned()))?;
        let record =
            RangeRecord::parse(&entry.value).map_err(|error| damaged(error.to_string()))?;
        Ok((space, record))
    }

    /// Every configured range with its use.
    ///
    /// # Errors
    /// As [`Store::owners_on_node`].
    pub async fn ranges(
        &self,
        deadline: Deadline,
    ) -> Result<(Vec<RangeUsage>, Vec<Damaged>), EtcdError> {
        let (mut ranges, mut damaged) = (Vec::new(), Vec::new());
        for entry in self.entries(self.keys.all_ranges(), deadline).await? {
            match self.parse_range(&entry) {
                Ok((space, record)) => ranges.push(self.usage(space, record, deadline).await?),
                Err(broken) => damaged.push(broken),
            }
        }
        Ok((ranges, damaged))
    }

    async fn usage(
        &self,
        space: Space,
        record: RangeRecord,
        deadline: Deadline,
    ) -> Result<RangeUsage, EtcdError> {
        let span = record.bounds;
        let mut usage = RangeUsage::new(space.clone(), record);
        self.each_holder(&space, span, deadline, |address, holder| {
            usage.count(address, holder.ok().as_ref());
        })
        .await?;
        Ok(usage)
    }

    /// Writes down what is configured for a range, for listings and metrics.
    ///
    /// # Errors
    /// [`EtcdError`]; nothing but a listing is the worse for it.
    pub async fn register_range(
        &self,
        range: &PoolRange,
        deadline: Deadline,
    ) -> Result<(), EtcdError> {
        let seen = humantime::format_rfc3339_seconds(self.clock.wall()).to_string();
        let key = self.keys.range(&range.space, &range.range);
        let record = RangeRecord::new(&range.range, seen);
        let put = Op::Put(key, record.to_json().into_bytes());
        self.persist(
            &Txn {
                then: vec![put],
                ..Txn::default()
            },
            deadline,
        )
        .await?;
        Ok(())
    }

    /// All entries of a stretch, as of one revision.
    async fn entries(
        &self,
        stretch: KeyRange,
        deadline: Deadline,
    ) -> Result<VecDeque<Entry>, EtcdError> {
        let mut entries = VecDeque::new();
        let mut scan = Scan::new(stretch);
        while let Some(page) = self.next_page(&mut scan, deadline).await? {
            entries.extend(page);
        }
        Ok(entries)
    }
}
