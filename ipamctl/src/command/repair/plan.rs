//! What can be done about each finding now, and what cannot and why.

use std::time::Duration;

use store::amend::Amendment;
use store::clock::Clock;
use store::inspect::Owner;
use store::names::Attachment;
use store::record::{DamagedValue, Holder, OwnerRecord};
use store::txn::{Entry, Etcd};

use super::agreement::Agreement;
use crate::audit::{Finding, Kind, digest};
use crate::command::Context;
use crate::pods::{Life, Lives};

/// Why what the reports say counts no longer.
const CHANGED: &str = "it was changed since; check again";

/// What is to be done about a finding.
pub(super) enum Action {
    /// One key changes.
    Amend(Amendment),
    /// A record is released with its addresses.
    Release(Box<Owner>),
}

/// What the operator allows.
pub(super) struct Allowed {
    /// To delete what cannot be read.
    pub(super) unreadable: bool,
    /// To delete orphans although it is not known whether a pod uses them.
    pub(super) force: bool,
    /// How long a pod must be gone.
    pub(super) grace: Duration,
}

/// Looks at what a finding is about, and decides. The inner error says for people why nothing is
/// to be done.
///
/// # Errors
/// Where etcd could not be asked.
pub(super) async fn decide<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    finding: &Finding,
    agreement: &Agreement,
    lives: Option<&Lives>,
    allowed: &Allowed,
) -> anyhow::Result<Result<Action, String>> {
    let advice = || Ok(Err(finding.kind.advice().to_owned()));
    match finding.kind {
        Kind::Unreadable if !allowed.unreadable => return advice(),
        Kind::OrphanedAddress | Kind::MissingAddress | Kind::Leaked | Kind::Unreadable => {}
        _ => return advice(),
    }
    let entry = context
        .store
        .entry(&finding.key, context.deadline())
        .await?;
    let Some(entry) = entry.filter(|entry| is_unchanged(entry, finding)) else {
        return Ok(Err(CHANGED.to_owned()));
    };
    Ok(match finding.kind {
        Kind::OrphanedAddress => orphan(context, &entry, lives, allowed.force),
        Kind::MissingAddress => missing(context, entry, finding).await?,
        Kind::Unreadable => unreadable(context, &entry),
        _ => match agreement.stood_for(allowed.grace) {
            Ok(()) => leaked(context, entry, lives).await?,
            Err(too_soon) => Err(too_soon),
        },
    })
}

fn is_unchanged(entry: &Entry, finding: &Finding) -> bool {
    entry.mod_revision == finding.mod_revision && digest(&entry.value) == finding.value_sha256
}

fn orphan<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    entry: &Entry,
    lives: Option<&Lives>,
    force: bool,
) -> Result<Action, String> {
    let store = &context.store;
    let parsed = store.parse_address(entry);
    let Ok((_, address, Ok(Holder::Attachment(attachment)))) = parsed else {
        return Err("it names no attachment".to_owned());
    };
    if let Some(user) = lives.and_then(|lives| lives.user_of(address)) {
        return Err(format!(
            "the pod {user} uses it; restart that pod, and it gets another"
        ));
    }
    if lives.is_none() && !force {
        return Err(
            "it is not known whether a pod uses it; give --kubeconfig or --pods-from, or --force \
             where no pod can"
                .to_owned(),
        );
    }
    Ok(Action::Amend(store.drop_orphan(entry, &attachment)))
}

async fn missing<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    entry: Entry,
    finding: &Finding,
) -> anyhow::Result<Result<Action, String>> {
    let store = &context.store;
    let owner = match store.parse_owner(entry) {
        Ok(owner) => owner,
        Err(damaged) => return Ok(Err(damaged.reason)),
    };
    let held = owner.record.addresses.iter().find(|held| {
        Some(held.address) == finding.address && Some(held.space.to_string()) == finding.space
    });
    let Some(held) = held else {
        return Ok(Err("its record does not claim it".to_owned()));
    };
    let key = store.keys().address(&held.space, held.address);
    let standing = store.entry(&key, context.deadline()).await?;
    Ok(match standing {
        Some(_) => Err(CHANGED.to_owned()),
        None => Ok(Action::Amend(store.put_back(
            &owner,
            &held.space,
            held.address,
        ))),
    })
}

/// A key that still cannot be read. What a newer version wrote can be, by others.
fn unreadable<E: Etcd, C: Clock>(context: &Context<E, C>, entry: &Entry) -> Result<Action, String> {
    let store = &context.store;
    let keys = store.keys();
    let within =
        |stretch: store::key::KeyRange| stretch.start <= entry.key && entry.key < stretch.end;
    let is_readable = if within(keys.all_owners()) {
        let newer = matches!(
            OwnerRecord::parse(&entry.value),
            Err(DamagedValue::Version(_))
        );
        newer || store.parse_owner(entry.clone()).is_ok()
    } else if within(keys.all_addresses()) {
        matches!(store.parse_address(entry), Ok((_, _, Ok(_))))
    } else if within(keys.all_ranges()) {
        store.parse_range(entry).is_ok()
    } else {
        true
    };
    if is_readable {
        return Err("it can be read, or is not for this command to delete".to_owned());
    }
    Ok(Action::Amend(Amendment::delete(entry)))
}

async fn leaked<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    entry: Entry,
    lives: Option<&Lives>,
) -> anyhow::Result<Result<Action, String>> {
    let store = &context.store;
    let owner = match store.parse_owner(entry) {
        Ok(owner) => owner,
        Err(damaged) => return Ok(Err(damaged.reason)),
    };
    let Some(lives) = lives else {
        let why = "it is not known whether its pod is still gone; give --kubeconfig or --pods-from";
        return Ok(Err(why.to_owned()));
    };
    let Attachment {
        cluster,
        node,
        network,
        ..
    } = &owner.attachment;
    let (group, _) = store
        .owners_on_node(cluster, node, network, context.deadline())
        .await?;
    Ok(match lives.of(&owner, &group).await {
        Life::Dead(_) => Ok(Action::Release(Box::new(owner))),
        Life::Alive(why) => Err(why),
        Life::Unproven(reason) => Err(format!("it is in doubt now ({})", reason.as_str())),
    })
}
