//! What of a transaction is refused before anything is looked at, in the server's order.

use store::txn::{Compare, Op, Txn};

use super::{MAX_REQUEST_BYTES, Refused};

/// Bytes that a key, a value or an operation costs beside itself, about.
const FRAME: usize = 8;

/// Checks a transaction as it stands.
pub(super) fn check(txn: &Txn, max_txn_ops: usize) -> Result<(), Refused> {
    check_length(txn, max_txn_ops)?;
    Written::default().take(&txn.then)?;
    Written::default().take(&txn.otherwise)?;
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

/// The keys that operations put and delete, in any of their branches, in the order of the server's look.
#[derive(Default)]
struct Written<'a> {
    puts: Vec<&'a str>,
    deletes: Vec<&'a str>,
}

impl<'a> Written<'a> {
    /// Takes a list of operations, unless a key is put twice, or deleted and put. Branches that exclude
    /// each other may put the same key. What a transaction within deletes is only held against what comes
    /// after it.
    fn take(&mut self, ops: &'a [Op]) -> Result<(), Refused> {
        let (puts, deletes) = (self.puts.len(), self.deletes.len());
        for op in ops {
            if let Op::Delete(key) = op {
                self.deletes.push(key);
            }
        }
        for op in ops {
            let Op::Txn(inner) = op else { continue };
            let (earlier, gone) = (self.puts.len(), self.deletes.len());
            self.take(&inner.then)?;
            self.take(&inner.otherwise)?;
            let (before, within) = self.puts.split_at(earlier);
            let (before, gone) = (before.get(puts..), self.deletes.get(deletes..gone));
            for key in within {
                if before.is_some_and(|keys| keys.contains(key))
                    || gone.is_some_and(|keys| keys.contains(key))
                {
                    return Err(Refused::DuplicateKey);
                }
            }
        }
        for op in ops {
            if let Op::Put(key, _) | Op::PutLeased(key, ..) = op {
                let key = key.as_str();
                if self
                    .puts
                    .get(puts..)
                    .is_some_and(|keys| keys.contains(&key))
                    || self
                        .deletes
                        .get(deletes..)
                        .is_some_and(|keys| keys.contains(&key))
                {
                    return Err(Refused::DuplicateKey);
                }
                self.puts.push(key);
            }
        }
        Ok(())
    }
}

/// Whether etcd answers without Raft: one level of reads.
fn is_read_only(txn: &Txn) -> bool {
    let mut ops = txn.then.iter().chain(&txn.otherwise);
    ops.all(|op| matches!(op, Op::Get(_)))
}

/// Whether the alarm for want of space stops it. etcd does not look for puts in the transactions within.
pub(crate) fn takes_space(txn: &Txn) -> bool {
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
