//! `ipamctl freeze`: stops all ADDs.

use anyhow::bail;
use clap::Args;
use humantime::format_rfc3339_seconds;
use serde::Serialize;
use store::clock::Clock;
use store::freeze::{Change, Freeze};
use store::gate::Refusal;
use store::record::FreezeRecord;
use store::txn::Etcd;

use super::Context;
use crate::operator;
use crate::output::Output;
use crate::text::{age, age_of};

/// What `--help` says.
pub const ABOUT: &str = "\
Freeze the store: no address is given out until `ipamctl thaw`.

Every ADD fails with code 105 and the reason, on all nodes and of all clusters that share the \
store; releases go on, and so do pods that run. The collector judges and releases nothing. An ADD \
that has committed before may still answer for up to 20 s.

A store that is frozen already stays as it is, and the exit status is 1, unless --replace is given.

With -o json: an object with reason, by, since (RFC 3339) and replaced (the freeze that stood \
before, or null).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl freeze --reason 'moving the racks, ask Ann'
  ipamctl freeze --reason 'restoring etcd' --replace";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Why, for everybody whose pods do not start
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,

    /// Who freezes it, for people; unless given `user@host`
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,

    /// Take the place of a freeze that stands
    #[arg(long)]
    pub replace: bool,
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why: it is all that is shown to those whose pods do not start".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The freeze that stands now.
#[derive(Serialize)]
struct Frozen<'a> {
    #[serde(flatten)]
    freeze: &'a FreezeRecord,
    replaced: Option<&'a FreezeRecord>,
}

/// Freezes.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let store = &context.store;
    let openness = store.openness(context.deadline()).await?;
    match openness.refusal {
        // Who freezes one of these may have mistaken it for another.
        Some(
            refusal @ (Refusal::NotInitialised(_)
            | Refusal::OtherStore { .. }
            | Refusal::UnknownSchema(_)),
        ) => bail!("nothing was frozen: {refusal}"),
        Some(refusal) => output.warn(&format!("no address is given out in any case: {refusal}")),
        None => {}
    }
    if let Some(freeze) = &openness.freeze
        && !options.replace
    {
        bail!(
            "the store is frozen already, {}; --replace takes its place",
            described(&freeze.record, context)
        );
    }
    let record = FreezeRecord {
        reason: options.reason.clone(),
        by: options.by.clone().unwrap_or_else(operator::name),
        since: format_rfc3339_seconds(store.clock().wall()).to_string(),
        ..FreezeRecord::default()
    };
    let change = store.freeze(&record, openness.freeze.as_ref(), context.deadline());
    if change.await? == Change::Overtaken {
        bail!(
            "nothing was frozen: somebody else froze or thawed the store at the same time; look again"
        );
    }
    let frozen = Frozen {
        freeze: &record,
        replaced: openness.freeze.as_ref().map(|freeze| &freeze.record),
    };
    output.result(&frozen, |_| {
        "The store is frozen. No address is given out until `ipamctl thaw`.\n".to_owned()
    })?;
    if let Some(Freeze { record, .. }) = &openness.freeze {
        output.note(&format!(
            "it had been frozen {}",
            described(record, context)
        ));
    }
    output.note("an ADD that had committed by then may still answer for up to 20 s");
    Ok(())
}

/// By whom, since when and why, as far as that was said.
pub(super) fn described<E: Etcd, C: Clock>(
    record: &FreezeRecord,
    context: &Context<E, C>,
) -> String {
    let FreezeRecord {
        reason, by, since, ..
    } = record;
    let by = if by.is_empty() { "somebody" } else { by };
    let ago = age_of(since, context.store.clock().wall());
    let ago = ago.map(|ago| format!(" {} ago", age(ago)));
    format!("by {by}{}: {reason}", ago.unwrap_or_default())
}

#[cfg(test)]
mod tests;
