//! The store at a glance: what state it is in, how much it holds, and who cares for it.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::election::{LeaderRecord, leader_record};
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::key::KeyRange;
use crate::record::{DamagedValue, FreezeRecord, StoreRecord, parse};
use crate::retry::Deadline;
use crate::store::Store;
use crate::sweep::LastSweep;
use crate::txn::{Etcd, Get, GetReply, Header, View};

/// How many clusters are looked for at most: only a hostile hand makes so many.
const MOST_CLUSTERS: usize = 1000;

/// The store at one moment.
#[derive(Debug)]
pub struct Overview {
    /// What etcd said of itself.
    pub header: Header,
    /// The birth certificate; `None` where there is none.
    pub store: Option<Result<StoreRecord, DamagedValue>>,
    /// Why the store is frozen, where it is.
    pub freeze: Option<FreezeRecord>,
    /// Why no address could be given out even without a freeze.
    pub refusal: Option<Refusal>,
}

/// A cluster of the store, and its collector.
#[derive(Debug, Default)]
pub struct ClusterOverview {
    /// How many owner records it has.
    pub owners: u64,
    /// Who leads its collectors. What of the record cannot be read is empty.
    pub leader: Option<LeaderRecord>,
    /// How the last sweep ended; `None` where no collector of this version has swept.
    pub last: Option<Result<LastSweep, DamagedValue>>,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Looks at the store.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn overview(&self, deadline: Deadline) -> Result<Overview, EtcdError> {
        let gets = [self.keys.store(), self.keys.freeze()].map(Get::key);
        let (header, replies) = self.read(gets, deadline).await?;
        let mut replies = replies.into_iter();
        let (store, freeze) = (replies.next(), replies.next());
        Ok(Overview {
            header,
            refusal: self.admit(header, store.as_ref(), None).err(),
            store: store
                .and_then(GetReply::into_entry)
                .map(|entry| StoreRecord::parse(&entry.value)),
            freeze: freeze
                .and_then(GetReply::into_entry)
                .map(|entry| FreezeRecord::parse(&entry.value)),
        })
    }

    /// How many keys a stretch has.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn count(&self, stretch: KeyRange, deadline: Deadline) -> Result<u64, EtcdError> {
        let (_, replies) = self.read([count(stretch)], deadline).await?;
        Ok(replies.first().map_or(0, counted))
    }

    /// Every cluster that has owner records or had a collector, by its name; at most some thousands.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn clusters(
        &self,
        deadline: Deadline,
    ) -> Result<BTreeMap<String, ClusterOverview>, EtcdError> {
        let mut clusters: BTreeMap<String, ClusterOverview> = BTreeMap::new();
        for stretch in [self.keys.all_owners(), self.keys.all_collectors()] {
            for name in self.names_in(stretch, deadline).await? {
                clusters.entry(name).or_default();
            }
        }
        for (name, cluster) in &mut clusters {
            let gets = [
                count(self.keys.owners_of_cluster(name)),
                Get::key(self.keys.leader(name)),
                Get::key(self.keys.last_sweep(name)),
            ];
            let (_, replies) = self.read(gets, deadline).await?;
            let mut replies = replies.into_iter();
            cluster.owners = replies.next().map_or(0, |reply| counted(&reply));
            let mut entry = || replies.next().and_then(GetReply::into_entry);
            cluster.leader = entry().map(|entry| leader_record(&entry.value));
            cluster.last = entry().map(|entry| parse(&entry.value));
        }
        Ok(clusters)
    }

    /// The clusters that have keys in a stretch: one read for each, however many keys it has.
    async fn names_in(
        &self,
        stretch: KeyRange,
        deadline: Deadline,
    ) -> Result<Vec<String>, EtcdError> {
        let (mut names, mut rest) = (Vec::new(), stretch.clone());
        for _ in 0..MOST_CLUSTERS {
            let get = Get::range(rest.clone(), View::Keys, 1);
            let (_, replies) = self.read([get], deadline).await?;
            let first = replies.into_iter().next().and_then(GetReply::into_entry);
            let Some(first) = first else {
                break;
            };
            names.extend(self.keys.parse_cluster(&first.key));
            rest = stretch.after_segment(&first.key);
        }
        Ok(names)
    }

    /// Whether etcd has ever been compacted: whether it has forgotten its first revision.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn is_compacted(&self, deadline: Deadline) -> Result<bool, EtcdError> {
        let get = Get::key(self.keys.store()).as_of(1);
        match self.read([get], deadline).await {
            Ok(_) => Ok(false),
            Err(EtcdError::Compacted { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn count(stretch: KeyRange) -> Get {
    Get::range(stretch, View::Count, 0)
}

fn counted(reply: &GetReply) -> u64 {
    u64::try_from(reply.count).unwrap_or(0)
}
