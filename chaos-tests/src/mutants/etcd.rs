//! Bugs between the product and etcd.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use store::coordination::{Coordination, LeaseId};
use store::etcd::EtcdError;
use store::key::KeyRange;
use store::txn::{Compare, Entry, Etcd, Get, GetReply, Header, Op, OpReply, Txn, TxnReply, View};

use super::Mutant;
use super::request::{
    changed, has_put, is_allocation, is_owner, is_read, is_release, request, steps,
};

/// By how many revisions a stale read lags.
const LAG: i64 = 6;

/// An etcd that a bug stands in front of. Without one it is the etcd itself.
#[derive(Debug)]
pub struct Planted<E> {
    inner: E,
    mutant: Option<Mutant>,
    seen: Mutex<Seen>,
}

/// What a bug remembers.
#[derive(Debug, Default)]
struct Seen {
    /// The birth certificate as it was last read, for answers that are made up.
    store: Option<(Header, Entry)>,
    /// Whether etcd refused the last release that leaves a rest, for want of space.
    no_space: bool,
    /// Whether a lease could not be kept alive.
    silent: bool,
}

impl<E> Planted<E> {
    /// Plants a bug in front of an etcd.
    pub fn new(inner: E, mutant: Option<Mutant>) -> Self {
        Self {
            inner,
            mutant,
            seen: Mutex::default(),
        }
    }
}

impl<E: Etcd> Etcd for Planted<E> {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let Some(mutant) = self.mutant else {
            return self.inner.txn(txn).await;
        };
        match mutant {
            Mutant::OwnRecordIgnored if is_read(txn) => self.without_own_record(txn).await,
            Mutant::TimeoutIsSuccess => self.optimistic(txn).await,
            Mutant::ReleaseErrorsIgnored if is_release(txn) => Ok(self.careless(txn).await),
            Mutant::TornPair if is_allocation(txn) => self.torn(txn).await,
            Mutant::SealIgnored | Mutant::RestoreUnnoticed | Mutant::FoundUnchecked => {
                self.unsealed(mutant, txn).await
            }
            Mutant::StaleReads if is_read(txn) => self.stale(txn).await,
            Mutant::ReleaseByPodName if is_release(txn) => self.release_namesakes(txn).await,
            Mutant::NoSpaceStopsRelease if is_release(txn) => self.with_rest_only(txn).await,
            Mutant::NewestByCommit if is_read(txn) => {
                self.with_records(txn, newest_by_commit).await
            }
            Mutant::EmptyUidsAreEqual if is_read(txn) => {
                self.with_records(txn, empty_uids_are_equal).await
            }
            Mutant::WaitsForEver => match self.inner.txn(txn).await {
                Err(EtcdError::Unknown { .. }) => std::future::pending().await,
                outcome => outcome,
            },
            _ => self.inner.txn(&request(mutant, txn)).await,
        }
    }
}

impl<E: Etcd> Planted<E> {
    /// The attachment's own record is never seen.
    async fn without_own_record(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let mut reply = self.inner.txn(txn).await?;
        for (op, result) in txn.then.iter().zip(&mut reply.results) {
            if let (Op::Get(get), OpReply::Get(found)) = (op, result)
                && is_owner(&get.key)
                && get.end.is_none()
            {
                *found = GetReply::default();
            }
        }
        Ok(reply)
    }

    /// A timeout is taken for the success of the first row.
    async fn optimistic(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let outcome = self.inner.txn(txn).await;
        if let Ok(reply) = &outcome {
            self.remember(reply);
        }
        let known = self.seen().store.clone();
        match (outcome, known) {
            (Err(EtcdError::Unknown { .. }), Some((header, store))) if is_allocation(txn) => {
                let committed = TxnReply {
                    succeeded: true,
                    ..TxnReply::default()
                };
                Ok(TxnReply {
                    header,
                    succeeded: true,
                    results: vec![OpReply::Get(one(store)), OpReply::Txn(committed)],
                })
            }
            (outcome, _) => outcome,
        }
    }

    /// A release is done, whatever etcd says.
    async fn careless(&self, txn: &Txn) -> TxnReply {
        self.inner.txn(txn).await.unwrap_or(TxnReply {
            succeeded: true,
            ..TxnReply::default()
        })
    }

    /// The addresses first, then the owner record.
    async fn torn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let addresses = changed(txn, &|op| match op {
            Op::Put(key, _) if is_owner(&key) => Op::Get(Get::key(key)),
            other => other,
        });
        let reply = self.inner.txn(&addresses).await?;
        let record = taken_row(txn, &reply).and_then(|row| {
            let mut puts = row.then.iter();
            puts.find(|op| matches!(op, Op::Put(key, _) if is_owner(key)))
        });
        if let Some(record) = record {
            let second = Txn {
                then: vec![record.clone()],
                ..Txn::default()
            };
            self.inner.txn(&second).await?;
        }
        Ok(reply)
    }

    /// The answer's term, or all of what would give a restore away, is not looked at.
    async fn unsealed(&self, mutant: Mutant, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let mut reply = self.inner.txn(txn).await?;
        let of_own_record = txn
            .compares
            .iter()
            .any(|compare| matches!(compare, Compare::ModRevision(key, _) if is_owner(key)));
        if mutant != Mutant::FoundUnchecked || of_own_record {
            reply.header.raft_term = u64::MAX;
        }
        if mutant == Mutant::RestoreUnnoticed {
            reply.header.revision = i64::MAX;
        }
        Ok(reply)
    }

    /// A read as of some revisions ago.
    async fn stale(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let probe = Txn::read(steps(txn).into_iter().take(1).filter_map(|op| match op {
            Op::Get(get) => Some(get.clone()),
            _ => None,
        }));
        let now = self.inner.txn(&probe).await?.header;
        let earlier = (now.revision - LAG).max(1);
        let aged = changed(txn, &|op| match op {
            Op::Get(get) if get.revision == 0 => Op::Get(get.as_of(earlier)),
            other => other,
        });
        match self.inner.txn(&aged).await {
            Err(EtcdError::Compacted { .. }) => self.inner.txn(txn).await,
            outcome => outcome,
        }
    }

    /// Whatever else is of the released pod's name goes too.
    async fn release_namesakes(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let value = txn.compares.iter().find_map(|compare| match compare {
            Compare::Value(key, value) if is_owner(key) => Some((key, value)),
            _ => None,
        });
        let Some((key, value)) = value else {
            return self.inner.txn(txn).await;
        };
        let root = key.split("/v1/owner/").next().unwrap_or_default();
        let every = KeyRange {
            start: format!("{root}/v1/owner/"),
            end: format!("{root}/v1/owner0"),
        };
        let listed = Txn::read([Get::range(every, View::Entries, 0)]);
        let listed = self.inner.txn(&listed).await?;
        let name = pod_name(value);
        let mut wider = txn.clone();
        let found = listed
            .results
            .into_iter()
            .filter_map(|result| match result {
                OpReply::Get(get) => Some(get.entries),
                _ => None,
            });
        for entry in found.flatten() {
            if entry.key != *key && name.is_some() && pod_name(&entry.value) == name {
                let addresses = addresses_of(root, &entry.value).into_iter().map(Op::Delete);
                wider.then.extend(addresses);
                wider.then.push(Op::Delete(entry.key));
            }
        }
        self.inner.txn(&wider).await
    }

    /// A release that etcd refused for want of space is not tried without its rest.
    async fn with_rest_only(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let without_rest = !has_put(txn);
        if without_rest && self.seen().no_space {
            return Err(EtcdError::NoSpace("etcd".to_owned()));
        }
        let outcome = self.inner.txn(txn).await;
        self.seen().no_space = matches!(outcome, Err(EtcdError::NoSpace(_)));
        outcome
    }

    /// Owner records that say something else than what is written in them.
    async fn with_records(
        &self,
        txn: &Txn,
        change: impl Fn(&Entry, &mut Value),
    ) -> Result<TxnReply, EtcdError> {
        let mut reply = self.inner.txn(txn).await?;
        for result in &mut reply.results {
            let OpReply::Get(get) = result else { continue };
            for entry in get.entries.iter_mut().filter(|entry| is_owner(&entry.key)) {
                if let Ok(mut record) = serde_json::from_slice::<Value>(&entry.value) {
                    change(entry, &mut record);
                    entry.value = record.to_string().into_bytes();
                }
            }
        }
        Ok(reply)
    }

    fn remember(&self, reply: &TxnReply) {
        let entries = reply.results.iter().filter_map(|result| match result {
            OpReply::Get(get) => get.entries.first(),
            _ => None,
        });
        if let Some(store) = entries
            .into_iter()
            .find(|entry| entry.key.ends_with("/meta/store"))
        {
            self.seen().store = Some((reply.header, store.clone()));
        }
    }
}

impl<E> Planted<E> {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Coordination> Coordination for Planted<E> {
    type Watch = E::Watch;

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, EtcdError> {
        if self.mutant == Some(Mutant::NeverElectedAgain) && self.seen().silent {
            return std::future::pending().await;
        }
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<bool, EtcdError> {
        let outcome = self.inner.keep_alive(lease).await;
        self.seen().silent |= !matches!(outcome, Ok(true));
        match self.mutant {
            Some(Mutant::DeposedGoesOn) => Ok(true),
            _ => outcome,
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), EtcdError> {
        self.inner.revoke(lease).await
    }

    async fn watch(&self, stretch: &KeyRange, from: i64) -> Result<Self::Watch, EtcdError> {
        self.inner.watch(stretch, from).await
    }
}

/// The row of an allocation that was taken.
fn taken_row<'a>(txn: &'a Txn, reply: &TxnReply) -> Option<&'a Txn> {
    if !reply.succeeded {
        return None;
    }
    let inner = |txn: &'a Txn, succeeded: bool| {
        let branch = if succeeded { &txn.then } else { &txn.otherwise };
        branch.iter().find_map(|op| match op {
            Op::Txn(inner) => Some(inner),
            _ => None,
        })
    };
    let nested = |reply: &TxnReply| {
        reply.results.iter().find_map(|result| match result {
            OpReply::Txn(inner) => Some(inner.clone()),
            _ => None,
        })
    };
    let (mut row, mut level) = (inner(txn, true)?, nested(reply)?);
    loop {
        if level.succeeded {
            return Some(row);
        }
        row = inner(row, false)?;
        level = nested(&level)?;
    }
}

fn one(entry: Entry) -> GetReply {
    GetReply {
        entries: vec![entry],
        count: 1,
        more: false,
    }
}

fn pod_name(record: &[u8]) -> Option<String> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let pod = record.get("pod")?;
    Some(format!("{}/{}", pod.get("namespace")?, pod.get("name")?))
}

/// The keys of the addresses that a record holds; all that a test uses are IPv4.
fn addresses_of(root: &str, record: &[u8]) -> Vec<String> {
    let record: Value = serde_json::from_slice(record).unwrap_or_default();
    let held = record.get("addresses").and_then(Value::as_array);
    let key = |held: &Value| {
        let space = held.get("space")?.as_str()?;
        let address: std::net::Ipv4Addr = held.get("address")?.as_str()?.parse().ok()?;
        let octets = address
            .octets()
            .map(|octet| format!("{octet:03}"))
            .join(".");
        Some(format!("{root}/v1/addr/{space}/{octets}"))
    };
    held.into_iter().flatten().filter_map(key).collect()
}

fn newest_by_commit(entry: &Entry, record: &mut Value) {
    if let Some(record) = record.as_object_mut() {
        record.insert("started_ms".to_owned(), json!(entry.mod_revision));
    }
}

fn empty_uids_are_equal(_: &Entry, record: &mut Value) {
    if let Some(pod) = record.get_mut("pod").and_then(Value::as_object_mut) {
        pod.entry("uid").or_insert_with(|| json!("unknown"));
    }
}
