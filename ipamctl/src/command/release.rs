//! `ipamctl release`: frees what one attachment holds, or ends the rest of an address.

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use store::address::Address;
use store::amend::{Amended, Amendment};
use store::clock::Clock;
use store::gate::Refusal;
use store::inspect::Owner;
use store::key::{holder_name, parse_holder_name};
use store::names::{Attachment, Space};
use store::range::Span;
use store::record::{Cooldown, Holder, Reservation};
use store::txn::{Entry, Etcd};

use super::reading::refusal;
use super::standing::{Standing, standing};
use super::{Context, Verdict};
use crate::arguments;
use crate::operator;
use crate::output::Output;
use crate::pods::{Life, Lives, PodsFlags};
use crate::text::{age, whose};

/// What `--help` says.
pub const ABOUT: &str = "\
Free what one attachment holds, or end the rest of an address.

An attachment (one interface of one container) gives back all of its addresses or none, so all of \
them are shown first, with the pod behind them, and asked about. What is shown is what is released: \
if the record changes meanwhile, nothing is done. Where a cool-down is configured the addresses rest \
as after a DEL; with --quarantine they are quarantined instead. It works while the store is frozen.

A pod that lives is not robbed: by the rules of the collector nothing is released while a pod has the \
record's uid (or is its mirror pod) or an unfinished pod names one of its addresses. The pods come \
from --kubeconfig (or KUBECONFIG) or --pods-from; without them nothing is known and nothing is \
released. --force releases all the same: two pods may then have the same address.

An address that rests is free at once. What is reserved or quarantined is ended by `ipamctl \
unreserve`. What cannot be read, or contradicts itself, is for `ipamctl check` and `ipamctl repair`.

The exit status is 0 if it was released, 3 if the address is free already or there is no such \
attachment, and 1 if it was not released.

With -o json: an object with released (true), attachment (null for a rest), addresses, then \
(free, resting or quarantined: what the addresses are now), pod (namespace/name, null if unknown) \
and forced.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl release 192.168.20.50 --kubeconfig ~/.kube/config
  ipamctl release --attachment default/node-1/blue/4f2a0c/net1 --pods-from pods.json --yes
  ipamctl release 192.168.20.50 --quarantine 'answers ARP after its pod is gone'";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The address, whoever holds it
    #[arg(
        value_name = "ADDRESS",
        required_unless_present = "attachment",
        conflicts_with = "attachment",
        value_parser = arguments::address
    )]
    pub address: Option<Address>,

    /// The attachment, as listings name the holder: CLUSTER/NODE/NETWORK/CONTAINER/INTERFACE
    #[arg(long, value_name = "NAME", value_parser = attachment)]
    pub attachment: Option<Attachment>,

    /// The address space
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = arguments::space)]
    pub space: Space,

    /// Quarantine the addresses for this reason instead of freeing them
    #[arg(long, value_name = "REASON", value_parser = arguments::reason)]
    pub quarantine: Option<String>,

    /// Release although its pod lives, or may live
    #[arg(long)]
    pub force: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Where it is known from which pods live.
    #[command(flatten)]
    pub pods: PodsFlags,
}

fn attachment(text: &str) -> Result<Attachment, String> {
    parse_holder_name(text).ok_or_else(|| {
        "write CLUSTER/NODE/NETWORK/CONTAINER/INTERFACE, each as it stands in its key \
         (percent-encoded)"
            .to_owned()
    })
}

/// What was done. The fields' names are those of the JSON.
#[derive(Debug, Serialize)]
struct Outcome {
    released: bool,
    attachment: Option<String>,
    addresses: Vec<Address>,
    then: &'static str,
    pod: Option<String>,
    forced: bool,
}

/// Releases.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    match refusal(context).await? {
        None => {}
        Some(refusal @ (Refusal::Frozen(_) | Refusal::Restored { .. })) => {
            output.warn(&format!("no address is given out now: {refusal}"));
        }
        Some(refusal) => bail!("nothing was released: {refusal}"),
    }
    if let Some(attachment) = &options.attachment {
        return release(context, output, options, attachment, None).await;
    }
    let Some(address) = options.address else {
        bail!("name an address or an attachment");
    };
    let found = standing(context, &options.space, Span::from(address)).await?;
    let Some(found) = found.into_iter().next() else {
        output.note(&format!(
            "{address} is free in space {}: nobody holds it",
            options.space
        ));
        return Ok(Verdict::Negative);
    };
    match &found.holder {
        Ok(Holder::Attachment(attachment)) => {
            release(context, output, options, attachment, Some(address)).await
        }
        Ok(Holder::Cooldown(rest)) => end_rest(context, output, options, &found, rest).await,
        Ok(holder @ (Holder::Reservation(_) | Holder::Quarantine(_))) => bail!(
            "nothing was released: {address} is kept by an operator ({}); `ipamctl unreserve \
             {address}` ends that",
            whose(holder)
        ),
        Err(damaged) => bail!(
            "nothing was released: {} cannot be read ({}); it counts as taken. `ipamctl check` \
             reports it and `ipamctl repair --delete-unreadable` can delete it",
            damaged.key,
            damaged.reason
        ),
    }
}

async fn release<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    attachment: &Attachment,
    address: Option<Address>,
) -> anyhow::Result<Verdict> {
    let store = &context.store;
    let key = store.keys().owner(attachment);
    let name = holder_name(attachment);
    let Some(entry) = store.entry(&key, context.deadline()).await? else {
        let Some(address) = address else {
            output.note(&format!("no attachment {name} holds anything"));
            return Ok(Verdict::Negative);
        };
        bail!(
            "nothing was released: {address} names {name} as its holder, which has no record. Two \
             runs of `ipamctl check --report` find that, and `ipamctl repair` deletes the address"
        );
    };
    let owner = store.parse_owner(entry).map_err(|damaged| {
        anyhow::anyhow!(
            "nothing was released: the record {} cannot be read ({}), so it is not known what it \
             holds. `ipamctl check` reports it and `ipamctl repair --delete-unreadable` can delete it",
            damaged.key,
            damaged.reason
        )
    })?;
    if let Some(address) = address
        && !holds(&owner, &options.space, address)
    {
        bail!(
            "nothing was released: {address} names {name} as its holder, whose record does not \
             claim it. `ipamctl check` reports such addresses, and what to do"
        );
    }
    describe(context, output, &owner);
    match life(context, output, options, &owner).await? {
        Life::Dead(evidence) => output.note(&format!("not alive: {}", evidence.meaning())),
        Life::Unproven(reason) => output.warn(&format!(
            "no pod has its uid or names its addresses, but that alone proves nothing ({})",
            reason.as_str()
        )),
        Life::Alive(why) if options.force => output.warn(&format!("by force, although {why}")),
        Life::Alive(why) => bail!(
            "nothing was released: {why}. --force releases it all the same; if the pod lives, \
             another may then get its address"
        ),
    }
    output.confirm(&question(&owner, options), options.yes)?;
    commit(context, output, options, &owner).await
}

async fn life<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    owner: &Owner,
) -> anyhow::Result<Life> {
    let Some(source) = options.pods.source(context, output).await? else {
        return Ok(Life::Alive(
            "it is not known which pods live; say where to look (--kubeconfig FILE, or \
             --pods-from FILE with the output of `kubectl get pods,nodes -A -o json`)"
                .to_owned(),
        ));
    };
    let lives = Lives::read(source, &context.cluster).await?;
    let Attachment {
        cluster,
        node,
        network,
        ..
    } = &owner.attachment;
    let store = &context.store;
    let (group, _) = store
        .owners_on_node(cluster, node, network, context.deadline())
        .await?;
    Ok(lives.of(owner, &group).await)
}

fn holds(owner: &Owner, space: &Space, address: Address) -> bool {
    let mut held = owner.record.addresses.iter();
    held.any(|held| held.space == *space && held.address == address)
}

async fn commit<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    owner: &Owner,
) -> anyhow::Result<Verdict> {
    let store = &context.store;
    let deadline = context.deadline();
    let (released, then) = match &options.quarantine {
        Some(reason) => {
            let why = quarantine(reason, store.clock());
            let released = store.release_into_quarantine(owner, why, deadline).await;
            (released, "quarantined")
        }
        None if owner.record.cooldown_s > 0 => {
            (store.release_listed(owner, deadline).await, "resting")
        }
        None => (store.release_listed(owner, deadline).await, "free"),
    };
    let released = released.context("it may be released or not; look with `ipamctl ls`")?;
    if !released {
        let now = store.entry(&owner.judged.key, context.deadline()).await?;
        match now {
            Some(_) => bail!("nothing was released: the record was changed meanwhile; look again"),
            None => bail!(
                "the record is gone by now: it was released meanwhile, by others or by this \
                 command and etcd's answer was lost; look with `ipamctl ls`"
            ),
        }
    }
    let outcome = Outcome {
        released,
        attachment: Some(holder_name(&owner.attachment)),
        addresses: owner
            .record
            .addresses
            .iter()
            .map(|held| held.address)
            .collect(),
        then,
        pod: pod(owner),
        forced: options.force,
    };
    output.result(&outcome, text)?;
    Ok(Verdict::Done)
}

fn quarantine(reason: &str, clock: &impl Clock) -> Reservation {
    Reservation {
        reason: reason.to_owned(),
        owner: operator::name(),
        created: humantime::format_rfc3339_seconds(clock.wall()).to_string(),
        ..Reservation::default()
    }
}

async fn end_rest<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    found: &Standing,
    rest: &Cooldown,
) -> anyhow::Result<Verdict> {
    let Standing { address, entry, .. } = found;
    output.note(&format!(
        "{address} rests for {} s since {}; it was held by {}",
        rest.cooldown_s, rest.released, rest.was
    ));
    let question = match options.quarantine {
        Some(_) => format!("Quarantine {address}?"),
        None => format!("End the rest of {address}, so that it is given out again?"),
    };
    output.confirm(&question, options.yes)?;
    let then = amend_rest(context, options, *address, entry).await?;
    let outcome = Outcome {
        released: true,
        attachment: None,
        addresses: vec![*address],
        then,
        pod: None,
        forced: false,
    };
    output.result(&outcome, text)?;
    Ok(Verdict::Done)
}

async fn amend_rest<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    options: &Options,
    address: Address,
    entry: &Entry,
) -> anyhow::Result<&'static str> {
    let store = &context.store;
    let (amendment, then) = match &options.quarantine {
        Some(reason) => {
            let holder = Holder::Quarantine(quarantine(reason, store.clock()));
            let give = store.give(&options.space, address, Some(entry), holder);
            (give, "quarantined")
        }
        None => (Amendment::delete(entry), "free"),
    };
    let amended = store.amend(&[amendment], context.deadline()).await?;
    match amended.into_iter().next() {
        Some(Amended::Done) => Ok(then),
        _ => bail!("nothing was done: what stands at {address} was changed meanwhile; look again"),
    }
}

/// Shows the whole attachment, before anything is decided.
fn describe<E: Etcd, C: Clock>(context: &Context<E, C>, output: &mut Output<'_>, owner: &Owner) {
    let Owner {
        attachment, record, ..
    } = owner;
    let now = context.store.clock().wall();
    let created = match record.created_at() {
        Some(created) => {
            let since = now.duration_since(created).unwrap_or_default();
            format!("{} ({} ago)", record.created, age(since))
        }
        None => record.created.clone(),
    };
    output.note(&format!("attachment   {}", holder_name(attachment)));
    for held in &record.addresses {
        output.note(&format!(
            "  address    {}/{} in space {}",
            held.address, held.prefix, held.space
        ));
    }
    let uid = match record.pod.uid.as_str() {
        "" => "no uid".to_owned(),
        uid => format!("uid {uid}"),
    };
    let pod = pod(owner).unwrap_or_else(|| "unknown".to_owned());
    output.note(&format!("  pod        {pod} ({uid})"));
    output.note(&format!("  node       {}", attachment.node));
    output.note(&format!("  created    {created}"));
}

fn question(owner: &Owner, options: &Options) -> String {
    let what = match owner.record.addresses.len() {
        1 => "this address".to_owned(),
        count => format!("these {count} addresses"),
    };
    match options.quarantine {
        Some(_) => format!("Take {what} away and quarantine?"),
        None => format!("Release {what}?"),
    }
}

fn pod(owner: &Owner) -> Option<String> {
    let pod = &owner.record.pod;
    (!pod.name.is_empty()).then(|| format!("{}/{}", pod.namespace, pod.name))
}

fn text(outcome: &Outcome) -> String {
    let addresses: Vec<_> = outcome.addresses.iter().map(ToString::to_string).collect();
    let then = match outcome.then {
        "free" => "can be given out again",
        "resting" => "rest for their cool-down first",
        _ => "are quarantined",
    };
    format!("Released: {} ({then}).\n", addresses.join(", "))
}
