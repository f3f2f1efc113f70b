//! Reads the store page by page, all of it as of one revision.

use store::address::Address;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::inspect::Owner;
use store::key::KeyRange;
use store::names::Space;
use store::scan::Scan;
use store::txn::{Entry, Etcd};

use super::Inventory;
use crate::command::Context;

/// Everything that is taken.
///
/// # Errors
/// [`EtcdError`] if etcd could not be asked; there is no partial answer.
pub async fn everything<E: Etcd, C: Clock>(
    context: &Context<E, C>,
) -> Result<Inventory, EtcdError> {
    let Context { store, .. } = context;
    let revision = store.revision(context.deadline()).await?;
    let (owners, addresses) = (store.keys().all_owners(), store.keys().all_addresses());
    // Both at once: most of the time is etcd's, which answers them on different cores.
    let mut standing = Vec::new();
    let (inventory, read) = tokio::join!(
        records(context, owners, revision, |_| true),
        pages(context, addresses, revision, |page| standing.extend(page)),
    );
    let mut inventory = inventory?;
    read?;
    for entry in standing {
        match store.parse_address(&entry) {
            Ok((space, address, holder)) => inventory.add_address(&space, address, holder),
            Err(damaged) => inventory.add_damaged(damaged),
        }
    }
    inventory.complete();
    Ok(inventory)
}

/// What those of a stretch of owner records name that are wanted. Of addresses, only those that
/// they name are read.
///
/// # Errors
/// As [`everything`].
pub async fn of_records<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    stretch: KeyRange,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<Inventory, EtcdError> {
    let Context { store, .. } = context;
    let revision = store.revision(context.deadline()).await?;
    let mut named: Vec<(Space, Address)> = Vec::new();
    let mut inventory = records(context, stretch, revision, |owner| {
        let wanted = wanted(owner);
        if wanted {
            let held = owner.record.addresses.iter();
            named.extend(held.map(|held| (held.space.clone(), held.address)));
        }
        wanted
    })
    .await?;
    let keys: Vec<_> = named
        .iter()
        .map(|(space, address)| (space, *address))
        .collect();
    let deadline = context.deadline();
    let standing = store.look_up(&keys, revision, deadline).await?;
    for ((space, address), standing) in keys.into_iter().zip(standing) {
        if let Some(standing) = standing {
            inventory.confirm(space, address, standing.holder.as_ref().ok());
        }
    }
    inventory.complete();
    Ok(inventory)
}

/// An inventory of the records that are wanted, to which address keys may be added.
async fn records<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    stretch: KeyRange,
    revision: i64,
    mut wanted: impl FnMut(&Owner) -> bool,
) -> Result<Inventory, EtcdError> {
    let Context { store, .. } = context;
    let mut inventory = Inventory::default();
    pages(context, stretch, revision, |page| {
        for entry in page {
            match store.parse_owner(entry) {
                Ok(owner) if wanted(&owner) => inventory.add_owner(owner),
                Ok(_) => {}
                Err(damaged) => inventory.add_damaged_owner(store.keys(), damaged),
            }
        }
    })
    .await?;
    inventory.settle();
    Ok(inventory)
}

/// Reads a stretch; each page anew may take as long as the operator waits.
async fn pages<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    stretch: KeyRange,
    revision: i64,
    mut page: impl FnMut(Vec<Entry>),
) -> Result<(), EtcdError> {
    let mut scan = Scan::as_of(stretch, revision);
    while let Some(entries) = context
        .store
        .next_page(&mut scan, context.deadline())
        .await?
    {
        page(entries);
    }
    Ok(())
}
