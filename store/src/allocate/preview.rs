//! What an allocation would come to now, found out without making it.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::AllocateError;
use super::chain::{MAX_CLAIMS, Row};
use super::plan::Plan;
use crate::claim::{Claim, Order};
use crate::clock::Clock;
use crate::gate::Admitted;
use crate::names::Attachment;
use crate::record::{HeldAddress, OwnerRecord};
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Entry, Etcd};

/// What an allocation would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// The attachment has a record already and would get its addresses again.
    Held(Box<OwnerRecord>),
    /// These rows are free, the lowest first, each with an address for every claim. In
    /// [`Order::Lowest`] they would be tried in turn, in [`Order::Spread`] random ones like them.
    Free(Vec<Vec<HeldAddress>>),
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Finds out what [`Store::allocate`] would come to if it were called now, by the same search.
    /// Nothing is written. Without an attachment it is one that holds nothing. Whether it would
    /// succeed does not depend on the order.
    ///
    /// # Errors
    /// [`AllocateError`], as the allocation itself would fail.
    pub async fn preview(
        &self,
        attachment: Option<&Attachment>,
        claims: &[Claim],
        deadline: Deadline,
    ) -> Result<(Admitted, Preview), AllocateError> {
        if claims.len() > MAX_CLAIMS {
            return Err(AllocateError::TooManyClaims(claims.len()));
        }
        let mut plan = Plan::new(self, claims, Order::Lowest, deadline);
        let (admitted, owner) = plan.look(attachment).await?;
        if let (Some(attachment), Some(owner)) = (attachment, owner) {
            let record = self.held(attachment, owner, deadline).await?;
            return Ok((admitted, Preview::Held(Box::new(record))));
        }
        // In this order nothing is left to chance.
        let mut unused = StdRng::seed_from_u64(0);
        let rows = plan.rows(&mut unused).await?;
        plan.look_at_exact().await?;
        let addresses = |row: Row| row.into_iter().map(|candidate| candidate.held).collect();
        let rows = rows.into_iter().map(addresses).collect();
        Ok((admitted, Preview::Free(rows)))
    }

    /// What an owner record says, where its addresses do not contradict it.
    async fn held(
        &self,
        attachment: &Attachment,
        owner: Entry,
        deadline: Deadline,
    ) -> Result<OwnerRecord, AllocateError> {
        let record = OwnerRecord::parse(&owner.value);
        let record = record.map_err(|source| AllocateError::DamagedOwner {
            key: owner.key.clone(),
            source,
        })?;
        let foreign = self.not_held_by(attachment, &record.addresses, deadline);
        match foreign.await?.first() {
            Some(held) => Err(AllocateError::Inconsistent {
                key: owner.key,
                address: held.address,
            }),
            None => Ok(record),
        }
    }
}
