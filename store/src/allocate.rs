//! Allocation: an attachment gets every address it claims, or none, in one transaction.
//!
//! `spread` tries random addresses at once: one round trip. `lowest` reads the first used keys and
//! tries the lowest that are free: two. Either way many candidates go into one transaction, each
//! tried where the one before it is taken (`chain`). Only where all are taken is there another
//! trip, and only where a window of keys shows nothing free is the range searched (`search`).

mod adopt;
mod chain;
mod error;
mod pool;
mod search;

use std::time::Duration;

use rand::Rng;

use self::chain::{Candidate, Commit, Expect, MAX_CLAIMS, Row};
pub use self::error::{AllocateError, Usage};
use self::pool::Pool;
use crate::claim::{Claim, Order};
use crate::clock::Clock;
use crate::gate::Admitted;
use crate::names::Attachment;
use crate::record::{Holder, OwnerRecord};
use crate::release::Released;
use crate::retry::{Backoff, Deadline};
use crate::store::Store;
use crate::txn::{Entry, Etcd, Get, GetReply};

/// How long the way back of a failed allocation may take.
const UNDO_BUDGET: Duration = Duration::from_secs(2);
/// How many rows the first transaction carries, and how many one after a miss. A row costs the
/// server 5 to 8 µs, a miss costs a round trip.
const FIRST_ROWS: usize = 16;
const MORE_ROWS: usize = 32;

/// What is to be allocated, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub attachment: &'a Attachment,
    /// What it asks for: one address of the answer each, in order.
    pub claims: &'a [Claim],
    /// Which addresses are tried first.
    pub order: Order,
    /// The owner record to write, without addresses. Its `id` is this process's.
    pub record: &'a OwnerRecord,
}

/// What an attachment holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The record as it stands in the store.
    pub record: OwnerRecord,
    /// Whether this process created it. One that was there before must never be undone.
    pub created_here: bool,
    /// The store that it stands in.
    pub admitted: Admitted,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Allocates all of the request's claims, or finds what the attachment holds already.
    ///
    /// Safe to call again after any outcome: an attachment that has a record gets its addresses
    /// from it, whoever wrote it.
    ///
    /// # Errors
    /// [`AllocateError`]. What may have been written is undone first.
    pub async fn allocate(
        &self,
        request: Request<'_>,
        rng: &mut (impl Rng + Send),
        deadline: Deadline,
    ) -> Result<Allocation, AllocateError> {
        if request.claims.len() > MAX_CLAIMS {
            return Err(AllocateError::TooManyClaims(request.claims.len()));
        }
        let mut attempt = Attempt::new(self, request, deadline);
        let error = match attempt.run(rng).await {
            Ok(allocation) => return Ok(allocation),
            Err(error) => error,
        };
        // A record that was re-stamped was there before, and its addresses are in use.
        if !attempt.may_have_created || attempt.may_have_restamped {
            return Err(error);
        }
        let undo_deadline = Deadline::after(&self.clock, UNDO_BUDGET);
        match self
            .undo(request.attachment, &request.record.id, undo_deadline)
            .await
        {
            Ok(Released::Gone(_) | Released::Nothing) => Err(error),
            Err(undo) => {
                tracing::warn!(%undo, "a failed allocation could not be undone");
                Err(AllocateError::LeftBehind {
                    error: Box::new(error),
                })
            }
        }
    }

    /// Whether a claim could be allocated now: for STATUS. An exact claim always could.
    ///
    /// # Errors
    /// [`AllocateError::Exhausted`] if not; [`AllocateError::Etcd`] if it cannot be told.
    pub async fn has_room(
        &self,
        claim: &Claim,
        rng: &mut (impl Rng + Send),
        deadline: Deadline,
    ) -> Result<(), AllocateError> {
        match Pool::of(claim) {
            Some(mut pool) => {
                search::find_room(self, &mut pool, 1, Order::Lowest, rng, deadline).await
            }
            None => Ok(()),
        }
    }
}

/// One call of [`Store::allocate`].
struct Attempt<'a, E, C> {
    store: &'a Store<E, C>,
    request: Request<'a>,
    deadline: Deadline,
    pools: Vec<Pool<'a>>,
    exact: Vec<Option<Candidate>>,
    row_limit: usize,
    row_cap: usize,
    may_have_created: bool,
    may_have_restamped: bool,
}

impl<'a, E: Etcd, C: Clock> Attempt<'a, E, C> {
    fn new(store: &'a Store<E, C>, request: Request<'a>, deadline: Deadline) -> Self {
        let pools = request.claims.iter().filter_map(Pool::of).collect();
        let exact = request.claims.iter().map(Candidate::exact).collect();
        Self {
            store,
            request,
            deadline,
            pools,
            exact,
            row_limit: FIRST_ROWS,
            row_cap: MORE_ROWS,
            may_have_created: false,
            may_have_restamped: false,
        }
    }

    async fn run(&mut self, rng: &mut (impl Rng + Send)) -> Result<Allocation, AllocateError> {
        match self.request.order {
            Order::Spread => self
                .pools
                .iter_mut()
                .for_each(|pool| pool.guess(FIRST_ROWS, rng)),
            Order::Lowest if self.pools.is_empty() => {}
            Order::Lowest => {
                if let Some(owner) = self.look().await?
                    && let Some(allocation) = self.adopt(owner).await?
                {
                    return Ok(allocation);
                }
            }
        }
        let mut backoff = Backoff::new();
        let mut misses = 0_u32;
        loop {
            let rows = self.rows(rng).await?;
            match self.commit(&rows).await? {
                Commit::Created(created) => {
                    let (record, admitted) = *created;
                    return Ok(Allocation {
                        record,
                        created_here: true,
                        admitted,
                    });
                }
                Commit::Owned(owner) => {
                    if let Some(allocation) = self.adopt(owner).await? {
                        return Ok(allocation);
                    }
                }
                Commit::Missed(windows) => self.learn(windows, rng)?,
                Commit::TooLong => {
                    self.row_cap = (rows.len() / 2).max(1);
                    self.row_limit = self.row_cap;
                }
            }
            misses += 1;
            // The first misses teach something new; only then is it a crowd.
            if misses > 2 && !backoff.pause(&self.store.clock, self.deadline).await {
                return Err(AllocateError::Contended);
            }
        }
    }

    /// Reads the first window of every pool, and the owner record if there is one.
    async fn look(&mut self) -> Result<Option<Entry>, AllocateError> {
        let keys = &self.store.keys;
        let fixed = [
            keys.store(),
            keys.freeze(),
            keys.owner(self.request.attachment),
        ];
        let gets = fixed.into_iter().map(Get::key);
        let windows = self.pools.iter().map(|pool| pool.window(keys));
        let (header, replies) = self.store.read(gets.chain(windows), self.deadline).await?;
        let mut replies = replies.into_iter();
        let (store, freeze, owner) = (replies.next(), replies.next(), replies.next());
        self.store.admit(header, store.as_ref(), freeze.as_ref())?;
        for (pool, reply) in self.pools.iter_mut().zip(replies) {
            pool.learn(keys, &reply, FIRST_ROWS);
        }
        Ok(owner.and_then(GetReply::into_entry))
    }

    /// The candidates of the next transaction. Pools without any are searched first.
    async fn rows(&mut self, rng: &mut (impl Rng + Send)) -> Result<Vec<Row>, AllocateError> {
        let (store, order, deadline) = (self.store, self.request.order, self.deadline);
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
        let need = self.request.claims.len();
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

    /// Takes in what a transaction saw that found every candidate taken.
    fn learn(
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
    fn learn(
        &mut self,
        entry: Option<Entry>,
        now: std::time::SystemTime,
    ) -> Result<(), AllocateError> {
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
