//! What every listing says besides its list.

use anyhow::bail;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::gate::Refusal;
use store::inspect::Damaged;
use store::txn::Etcd;

use super::Context;
use crate::output::Output;

/// Why the store gives out no addresses now, if it does not. It can be read all the same.
pub(super) async fn refusal<E: Etcd, C: Clock>(
    context: &Context<E, C>,
) -> Result<Option<Refusal>, EtcdError> {
    let readiness = context.store.readiness(context.deadline()).await?;
    Ok(readiness.err())
}

/// What was read for a list.
pub(super) struct Reading<'a> {
    /// What is listed, in the plural.
    pub(super) what: &'a str,
    /// Whether none was found.
    pub(super) is_empty: bool,
    /// Keys that are in the place of one but cannot be read.
    pub(super) damaged: &'a [Damaged],
    /// What that means for what they stand for.
    pub(super) consequence: &'a str,
    /// Why the store gives out no addresses now.
    pub(super) refusal: Option<Refusal>,
}

impl Reading<'_> {
    /// Says what stands beside the list.
    ///
    /// # Errors
    /// Where there is no store and nothing that one left behind: an empty list from a mistyped
    /// prefix must not be taken for a store without allocations.
    pub(super) fn report(self, prefix: &str, output: &mut Output<'_>) -> anyhow::Result<()> {
        let Self {
            what,
            is_empty,
            damaged,
            consequence,
            refusal,
        } = self;
        let nothing = is_empty && damaged.is_empty();
        match refusal {
            Some(refusal @ Refusal::NotInitialised(_)) if nothing => bail!(
                "no store and no {what} lie under the prefix {prefix}; is it the right one \
                 (--prefix)? {refusal}"
            ),
            Some(refusal) => output.warn(&format!("no address is given out now: {refusal}")),
            None => {}
        }
        for Damaged { key, reason } in damaged {
            output.warn(&format!("{key} cannot be read, {consequence}: {reason}"));
        }
        if is_empty {
            output.note(&format!("no {what}"));
        }
        Ok(())
    }
}
