//! Which addresses an allocation tries next, and what it learns from those that were taken.
//!
//! A plan only reads. What it proposes is carried out by an attempt, or shown by a preview.

use std::time::SystemTime;

use rand::Rng;

use super::chain::{self, Candidate, Expect, Row};
use super::pool::Pool;
use super::{AllocateError, search};
use crate::claim::{Claim, Order};
use crate::clock::Clock;
use crate::gate::Admitted;
use crate::names::Attachment;
use crate::record::Holder;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Entry, Etcd, Get, GetReply};

/// How many rows the first transaction carries, and how many one after a miss. A row costs the
/// server 5 to 8 µs, a miss costs a round trip.
const FIRST_ROWS: usize = 16;
const MORE_ROWS: usize = 32;

/// How some claims are to be met.
pub(super) struct Plan<'a, E, C> {
    store: &'a Store<E, C>,
    claims: &'a [Claim],
    order: Order,
    deadline: Deadline,
    pools: Vec<Pool<'a>>,
    exact: Vec<Option<Candidate>>,
    row_limit: usize,
    row_cap: usize,
}

impl<'a, E: Etcd, C: Clock> Plan<'a, E, C> {
    /// A plan that knows nothing yet.
    pub(super) fn new(
        store: &'a Store<E, C>,
        claims: &'a [Claim],
        order: Order,
        deadline: Deadline,
    ) -> Self {
        Self {
            store,
            claims,
            order,
            deadline,
            pools: claims.iter().filter_map(Pool::of).collect(),
            exact: claims.iter().map(Candidate::exact).collect(),
            row_limit: FIRST_ROWS,
            row_cap: MORE_ROWS,
        }
    }

    /// The store that it is for.
    pub(super) const fn store(&self) -> &'a Store<E, C> {
        self.store
    }

    /// When it is given up.
    pub(super) const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether every claim is for one certain address, so that there is nothing to look for.
    pub(super) const fn has_no_pools(&self) -> bool {
        self.pools.is_empty()
    }

    /// Makes random addresses the first candidates, without having seen anything.
    pub(super) fn guess(&mut self, rng: &mut impl Rng) {
        for pool in &mut self.pools {
            pool.guess(FIRST_ROWS, rng);
        }
    }

    /// Reads the first window of every pool, and the attachment's owner record if there is one.
    pub(super) async fn look(
        &mut self,
        attachment: Option<&Attachment>,
    ) -> Result<(Admitted, Option<Entry>), AllocateError> {
        let keys = &self.store.keys;
        let fixed = [keys.store(), keys.freeze()].into_iter().map(Get::key);
        let windows = self.pools.iter().map(|pool| pool.window(keys));
        let owner = attachment.map(|attachment| Get::key(keys.owner(attachment)));
        let gets = fixed.chain(windows).chain(owner);
        let (header, replies) = self.store.read(gets, self.deadline).await?;
        let mut replies = replies.into_iter();
        let (store, freeze) = (replies.next(), replies.next());
        let admitted = self.store.admit(header, store.as_ref(), freeze.as_ref())?;
        for (pool, reply) in self.pools.iter_mut().zip(replies.by_ref()) {
            pool.learn(keys, &reply, FIRST_ROWS);
        }
        let owner = replies.next().and_then(GetReply::into_entry);
        Ok((admitted, owner))
    }

    /// Finds out whether the addresses that are claimed by name can be had.
    pub(super) async fn look_at_exact(&mut self) -> Result<(), AllocateError> {
        let (_, replies) = self.store.read(self.tail(), self.deadline).await?;
        let now = self.store.clock.wall();
        for (exact, reply) in self.exact.iter_mut().zip(replies) {
            if let Some(candidate) = exact {
                candidate.learn(reply.into_entry(), now)?;
            }
        }
        Ok(())
    }

    /// The candidates of the next transaction. Pools without any are searched first.
    pub(super) async fn rows(
        &mut self,
        rng: &mut (impl Rng + Send),
    ) -> Result<Vec<Row>, AllocateError> {
        let (store, order, deadline) = (self.store, self.order, self.deadline);
        for pool in self
            .pools
            .iter_mut()
            .filter(|pool| pool.candidates.is_empty())
        {
            search::find_room(store, pool, 1, order, rng, deadline).await?;
        }
        let rows = chain::rows(&self.exact, &self.pools, self.row_limit);
        if !rows.is_empty() {
            return Ok(rows);
        }
        // Every pool has room, but as far as is known not for all the claims on it together.
        let need = self.claims.len();
        for pool in &mut self.pools {
            search::find_room(store, pool, need, order, rng, deadline).await?;
        }
        let rows = chain::rows(&self.exact, &self.pools, self.row_limit);
        match self.pools.last_mut() {
            Some(pool) if rows.is_empty() => {
                search::find_long_over(store, pool, deadline).await?;
                Err(AllocateError::Exhausted {
                    pool: pool.to_string(),
                    need,
                    usage: pool.usage,
                })
            }
            _ => Ok(rows),
        }
    }

    /// The next transactions carry at most half of so many rows: etcd took none so long.
    pub(super) fn shorten(&mut self, rows: usize) {
        self.row_cap = (rows / 2).max(1);
        self.row_limit = self.row_cap;
    }

    /// What is read where every row is taken: for every claim its key, or its pool's window.
    pub(super) fn tail(&self) -> impl Iterator<Item = Get> {
        let keys = &self.store.keys;
        let mut pools = self.pools.iter();
        self.exact.iter().filter_map(move |claim| match claim {
            Some(candidate) => Some(Get::key(chain::key(keys, candidate))),
            None => pools.next().map(|pool| pool.window(keys)),
        })
    }

    /// Takes in what a transaction saw that found every candidate taken.
    pub(super) fn learn(
        &mut self,
        windows: Vec<GetReply>,
        rng: &mut (impl Rng + Send),
    ) -> Result<(), AllocateError> {
        self.row_limit = self.row_cap;
        let mut pools = self.pools.iter_mut();
        for (exact, reply) in self.exact.iter_mut().zip(windows) {
            match exact {
                Some(candidate) => candidate.learn(reply.into_entry(), self.store.clock.wall())?,
                None => {
                    if let Some(pool) = pools.next() {
                        pool.learn_from_crowd(&self.store.keys, &reply, rng);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Candidate {
    fn exact(claim: &Claim) -> Option<Self> {
        match claim {
            Claim::Exact(held) => Some(Self {
                held: held.clone(),
                expect: Expect::Absent,
            }),
            Claim::Any(_) => None,
        }
    }

    /// Takes in who holds a claimed address: nobody any more, or a rest or reservation that is long
    /// over, or somebody else for good.
    fn learn(&mut self, entry: Option<Entry>, now: SystemTime) -> Result<(), AllocateError> {
        let Some(entry) = entry else {
            self.expect = Expect::Absent;
            return Ok(());
        };
        let holder = match Holder::parse(&entry.value) {
            Ok(holder) if holder.is_long_over(now) => {
                self.expect = Expect::LongOver(entry);
                return Ok(());
            }
            Ok(Holder::Attachment(attachment)) => attachment.to_string(),
            Ok(Holder::Cooldown(rest)) => {
                format!(
                    "nobody, but rests for {} s since {}",
                    rest.cooldown_s, rest.released
                )
            }
            Ok(Holder::Reservation(_)) => "a reservation".to_owned(),
            Ok(Holder::Quarantine(_)) => "nobody: it is quarantined".to_owned(),
            Err(_) => "a value that cannot be read, which counts as taken".to_owned(),
        };
        Err(AllocateError::Taken {
            address: self.held.address,
            holder,
        })
    }
}
