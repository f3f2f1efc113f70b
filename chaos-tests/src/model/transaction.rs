//! Transactions.

use std::sync::Arc;

use store::txn::{Compare, Get, Header, Op, OpReply, Txn, TxnReply};

use super::{Change, Kept, Model, Refused, request};

/// Which branch a transaction takes, and those within that branch, in the order of the operations.
struct Path {
    succeeded: bool,
    within: Vec<Path>,
}

impl Path {
    fn branch<'a>(&self, txn: &'a Txn) -> &'a [Op] {
        if self.succeeded {
            &txn.then
        } else {
            &txn.otherwise
        }
    }
}

impl Model {
    /// Applies one transaction.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Refused> {
        request::check(txn, self.max_txn_ops)?;
        if self.out_of_space && request::takes_space(txn) {
            return Err(Refused::NoSpace);
        }
        // Every condition, also those within, is judged by the state before the whole.
        let path = self.path(txn);
        self.check_leases(txn, &path)?;
        self.check_revisions(txn, &path)?;
        let mut changes = Vec::new();
        let mut reply = self.apply(txn, &path, &mut changes);
        self.commit(changes);
        reply.header = self.header();
        Ok(reply)
    }

    fn path(&self, txn: &Txn) -> Path {
        let succeeded = txn.compares.iter().all(|compare| self.holds(compare));
        let branch = if succeeded { &txn.then } else { &txn.otherwise };
        let within = branch.iter().filter_map(|op| match op {
            Op::Txn(inner) => Some(self.path(inner)),
            _ => None,
        });
        Path {
            succeeded,
            within: within.collect(),
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kept = self.keys.get(request::key_of(compare));
        match compare {
            Compare::Absent(_) => kept.is_none(),
            // A key that does not exist has the revision 0.
            Compare::ModRevision(_, revision) => kept.map_or(0, |kept| kept.modified) == *revision,
            Compare::CreateRevision(_, revision) => {
                kept.map_or(0, |kept| kept.created) == *revision
            }
            // But it has no value, not even the empty one.
            Compare::Value(_, value) => kept.is_some_and(|kept| *kept.value == **value),
        }
    }

    fn check_leases(&self, txn: &Txn, path: &Path) -> Result<(), Refused> {
        check(txn, path, &|op| match op {
            Op::PutLeased(_, _, lease) if lease.0 != 0 && !self.leases.contains_key(&lease.0) => {
                Err(Refused::NoLease)
            }
            _ => Ok(()),
        })
    }

    fn check_revisions(&self, txn: &Txn, path: &Path) -> Result<(), Refused> {
        check(txn, path, &|op| match op {
            Op::Get(Get { revision: 0, .. }) => Ok(()),
            Op::Get(get) if get.revision > self.revision => Err(Refused::FutureRevision),
            Op::Get(get) if get.revision < self.compacted => Err(Refused::Compacted),
            _ => Ok(()),
        })
    }

    fn apply(&mut self, txn: &Txn, path: &Path, changes: &mut Vec<Change>) -> TxnReply {
        let mut within = path.within.iter();
        let results = path.branch(txn).iter().map(|op| match op {
            Op::Get(get) => OpReply::Get(self.read(get, changes)),
            Op::Put(key, value) => {
                self.put(key, value, 0, changes);
                OpReply::Put
            }
            Op::PutLeased(key, value, lease) => {
                self.put(key, value, lease.0, changes);
                OpReply::Put
            }
            Op::Delete(key) => {
                self.delete(key, changes);
                OpReply::Delete
            }
            Op::Txn(inner) => OpReply::Txn(match within.next() {
                Some(path) => self.apply(inner, path, changes),
                None => TxnReply::default(),
            }),
        });
        TxnReply {
            // Only the outermost has one.
            header: Header::default(),
            succeeded: path.succeeded,
            results: results.collect(),
        }
    }

    fn put(&mut self, key: &str, value: &[u8], lease: i64, changes: &mut Vec<Change>) {
        let revision = self.revision + 1;
        let standing = self.keys.get_key_value(key);
        let (key, before) = match standing {
            Some((key, kept)) => (key.clone(), Some(kept.clone())),
            None => (Arc::from(key), None),
        };
        let after = Kept {
            value: Arc::from(value),
            created: before.as_ref().map_or(revision, |before| before.created),
            modified: revision,
            version: before.as_ref().map_or(0, |before| before.version) + 1,
            lease,
        };
        self.keys.insert(key.clone(), after.clone());
        changes.push(Change {
            key,
            before,
            after: Some(after),
        });
    }

    pub(super) fn delete(&mut self, key: &str, changes: &mut Vec<Change>) {
        if let Some((key, before)) = self.keys.remove_entry(key) {
            changes.push(Change {
                key,
                before: Some(before),
                after: None,
            });
        }
    }
}

/// Checks every operation that will be carried out.
fn check(
    txn: &Txn,
    path: &Path,
    rule: &impl Fn(&Op) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let mut within = path.within.iter();
    for op in path.branch(txn) {
        if let Op::Txn(inner) = op {
            within
                .next()
                .map_or(Ok(()), |path| check(inner, path, rule))?;
        } else {
            rule(op)?;
        }
    }
    Ok(())
}
