//! The transaction of an ADD: a chain of rows, each tried where the one before it is taken.
//!
//! ```text
//! if not frozen and the owner key is absent
//!   then meta/store, and: if row 1 is free then put row 1 and the owner record
//!                         else if row 2 is free then …
//!                         else the windows of the pools
//!   else meta/store, meta/freeze, the owner record
//! ```

use super::pool::Pool;
use super::{AllocateError, Attempt};
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::gate::Admitted;
use crate::key::{Keyspace, holder_name};
use crate::record::{HeldAddress, OwnerRecord};
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, OpReply, Txn, TxnReply};

/// The most rows of one chain.
///
/// From 50 nested levels on, the client cannot decode the answer to a transaction that etcd has
/// committed (prost's recursion limit of 100, two per level).
const MAX_ROWS: usize = 32;
const _: () = assert!(
    MAX_ROWS + 1 < 48,
    "the answer to a longer chain cannot be decoded"
);

/// What etcd spends on one transaction at most, levels added up (`--max-txn-ops`, by default 128),
/// and what the outermost level of the chain takes of it.
const MAX_OPERATIONS: usize = 128;
const OUTER_OPERATIONS: usize = 3;

/// The most claims of one request: a row of them must fit the transaction twice over.
pub(super) const MAX_CLAIMS: usize = 30;

/// One address that may be free.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) held: HeldAddress,
    pub(super) expect: Expect,
}

/// What must hold of a candidate's key for it to be taken.
#[derive(Clone, Debug)]
pub(super) enum Expect {
    /// It does not exist.
    Absent,
    /// It is this rest or reservation, which is long over.
    LongOver(Entry),
}

/// One candidate for every claim. No address stands in it twice, not even in two spaces: one
/// interface is to have them all.
pub(super) type Row = Vec<Candidate>;

/// What became of a chain.
pub(super) enum Commit {
    /// A row was free and is now held.
    Created(Box<(OwnerRecord, Admitted)>),
    /// The attachment had an owner record, and nothing was written.
    Owned(Entry),
    /// Every row was taken. For every claim: its key, or its pool's window.
    Missed(Vec<GetReply>),
    /// etcd takes shorter transactions only.
    TooLong,
}

/// At most `limit` rows, each with one candidate of every claim.
pub(super) fn rows(exact: &[Option<Candidate>], pools: &[Pool<'_>], limit: usize) -> Vec<Row> {
    let longest = pools
        .iter()
        .map(|pool| pool.candidates.len())
        .max()
        .unwrap_or(1);
    let per_row = exact.len().saturating_mul(2).max(exact.len() + 1);
    let affordable = (MAX_OPERATIONS - OUTER_OPERATIONS)
        .checked_div(per_row)
        .unwrap_or(1);
    let count = longest.min(limit).min(affordable).min(MAX_ROWS);
    (0..count)
        .filter_map(|index| row(exact, pools, index))
        .collect()
}

fn row(exact: &[Option<Candidate>], pools: &[Pool<'_>], index: usize) -> Option<Row> {
    let mut row = Row::new();
    let mut pools = pools.iter();
    for claim in exact {
        let candidate = if let Some(candidate) = claim {
            candidate.clone()
        } else {
            let candidates = &pools.next()?.candidates;
            let from = candidates
                .iter()
                .cycle()
                .skip(index % candidates.len().max(1));
            let is_new = |one: &&Candidate| {
                let others = exact.iter().flatten().chain(&row);
                others
                    .into_iter()
                    .all(|other| other.held.address != one.held.address)
            };
            from.take(candidates.len()).find(is_new)?.clone()
        };
        row.push(candidate);
    }
    Some(row)
}

impl<E: Etcd, C: Clock> Attempt<'_, E, C> {
    /// Sends the chain until it is known what became of it.
    pub(super) async fn commit(&mut self, rows: &[Row]) -> Result<Commit, AllocateError> {
        let txn = self.chain(rows);
        let reply = match self.plan.store().persist(&txn, self.plan.deadline()).await {
            Ok(reply) => reply,
            Err(EtcdError::TooManyOperations(_)) if rows.len() > 1 => return Ok(Commit::TooLong),
            Err(error) => {
                self.may_have_created |= error.is_unknown();
                return Err(error.into());
            }
        };
        let header = reply.header;
        let succeeded = reply.succeeded;
        let mut results = reply.results.into_iter();
        let store = get(results.next());
        if !succeeded {
            let (freeze, owner) = (get(results.next()), get(results.next()));
            if freeze
                .as_ref()
                .is_some_and(|freeze| !freeze.entries.is_empty())
            {
                self.plan
                    .store()
                    .admit(header, store.as_ref(), freeze.as_ref())?;
            }
            // Gone again since the compare saw it: as good as a miss that showed nothing.
            let owner = owner.and_then(GetReply::into_entry);
            return Ok(owner.map_or(Commit::Missed(Vec::new()), Commit::Owned));
        }
        let Some(OpReply::Txn(chain)) = results.next() else {
            return Ok(Commit::Missed(Vec::new()));
        };
        match outcome(chain) {
            Ok(index) => {
                self.may_have_created = true;
                let admitted = self.plan.store().admit(header, store.as_ref(), None)?;
                let record = rows.get(index).map(|row| self.record(row));
                let record = record.ok_or(AllocateError::Contended)?;
                Ok(Commit::Created(Box::new((record, admitted))))
            }
            Err(windows) => {
                self.plan.store().admit(header, store.as_ref(), None)?;
                Ok(Commit::Missed(windows))
            }
        }
    }

    fn record(&self, row: &Row) -> OwnerRecord {
        let addresses = row.iter().map(|candidate| candidate.held.clone()).collect();
        OwnerRecord {
            addresses,
            ..self.request.record.clone()
        }
    }

    fn chain(&self, rows: &[Row]) -> Txn {
        let keys = &self.plan.store().keys;
        let owner = keys.owner(self.request.attachment);
        let holder = holder_name(self.request.attachment).into_bytes();
        let template = self.request.record.template();
        let mut rest: Vec<Op> = self.plan.tail().map(Op::Get).collect();
        for row in rows.iter().rev() {
            let puts = row
                .iter()
                .map(|candidate| Op::Put(key(keys, candidate), holder.clone()));
            let record = template.with(row.iter().map(|candidate| &candidate.held));
            let level = Txn {
                compares: row
                    .iter()
                    .flat_map(|candidate| free(keys, candidate))
                    .collect(),
                then: puts
                    .chain([Op::Put(owner.clone(), record.into_bytes())])
                    .collect(),
                otherwise: rest,
            };
            rest = vec![Op::Txn(level)];
        }
        let store = Op::Get(Get::key(keys.store()));
        let why = [keys.freeze(), owner.clone()].map(|key| Op::Get(Get::key(key)));
        Txn {
            compares: vec![Compare::Absent(keys.freeze()), Compare::Absent(owner)],
            then: [store.clone()].into_iter().chain(rest).collect(),
            otherwise: [store].into_iter().chain(why).collect(),
        }
    }
}

/// The key of a candidate's address.
pub(super) fn key(keys: &Keyspace, candidate: &Candidate) -> String {
    keys.address(&candidate.held.space, candidate.held.address)
}

fn free(keys: &Keyspace, candidate: &Candidate) -> Vec<Compare> {
    let key = key(keys, candidate);
    match &candidate.expect {
        Expect::Absent => vec![Compare::Absent(key)],
        Expect::LongOver(entry) => vec![
            Compare::ModRevision(key.clone(), entry.mod_revision),
            Compare::Value(key, entry.value.clone()),
        ],
    }
}

fn get(result: Option<OpReply>) -> Option<GetReply> {
    match result {
        Some(OpReply::Get(get)) => Some(get),
        Some(OpReply::Put | OpReply::Delete | OpReply::Txn(_)) | None => None,
    }
}

/// Which row was taken, or else what the tail read.
fn outcome(mut level: TxnReply) -> Result<usize, Vec<GetReply>> {
    let mut index = 0;
    loop {
        if level.succeeded {
            return Ok(index);
        }
        match level.results.pop() {
            Some(OpReply::Txn(next)) => level = next,
            other => {
                level.results.extend(other);
                return Err(level.gets().collect());
            }
        }
        index += 1;
    }
}
