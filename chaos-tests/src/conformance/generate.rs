//! Random requests, and what the model answers to them.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use store::coordination::LeaseId;
use store::key::KeyRange;
use store::txn::{Compare, Get, Op, Txn, View};

use crate::model::Model;

/// The keys that requests are about. One is a prefix of others.
const KEYS: [&str; 6] = ["a", "b", "b/", "b/1", "c", "cc"];
const VALUES: [&str; 4] = ["", "1", "2", "22"];
/// Where stretches end, beside at keys.
const ENDS: [&str; 4] = ["\0", "", "b0", "d"];
/// No sequence lasts so long.
pub(super) const LONG: Duration = Duration::from_hours(1);
/// A lease that nobody has.
const NO_LEASE: i64 = 4711;
/// Larger than etcd takes, and small enough for it to say so.
const TOO_LARGE: usize = 1_600_000;

/// One request.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Txn(Txn),
    Grant(Duration),
    KeepAlive(LeaseId),
    Revoke(LeaseId),
    Compact(i64),
    OutOfSpace(bool),
    Watch(KeyRange, i64),
    /// All keys with all that is known of them.
    State,
}

impl Display for Request {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let text = format!("{self:?}");
        // A large value says nothing that its length does not.
        let short: String = text.chars().take(4000).collect();
        let cut = if short.len() < text.len() { "…" } else { "" };
        write!(out, "{short}{cut}")
    }
}

impl Request {
    /// All that is left of the log.
    pub(super) fn all_events(model: &Model) -> Self {
        let all = KeyRange {
            start: KEYS[0].to_owned(),
            end: "\0".to_owned(),
        };
        Self::Watch(all, model.compacted().max(1))
    }

    /// What the model answers, in words.
    pub(super) fn ask(&self, model: &mut Model, endpoint: &str) -> String {
        let now = Duration::ZERO;
        match self {
            Self::Txn(txn) => format!("{:?}", model.txn(txn).map_err(|no| no.into_error(endpoint))),
            Self::Grant(ttl) => {
                let granted = model.grant(*ttl, now).map(LeaseId);
                format!("{:?}", granted.map_err(|no| no.into_error(endpoint)))
            }
            Self::KeepAlive(lease) => format!("{:?}", model.keep_alive(lease.0, now)),
            Self::Revoke(lease) => format!("{}", model.revoke(lease.0).is_ok()),
            Self::Compact(revision) => format!("{}", model.compact(*revision).is_ok()),
            Self::OutOfSpace(out_of_space) => {
                model.set_out_of_space(*out_of_space);
                String::new()
            }
            Self::Watch(stretch, from) => match model.told(stretch, *from) {
                Ok(told) => format!("{told:?}"),
                Err(oldest) => format!("compacted up to {oldest}"),
            },
            Self::State => {
                let entries = model.keys().map(|(key, kept)| {
                    format!(
                        "{key}={:?} c{} m{} v{} l{}\n",
                        &*kept.value, kept.created, kept.modified, kept.version, kept.lease
                    )
                });
                entries.collect()
            }
        }
    }
}

/// What the next request may refer to.
pub(super) struct Known {
    base: i64,
    pub(super) revision: i64,
    pub(super) leases: Vec<i64>,
    out_of_space: bool,
}

impl Known {
    pub(super) const fn new(base: i64) -> Self {
        Self {
            base,
            revision: base,
            leases: Vec::new(),
            out_of_space: false,
        }
    }

    pub(super) fn next(&mut self, rng: &mut StdRng) -> Request {
        match rng.random_range(0..100) {
            0..5 => Request::Grant(LONG),
            5..7 => Request::KeepAlive(self.lease(rng)),
            7..10 => Request::Revoke(self.lease(rng)),
            10..13 => Request::Compact(self.some_revision(rng)),
            13..16 => {
                self.out_of_space = !self.out_of_space;
                Request::OutOfSpace(self.out_of_space)
            }
            // Without space little happens, so it does not last.
            16..26 if self.out_of_space => {
                self.out_of_space = false;
                Request::OutOfSpace(false)
            }
            16..22 => {
                let start = KEYS.choose(rng).copied().unwrap_or_default().to_owned();
                let mut end = end(rng);
                // No watch begins on a stretch that is empty.
                if end.as_str() > "\0" && end <= start {
                    "\0".clone_into(&mut end);
                }
                Request::Watch(KeyRange { start, end }, self.some_revision(rng))
            }
            22 => Request::Txn(self.long(rng)),
            _ => Request::Txn(self.txn(rng, 3)),
        }
    }

    fn lease(&self, rng: &mut StdRng) -> LeaseId {
        LeaseId(match self.leases.choose(rng) {
            Some(lease) if rng.random_bool(0.9) => *lease,
            _ => NO_LEASE,
        })
    }

    /// A revision of this sequence, or one next to them; at least 1.
    fn some_revision(&self, rng: &mut StdRng) -> i64 {
        let from = self.base.max(self.revision - 12);
        rng.random_range(from - 1..=self.revision + 1).max(1)
    }

    fn txn(&self, rng: &mut StdRng, depth: u32) -> Txn {
        let compares = (0..rng.random_range(0..=2)).map(|_| self.compare(rng));
        let compares = compares.collect();
        Txn {
            compares,
            then: self.ops(rng, depth),
            otherwise: self.ops(rng, depth),
        }
    }

    fn ops(&self, rng: &mut StdRng, depth: u32) -> Vec<Op> {
        let count = rng.random_range(0..=3);
        (0..count).map(|_| self.op(rng, depth)).collect()
    }

    fn op(&self, rng: &mut StdRng, depth: u32) -> Op {
        match rng.random_range(0..20) {
            0..6 => Op::Get(self.get(rng)),
            6..10 => Op::Put(key(rng), value(rng)),
            10 if !self.leases.is_empty() => Op::PutLeased(key(rng), value(rng), self.lease(rng)),
            10..14 => Op::Delete(key(rng)),
            _ if depth > 0 => Op::Txn(self.txn(rng, depth - 1)),
            _ => Op::Get(self.get(rng)),
        }
    }

    fn compare(&self, rng: &mut StdRng) -> Compare {
        let key = key(rng);
        let revision = match rng.random_range(0..4) {
            0 => 0,
            _ => self.some_revision(rng),
        };
        match rng.random_range(0..5) {
            0 | 1 => Compare::Absent(key),
            2 => Compare::ModRevision(key, revision),
            3 => Compare::CreateRevision(key, revision),
            _ => Compare::Value(key, value(rng)),
        }
    }

    fn get(&self, rng: &mut StdRng) -> Get {
        let is_old = rng.random_bool(0.15);
        Get {
            key: key(rng),
            end: rng.random_bool(0.7).then(|| end(rng)),
            limit: rng.random_range(0..=3),
            view: *[View::Entries, View::Keys, View::Count, View::GreatestValues]
                .choose(rng)
                .unwrap_or(&View::Entries),
            revision: if is_old { self.some_revision(rng) } else { 0 },
        }
    }

    /// A transaction that is too long or too large, or only just not.
    fn long(&self, rng: &mut StdRng) -> Txn {
        if rng.random_bool(0.1) {
            let large = vec![b'x'; TOO_LARGE];
            return Txn {
                then: vec![Op::Put(key(rng), large)],
                ..Txn::default()
            };
        }
        // What every level spends adds up, whichever branch is taken.
        let mut txn = self.txn(rng, 0);
        let mut spent = 3;
        while spent < 128 {
            let here = rng.random_range(1..=60).min(129 - spent);
            let gets = (1..here).map(|_| Op::Get(Get::key(key(rng))));
            let mut ops: Vec<_> = gets.collect();
            ops.push(Op::Txn(txn));
            spent += here;
            txn = Txn {
                then: ops,
                ..Txn::default()
            };
        }
        txn
    }
}

fn key(rng: &mut StdRng) -> String {
    if rng.random_bool(0.003) {
        return String::new();
    }
    KEYS.choose(rng).copied().unwrap_or_default().to_owned()
}

fn end(rng: &mut StdRng) -> String {
    let ends = if rng.random_bool(0.6) {
        &ENDS[..]
    } else {
        &KEYS[..]
    };
    ends.choose(rng).copied().unwrap_or_default().to_owned()
}

fn value(rng: &mut StdRng) -> Vec<u8> {
    VALUES.choose(rng).copied().unwrap_or_default().into()
}
