//! Requests to etcd as a bug sends them. No input or output.

use serde_json::Value;
use store::txn::{Compare, Get, Op, Txn};

use super::Mutant;

/// The request that the bug sends in the place of this one.
pub(super) fn request(mutant: Mutant, txn: &Txn) -> Txn {
    match mutant {
        Mutant::BlindPut => without(
            txn,
            &|compare| matches!(compare, Compare::Absent(key) if is_address(key)),
        ),
        Mutant::OwnRecordIgnored => without(
            txn,
            &|compare| matches!(compare, Compare::Absent(key) if is_owner(key)),
        ),
        Mutant::NoRest => changed(txn, &|op| match op {
            Op::Put(key, value) if is_address(&key) && is_json(&value) => Op::Delete(key),
            other => other,
        }),
        Mutant::RestNotCompared => without(txn, &|compare| match compare {
            Compare::ModRevision(key, _) => is_address(key),
            Compare::Value(key, value) => is_address(key) && is_json(value),
            Compare::Absent(_) | Compare::CreateRevision(..) => false,
        }),
        Mutant::FreezeIgnored | Mutant::FreezeIgnoredBySweep => {
            without(txn, &|compare| key_of(compare).ends_with("/meta/freeze"))
        }
        Mutant::RestampSkipped if is_restamp(txn) => {
            let mut unstamped = txn.clone();
            unstamped.then.retain(|op| !matches!(op, Op::Put(..)));
            unstamped
        }
        Mutant::GcOfAllNodes => changed(txn, &|op| widened(op, all_nodes)),
        Mutant::PrefixWithoutSlash => changed(txn, &|op| widened(op, without_slash)),
        Mutant::ReleaseUnguarded | Mutant::DelUnguarded if is_release(txn) => {
            without(txn, &|compare| is_owner(key_of(compare)))
        }
        // What it read of the record is not what stands there, and need not be.
        Mutant::NewestByCommit | Mutant::EmptyUidsAreEqual if is_release(txn) => without(
            txn,
            &|compare| matches!(compare, Compare::Value(key, _) if is_owner(key)),
        ),
        Mutant::FreezeStopsRelease if is_release(txn) => only_if_open(txn),
        Mutant::RecordUnversioned => changed(txn, &|op| match op {
            Op::Put(key, value) if is_owner(&key) => Op::Put(key, without_version(&value)),
            other => other,
        }),
        Mutant::NoFence | Mutant::DeposedGoesOn => {
            without(txn, &|compare| key_of(compare).ends_with("/leader"))
        }
        _ => txn.clone(),
    }
}

/// The transaction without some of its conditions, at every depth.
fn without(txn: &Txn, gone: &impl Fn(&Compare) -> bool) -> Txn {
    let deeper = |ops: &[Op]| {
        let ops = ops.iter().map(|op| match op {
            Op::Txn(inner) => Op::Txn(without(inner, gone)),
            other => other.clone(),
        });
        ops.collect()
    };
    Txn {
        compares: txn
            .compares
            .iter()
            .filter(|compare| !gone(compare))
            .cloned()
            .collect(),
        then: deeper(&txn.then),
        otherwise: deeper(&txn.otherwise),
    }
}

/// The release, only while the store is not frozen.
fn only_if_open(txn: &Txn) -> Txn {
    let mut txn = txn.clone();
    let owner = txn.compares.iter().map(key_of).find(|key| is_owner(key));
    let root = owner.and_then(|key| key.split_once("/owner/"));
    if let Some((root, _)) = root {
        let freeze = format!("{root}/meta/freeze");
        txn.compares.push(Compare::Absent(freeze));
    }
    txn
}

fn without_version(record: &[u8]) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(record).unwrap_or_default();
    record.as_object_mut().and_then(|record| record.remove("v"));
    record.to_string().into_bytes()
}

/// The transaction with other steps, at every depth.
pub(super) fn changed(txn: &Txn, step: &impl Fn(Op) -> Op) -> Txn {
    let deeper = |ops: &[Op]| {
        let ops = ops.iter().map(|op| match op {
            Op::Txn(inner) => Op::Txn(changed(inner, step)),
            other => step(other.clone()),
        });
        ops.collect()
    };
    Txn {
        compares: txn.compares.clone(),
        then: deeper(&txn.then),
        otherwise: deeper(&txn.otherwise),
    }
}

/// A read of a stretch of owner keys, of a wider one.
fn widened(op: Op, prefix: impl Fn(&str) -> Option<String>) -> Op {
    match op {
        Op::Get(get) if get.end.is_some() && is_owner(&get.key) => {
            let Some(start) = prefix(&get.key) else {
                return Op::Get(get);
            };
            // The first key past all that begin with it.
            let mut end = start.clone();
            let last = end.pop().map_or('0', |last| {
                char::from_u32(u32::from(last) + 1).unwrap_or(last)
            });
            end.push(last);
            Op::Get(Get {
                key: start,
                end: Some(end),
                ..get
            })
        }
        other => other,
    }
}

/// `…/owner/<cluster>/<node>/<network>/` becomes `…/owner/<cluster>/`.
fn all_nodes(prefix: &str) -> Option<String> {
    let (root, rest) = prefix.split_once("/owner/")?;
    let cluster = rest.split('/').next()?;
    (rest.matches('/').count() > 1).then(|| format!("{root}/owner/{cluster}/"))
}

fn without_slash(prefix: &str) -> Option<String> {
    prefix.strip_suffix('/').map(str::to_owned)
}

/// Every step of a transaction, at every depth.
pub(super) fn steps(txn: &Txn) -> Vec<&Op> {
    let mut all = Vec::new();
    for op in txn.then.iter().chain(&txn.otherwise) {
        match op {
            Op::Txn(inner) => all.extend(steps(inner)),
            other => all.push(other),
        }
    }
    all
}

/// Whether it writes nothing.
pub(super) fn is_read(txn: &Txn) -> bool {
    steps(txn).into_iter().all(|op| matches!(op, Op::Get(_)))
}

/// Whether it takes addresses for a new record: an ADD's.
pub(super) fn is_allocation(txn: &Txn) -> bool {
    let puts_address =
        |op: &&Op| matches!(op, Op::Put(key, value) if is_address(key) && !is_json(value));
    steps(txn).iter().any(puts_address)
}

/// Whether it deletes an owner record.
pub(super) fn is_release(txn: &Txn) -> bool {
    txn.then
        .iter()
        .any(|op| matches!(op, Op::Delete(key) if is_owner(key)))
}

/// Whether it writes an owner record anew and no address.
pub(super) fn is_restamp(txn: &Txn) -> bool {
    let puts_owner = |op: &Op| matches!(op, Op::Put(key, _) if is_owner(key));
    txn.then.iter().any(puts_owner) && !is_allocation(txn)
}

/// Whether any branch puts.
pub(super) fn has_put(txn: &Txn) -> bool {
    steps(txn)
        .into_iter()
        .any(|op| matches!(op, Op::Put(..) | Op::PutLeased(..)))
}

pub(super) fn is_owner(key: &str) -> bool {
    key.contains("/v1/owner/")
}

pub(super) fn is_address(key: &str) -> bool {
    key.contains("/v1/addr/")
}

/// Rests and reservations are JSON, names of attachments are not.
fn is_json(value: &[u8]) -> bool {
    value.starts_with(b"{")
}

fn key_of(compare: &Compare) -> &str {
    match compare {
        Compare::Absent(key)
        | Compare::ModRevision(key, _)
        | Compare::CreateRevision(key, _)
        | Compare::Value(key, _) => key,
    }
}
