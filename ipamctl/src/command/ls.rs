//! `ipamctl ls`: everything that is taken.

use std::time::Duration;

use clap::Args;
use store::clock::Clock;
use store::txn::Etcd;

use super::Context;
use super::filters::{Filters, duration};
use super::listing::Listing;
use super::reading::{Reading, refusal};
use crate::inventory::{self, State, Taken};
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
List every address that is taken, in every cluster, sorted by address space and address.

An address is taken while its key exists in etcd. STATE says why: `allocated` to a pod by an ADD, \
`adopted` by the collector for a live pod, `imported` from another plugin, or of some `other` kind \
that a newer version made; `resting` after a release (NODE, CONTAINER and so on are those of its \
last holder); `reserved` or `quarantined` by an operator; `unreadable`: its key or its holder's \
record is not what belongs there; `orphaned`: its holder has no record of it. And a record may name \
an address without its key: that address is `lost`, and another may be given it.

All is read as of one moment. Keys that cannot be read are named on standard error; they count as \
taken. A store that is frozen or was restored is listed all the same, with a warning.

With -o json: an array of objects with address, space, state and age_seconds (since it was taken or \
released; null where that cannot be read). Where there is a record: prefix (its length), gateway \
(where one was handed out), namespace, pod, uid, created (RFC 3339, by the node's clock), plugin \
(the version that wrote it) and kind (only of state `other`). Where there is a holder, or was one: \
cluster, node, network, container and interface. Of resting ones also released (RFC 3339) and \
cooldown_seconds; of reserved and quarantined ones reason, owner, created and expires (where it \
does). Of unreadable, orphaned and lost ones problem says what is wrong.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl ls -n shop --network blue
  ipamctl ls --address 192.168.20.0/24 --state reserved,resting
  ipamctl ls --state orphaned,lost,unreadable    # what should not be
  ipamctl ls --older-than 7d -o json | jq -r '.[] | select(.node == \"node-1\") | .address'";

/// What is listed.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Of whom, and where.
    #[command(flatten)]
    pub filters: Filters,

    /// Only those in one of these states
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub state: Vec<State>,

    /// Only those that were taken, or released, longer ago than this, such as 30m or 7d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub older_than: Option<Duration>,
}

impl Options {
    fn matches(&self, taken: &Taken<'_>) -> bool {
        self.filters.matches(&taken.subject)
            && (self.state.is_empty() || self.state.contains(&taken.state))
            && self
                .older_than
                .is_none_or(|than| taken.age.is_some_and(|age| age > than))
    }
}

/// Lists.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let refusal = refusal(context).await?;
    let inventory = inventory::everything(context).await?;
    let reading = Reading {
        what: "taken addresses",
        is_empty: inventory.is_empty(),
        damaged: inventory.damaged(),
        consequence: "so what it stands for counts as taken",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    let listing = Listing {
        inventory: &inventory,
        now: context.store.clock().wall(),
        wanted: |taken: &Taken<'_>| options.matches(taken),
    };
    if !inventory.is_empty() && listing.is_empty() {
        let count = inventory.len();
        output.note(&format!("none of {count} taken addresses matches"));
    }
    Ok(output.result(&listing, Listing::table)?)
}

#[cfg(test)]
mod tests;
