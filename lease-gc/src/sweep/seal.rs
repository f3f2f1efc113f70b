//! Keeps the store's seal as high as etcd's Raft term.

use store::clock::Clock;
use store::collect::{Fenced, Survey};
use store::coordination::Coordination;

use super::{Memory, Mode, VoidReason};
use crate::chain::chain;
use crate::collector::Collector;
use crate::pods::View;

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Raises the seal to the term that this sweep and the one before have both seen. One answer is not
    /// enough: a member that is about to lose the others counts its term up before they do, and a seal
    /// above the term of all others would stop every ADD.
    ///
    /// A seal that cannot be written is no reason to let the dead hold their addresses.
    ///
    /// # Errors
    /// [`VoidReason::NotLeader`].
    pub(super) async fn seal(
        &self,
        memory: &mut Memory,
        mode: Mode<'_>,
        survey: &Survey,
    ) -> Result<(), VoidReason> {
        let Mode::Leading(fence) = mode else {
            return Ok(());
        };
        let before = memory.term.replace(survey.term);
        let Some(before) = before.filter(|_| survey.frozen.is_none()) else {
            return Ok(());
        };
        let term = before.min(survey.term);
        let raised = self.store.raise_seal(fence, survey, term, self.deadline());
        match raised.await {
            Ok(Fenced::Done(true)) => tracing::info!(term, "the seal was raised"),
            Ok(Fenced::NotLeader) => return Err(VoidReason::NotLeader),
            // The next sweep looks at it anew.
            Ok(Fenced::Done(false) | Fenced::Changed | Fenced::Frozen(_)) => {}
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(term, error, "the seal could not be raised");
            }
        }
        Ok(())
    }
}
