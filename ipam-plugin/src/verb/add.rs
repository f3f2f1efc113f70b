//! ADD: commit, check, journal, print. What cannot be handed over is taken back.

use std::io::Write;
use std::time::Duration;

use store::allocate::{Allocation, Request};
use store::claim::Claim;
use store::clock::Clock as _;
use store::record::{Kind, OwnerRecord};
use store::retry::Deadline;

use super::{Call, EtcdStore, allocate_error, budget, replay};
use crate::cni::args::Args;
use crate::cni::command::Target;
use crate::cni::error::{CniError, Code};
use crate::cni::result;
use crate::config::Wanted;
use crate::local::machine::Machine;
use crate::local::marker::{self, Marker};
use crate::local::{LocalName, Place, journal};

/// What of an ADD's budget is kept for taking everything back.
const WAY_BACK: Duration = Duration::from_secs(2);
/// How long the writing down of a range may take, once the answer is out.
const REGISTER_BUDGET: Duration = Duration::from_secs(1);

/// Gives an interface its addresses and prints them to `out`.
///
/// # Errors
/// [`CniError`]; whatever was allocated by this call is taken back.
pub async fn run(
    call: &Call<impl Machine>,
    target: &Target,
    args: &str,
    out: &mut impl Write,
) -> Result<(), CniError> {
    let args = Args::parse(args)?;
    let config = &call.config;
    let wanted = config.wanted(&call.binary, &args)?;
    let place = place(call)?;
    let name = call.name(target);

    let lock = call.lock(&name, deadline(call)).await;
    let Some(_lock) = lock.map_err(|error| state_error(call, &error))? else {
        let why = "another call for this attachment is still at work";
        return Err(CniError::new(Code::TryAgain, why));
    };
    // This attachment is about to live: a release of its earlier life must not be delivered now.
    call.spool()
        .forget(&name)
        .map_err(|error| spool_error(call, &error))?;

    // Before anything is asked for: what waits there may be what a full range lacks.
    replay::run(call, budget::REPLAY).await;

    let memory = call.memory(&place);
    let store = call.store(&place, memory.read())?;
    let allocation = allocate(call, &args, &name, &place, &store, &wanted).await?;
    if let Err(error) = hand_over(call, &name, &place, &allocation, out, &wanted) {
        take_back(call, &name, &place, &store, &allocation).await;
        return Err(error);
    }

    if let Err(error) = memory.remember(&allocation.admitted) {
        tracing::warn!(%error, "how far the store was seen cannot be remembered");
    }
    register(call, &place, &store, &wanted.claims).await;
    Ok(())
}

/// Until when something new may begin.
fn deadline(call: &Call<impl Machine>) -> Deadline {
    let budget = call.budget(budget::ADD);
    call.deadline(budget.saturating_sub(WAY_BACK).max(budget / 2))
}

fn place(call: &Call<impl Machine>) -> Result<Place, CniError> {
    // Says what is missing, where something is.
    call.config.etcd().settings()?;
    call.configured_place().ok_or_else(|| {
        CniError::new(
            Code::InvalidConfig,
            "the node has no name: set ipam.node_name or $NODENAME, or give the host a name",
        )
    })
}

async fn allocate<M: Machine>(
    call: &Call<M>,
    args: &Args,
    name: &LocalName,
    place: &Place,
    store: &EtcdStore<M>,
    wanted: &Wanted,
) -> Result<Allocation, CniError> {
    let record = OwnerRecord {
        v: store::record::SCHEMA,
        id: call.clock().random_id(),
        kind: Kind::Allocated,
        addresses: Vec::new(),
        pod: args.pod.clone(),
        boot: call.boot.clone(),
        created: humantime::format_rfc3339_millis(call.now()).to_string(),
        cooldown_s: wanted.cooldown.as_secs(),
        plugin: env!("CARGO_PKG_VERSION").to_owned(),
        other: serde_json::Map::new(),
    };
    let attachment = place.attachment(name);
    let request = Request {
        attachment: &attachment,
        claims: &wanted.claims,
        order: wanted.order,
        record: &record,
    };
    let deadline = deadline(call);
    let allocation = store
        .allocate(request, &mut call.clock().rng(), deadline)
        .await;
    let allocation = allocation.map_err(|error| allocate_error(&error))?;
    tracing::info!(%attachment, addresses = ?allocation.record.addresses, "allocated");
    Ok(allocation)
}

/// Journals and prints the answer; from then on the runtime owns the addresses.
fn hand_over(
    call: &Call<impl Machine>,
    name: &LocalName,
    place: &Place,
    allocation: &Allocation,
    out: &mut impl Write,
    wanted: &Wanted,
) -> Result<(), CniError> {
    let entry = journal::Entry {
        v: store::record::SCHEMA,
        name: name.clone(),
        place: place.clone(),
        store_id: allocation.admitted.store_id.clone(),
        seen: allocation.admitted.seen,
        record: allocation.record.clone(),
    };
    call.journal()
        .write(&entry)
        .map_err(|error| state_error(call, &error))?;
    // A recovery after a restore waits this long and no longer for answers that are on their way.
    if call.elapsed() >= budget::ADD {
        return Err(CniError::new(
            Code::TryAgain,
            "the addresses were allocated too late",
        ));
    }
    let answer = result::add_answer(
        call.config.version(),
        &allocation.record.addresses,
        &wanted.routes,
        &wanted.dns,
    );
    out.write_all(answer.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| CniError::new(Code::Io, format!("the result cannot be written: {error}")))
}

/// Undoes what this process created. What it found belongs to an interface that lives.
async fn take_back<M: Machine>(
    call: &Call<M>,
    name: &LocalName,
    place: &Place,
    store: &EtcdStore<M>,
    allocation: &Allocation,
) {
    if !allocation.created_here {
        return;
    }
    let id = &allocation.record.id;
    let attachment = place.attachment(name);
    call.forget_if(name, id);
    let deadline = Deadline::after(store.clock(), WAY_BACK);
    match store.undo(&attachment, id, deadline).await {
        Ok(_) => tracing::warn!(%attachment, "the ADD failed and was undone"),
        Err(error) => tracing::error!(%attachment, %error, "a failed ADD could not be undone"),
    }
}

/// Writes down the ranges that were used, at most once a day: for listings and metrics only.
async fn register<M: Machine>(
    call: &Call<M>,
    place: &Place,
    store: &EtcdStore<M>,
    claims: &[Claim],
) {
    for claim in claims {
        let Claim::Any(ranges) = claim else { continue };
        let registered = Marker::registered(
            call.files(),
            &call.config.section().state_dir(),
            place,
            ranges,
        );
        if registered.is_younger_than(marker::REGISTERED, call.now()) {
            continue;
        }
        let deadline = Deadline::after(store.clock(), REGISTER_BUDGET);
        for range in ranges {
            if let Err(error) = store.register_range(range, deadline).await {
                tracing::warn!(range = %range.range, %error, "the range cannot be written down");
                return;
            }
        }
        if let Err(error) = registered.set() {
            tracing::warn!(%error, "that a range was written down cannot be remembered");
        }
    }
}

fn state_error(call: &Call<impl Machine>, error: &std::io::Error) -> CniError {
    let dir = call.config.section().state_dir();
    let dir = dir.display();
    CniError::new(
        Code::Io,
        format!("the state directory {dir} cannot be used: {error}; make it writable (state_dir)"),
    )
}

fn spool_error(call: &Call<impl Machine>, error: &std::io::Error) -> CniError {
    let dir = call.config.section().spool_dir();
    let dir = dir.display();
    CniError::new(
        Code::Io,
        format!("the spool {dir} cannot be used: {error}; make it writable (spool_dir)"),
    )
}
