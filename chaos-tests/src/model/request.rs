//! What of a transaction is refused before anything is looked at, in the server's order.

use std::collections::BTreeSet;

use store::txn::{Compare, Op, Txn};

use super::{MAX_REQUEST_BYTES, Refused};

/// Bytes that a key, a value or an operation costs beside itself, about.
const FRAME: usize = 8;

/// Checks a transaction as it stands.
pub(super) fn check(txn: &Txn, max_txn_ops: usize) -> Result<(), Refused> {
    check_length(txn, max_txn_ops)?;
    written(&txn.then)?;
    written(&txn.otherwise)?;
    if !is_read_only(txn) && size(txn) > MAX_REQUEST_BYTES {
        return Err(Refused::TooLarge);
    }
    Ok(())
}

/// Operations add up over the levels: each level costs its longest list.
fn check_length(txn: &Txn, limit: usize) -> Result<(), Refused> {
    let longest = txn.compares.len().max(txn.then.len());
    let longest = longest.max(txn.otherwise.len());
    let left = limit
        .checked_sub(longest)
        .ok_or(Refused::TooManyOperations)?;
    if txn
        .compares
        .iter()
        .any(|compare| key_of(compare).is_empty())
    {
        return Err(Refused::EmptyKey);
    }
    for op in txn.then.iter().chain(&txn.otherwise) {
        let key = match op {
            Op::Txn(inner) => {
                check_length(inner, left)?;
                continue;
            }
            Op::Get(get) => &get.key,
            Op::Put(key, _) | Op::PutLeased(key, ..) | Op::Delete(key) => key,
        };
        if key.is_empty() {
            return Err(Refused::EmptyKey);
        }
    }
    Ok(())
}

/// The key that a condition is on.
pub(super) fn key_of(compare: &Compare) -> &str {
    match compare {
        Compare::Absent(key)
        | Compare::ModRevision(key, _)
        | Compare::CreateRevision(key, _)
        | Compare::Value(key, _) => key,
    }
}

#[derive(Default)]
struct Written<'a> {
    puts: BTreeSet<&'a str>,
    deletes: BTreeSet<&'a str>,
}

/// What a list of operations puts and deletes, in any of its branches, if no key is among both or put
/// twice. Branches that exclude each other may put the same key. A deletion within a level is only held
/// against what comes after it.
fn written(ops: &[Op]) -> Result<Written<'_>, Refused> {
    let mut all = Written::default();
    for op in ops {
        if let Op::Delete(key) = op {
            all.deletes.insert(key);
        }
    }
    for op in ops {
        let Op::Txn(inner) = op else { continue };
        let then = written(&inner.then)?;
        let otherwise = written(&inner.otherwise)?;
        let is_new = |all: &Written<'_>, key| !all.puts.contains(key) && !all.deletes.contains(key);
        let clash = then.puts.iter().any(|key| !is_new(&all, key));
        let clash = clash || otherwise.puts.iter().any(|key| !is_new(&all, key));
        if clash {
            return Err(Refused::DuplicateKey);
        }
        for branch in [then, otherwise] {
            all.puts.extend(branch.puts);
            all.deletes.extend(branch.deletes);
        }
    }
    for op in ops {
        if let Op::Put(key, _) | Op::PutLeased(key, ..) = op
            && (all.deletes.contains(key.as_str()) || !all.puts.insert(key))
        {
            return Err(Refused::DuplicateKey);
        }
    }
    Ok(all)
}

/// Whether etcd answers without Raft: one level of reads.
pub(super) fn is_read_only(txn: &Txn) -> bool {
    let mut ops = txn.then.iter().chain(&txn.otherwise);
    ops.all(|op| matches!(op, Op::Get(_)))
}

/// Whether the alarm for want of space stops it. etcd does not look for puts in the transactions within.
pub(super) fn takes_space(txn: &Txn) -> bool {
    let mut ops = txn.then.iter().chain(&txn.otherwise);
    ops.any(|op| matches!(op, Op::Put(..) | Op::PutLeased(..)))
}

fn size(txn: &Txn) -> usize {
    let compares = txn.compares.iter().map(|compare| match compare {
        Compare::Value(key, value) => key.len() + value.len(),
        Compare::Absent(key) | Compare::ModRevision(key, _) | Compare::CreateRevision(key, _) => {
            key.len()
        }
    });
    let ops = txn.then.iter().chain(&txn.otherwise).map(|op| match op {
        Op::Get(get) => get.key.len() + get.end.as_ref().map_or(0, String::len),
        Op::Put(key, value) | Op::PutLeased(key, value, _) => key.len() + value.len(),
        Op::Delete(key) => key.len(),
        Op::Txn(inner) => size(inner),
    });
    compares.chain(ops).map(|bytes| bytes + FRAME).sum()
}
