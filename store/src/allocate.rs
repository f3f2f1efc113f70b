//! Allocation: an attachment gets every address it claims, or none, in one transaction.
//!
//! `spread` tries random addresses at once: one round trip. `lowest` reads the first used keys and
//! tries the lowest that are free: two. Either way many candidates go into one transaction, each
//! tried where the one before it is taken (`chain`). Only where all are taken is there another
//! trip, and only where a window of keys shows nothing free is the range searched (`search`).

mod adopt;
mod chain;
mod error;
mod plan;
mod pool;
mod preview;
mod search;

use std::time::Duration;

use rand::Rng;

use self::chain::{Commit, MAX_CLAIMS};
pub use self::error::{AllocateError, Usage};
use self::plan::Plan;
use self::pool::Pool;
pub use self::preview::Preview;
use crate::claim::{Claim, Order};
use crate::clock::Clock;
use crate::gate::Admitted;
use crate::names::Attachment;
use crate::record::OwnerRecord;
use crate::release::Released;
use crate::retry::{Backoff, Deadline};
use crate::store::Store;
use crate::txn::Etcd;

/// How long the way back of a failed allocation may take.
const UNDO_BUDGET: Duration = Duration::from_secs(2);

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
    request: Request<'a>,
    plan: Plan<'a, E, C>,
    may_have_created: bool,
    may_have_restamped: bool,
}

impl<'a, E: Etcd, C: Clock> Attempt<'a, E, C> {
    fn new(store: &'a Store<E, C>, request: Request<'a>, deadline: Deadline) -> Self {
        Self {
            request,
            plan: Plan::new(store, request.claims, request.order, deadline),
            may_have_created: false,
            may_have_restamped: false,
        }
    }

    async fn run(&mut self, rng: &mut (impl Rng + Send)) -> Result<Allocation, AllocateError> {
        match self.request.order {
            Order::Spread => self.plan.guess(rng),
            Order::Lowest if self.plan.has_no_pools() => {}
            Order::Lowest => {
                let (_, owner) = self.plan.look(Some(self.request.attachment)).await?;
                if let Some(owner) = owner
                    && let Some(allocation) = self.adopt(owner).await?
                {
                    return Ok(allocation);
                }
            }
        }
        let mut backoff = Backoff::new();
        let mut misses = 0_u32;
        loop {
            let rows = self.plan.rows(rng).await?;
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
                Commit::Missed(windows) => self.plan.learn(windows, rng)?,
                Commit::TooLong => self.plan.shorten(rows.len()),
            }
            misses += 1;
            // The first misses teach something new; only then is it a crowd.
            if misses > 2
                && !backoff
                    .pause(&self.plan.store().clock, self.plan.deadline())
                    .await
            {
                return Err(AllocateError::Contended);
            }
        }
    }
}
