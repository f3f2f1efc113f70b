//! `ipamctl thaw`: lets ADDs go on.

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use store::clock::Clock;
use store::freeze::Change;
use store::record::FreezeRecord;
use store::txn::Etcd;

use super::Context;
use super::freeze::described;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Thaw the store: addresses are given out again.

Shows by whom and why the store is frozen, and asks. It ends that very freeze, and no other that was \
made meanwhile. A store that was restored, or that is not to be trusted for another reason, stays \
frozen.

With -o json: an object with thawed (whether it was frozen) and freeze (what stood there, or null: \
reason, by and since).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl thaw
  ipamctl thaw --yes -o json | jq -r .freeze.reason";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Thawed<'a> {
    thawed: bool,
    freeze: Option<&'a FreezeRecord>,
}

/// Thaws.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let store = &context.store;
    let openness = store.openness(context.deadline()).await?;
    if let Some(refusal) = openness.refusal {
        let frozen = openness
            .freeze
            .map(|freeze| format!(" It is frozen {}", described(&freeze.record, context)));
        bail!(
            "nothing was thawed: {refusal}.{}",
            frozen.unwrap_or_default()
        );
    }
    let Some(freeze) = openness.freeze else {
        let thawed = Thawed {
            thawed: false,
            freeze: None,
        };
        return Ok(output.result(&thawed, |_| "The store is not frozen.\n".to_owned())?);
    };
    output.note(&format!(
        "the store is frozen {}",
        described(&freeze.record, context)
    ));
    output.confirm("Give out addresses again?", options.yes)?;
    if store.thaw(&freeze, context.deadline()).await? == Change::Overtaken {
        bail!("nothing was thawed: the freeze was changed or ended meanwhile; look again");
    }
    let thawed = Thawed {
        thawed: true,
        freeze: Some(&freeze.record),
    };
    Ok(output.result(&thawed, |_| {
        "The store is thawed. Addresses are given out again.\n".to_owned()
    })?)
}

#[cfg(test)]
mod tests;
