//! A store in memory, so that commands can be tried without an etcd.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::clock::Clock;
use store::coordination::{Changes, Coordination, LeaseId, Watch};
use store::etcd::EtcdError;
use store::gate::Gate;
use store::key::{DEFAULT_PREFIX, KeyRange, Keyspace};
use store::store::Store;
use store::txn::{Compare, Entry, Etcd, Get, GetReply, Header, Op, OpReply, Txn, TxnReply, View};

use crate::cli::Format;
use crate::command::Context;
use crate::output::Output;

/// The birth certificate of a store.
pub(crate) const STORE: (&str, &str) = (
    "/etcd-ipam/v1/meta/store",
    r#"{"schema":1,"id":"s1","sealed_term":2,"epoch":0}"#,
);

/// As much of etcd as the commands use.
pub(crate) struct FakeEtcd {
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The one key that hangs on a lease.
    leased: Mutex<Option<String>>,
    term: AtomicU64,
    revision: AtomicI64,
    /// What the watches will tell, one after the other, and from where they were asked to.
    watches: Mutex<VecDeque<Vec<Told>>>,
    watched: Mutex<Vec<i64>>,
}

/// What a watch tells at once.
pub(crate) type Told = Result<Changes, EtcdError>;

impl FakeEtcd {
    pub(crate) fn of(entries: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), value.as_bytes().to_vec());
        Self {
            entries: Mutex::new(entries.iter().map(owned).collect()),
            leased: Mutex::default(),
            term: AtomicU64::new(2),
            revision: AtomicI64::new(1),
            watches: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    pub(crate) fn set_revision(&self, revision: i64) {
        self.revision.store(revision, Ordering::Relaxed);
    }

    /// The next watch will tell this.
    pub(crate) fn tell(&self, told: impl Into<Vec<Told>>) {
        self.watches.lock().unwrap().push_back(told.into());
    }

    /// From which revisions on it was watched.
    pub(crate) fn watched(&self) -> Vec<i64> {
        self.watched.lock().unwrap().clone()
    }

    pub(crate) fn set_term(&self, term: u64) {
        self.term.store(term, Ordering::Relaxed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// A key's value.
    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.entries().get(key).cloned()
    }

    /// Writes a key, and takes it off its lease.
    pub(crate) fn put(&self, key: &str, value: &str) {
        self.entries().insert(key.to_owned(), value.into());
        self.leased.lock().unwrap().take_if(|leased| leased == key);
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.entries.lock().unwrap()
    }

    fn get(&self, get: &Get) -> GetReply {
        assert_ne!(get.view, View::GreatestValues, "not asked for");
        let end = match &get.end {
            Some(end) => Bound::Excluded(end.clone()),
            None => Bound::Included(get.key.clone()),
        };
        let entries = self.entries();
        let found = entries.range((Bound::Included(get.key.clone()), end));
        let mut found: Vec<_> = found
            .map(|(key, value)| Entry {
                key: key.clone(),
                value: match get.view {
                    View::Entries => value.clone(),
                    _ => Vec::new(),
                },
                mod_revision: 1,
            })
            .collect();
        let count = found.len();
        if get.view == View::Count {
            found.clear();
        }
        if get.limit > 0 {
            found.truncate(get.limit.try_into().unwrap());
        }
        GetReply {
            more: get.view != View::Count && found.len() < count,
            count: count.try_into().unwrap(),
            entries: found,
        }
    }
}

impl Etcd for FakeEtcd {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let succeeded = txn.compares.iter().all(|compare| match compare {
            Compare::Absent(key) => !self.entries().contains_key(key),
            // Every key has the same.
            Compare::ModRevision(key, revision) => {
                *revision == 1 && self.entries().contains_key(key)
            }
            Compare::Value(key, value) => self.entries().get(key) == Some(value),
            Compare::CreateRevision(..) => panic!("not asked for: {compare:?}"),
        });
        let branch = if succeeded { &txn.then } else { &txn.otherwise };
        let results = branch.iter().map(|op| match op {
            Op::Get(get) => OpReply::Get(self.get(get)),
            Op::Put(key, value) => {
                self.entries().insert(key.clone(), value.clone());
                OpReply::Put
            }
            Op::Delete(key) => {
                self.entries().remove(key);
                OpReply::Delete
            }
            Op::PutLeased(key, value, _) => {
                self.entries().insert(key.clone(), value.clone());
                *self.leased.lock().unwrap() = Some(key.clone());
                OpReply::Put
            }
            Op::Txn(_) => panic!("not asked for: {op:?}"),
        });
        Ok(TxnReply {
            results: results.collect(),
            succeeded,
            header: Header {
                revision: self.revision.load(Ordering::Relaxed),
                raft_term: self.term.load(Ordering::Relaxed),
            },
        })
    }
}

impl Coordination for FakeEtcd {
    type Watch = FakeWatch;

    async fn grant(&self, _: Duration) -> Result<LeaseId, EtcdError> {
        Ok(LeaseId(1))
    }

    async fn keep_alive(&self, _: LeaseId) -> Result<bool, EtcdError> {
        panic!("not asked for")
    }

    async fn revoke(&self, _: LeaseId) -> Result<(), EtcdError> {
        let leased = self.leased.lock().unwrap().take();
        if let Some(key) = leased {
            self.entries().remove(&key);
        }
        Ok(())
    }

    async fn watch(&self, _: &KeyRange, from: i64) -> Result<FakeWatch, EtcdError> {
        self.watched.lock().unwrap().push(from);
        let told = self.watches.lock().unwrap().pop_front();
        Ok(FakeWatch(told.expect("one more watch").into()))
    }
}

/// Tells what it was given to tell, and then nothing any more.
pub(crate) struct FakeWatch(VecDeque<Told>);

impl Watch for FakeWatch {
    async fn next(&mut self) -> Told {
        match self.0.pop_front() {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }
}

/// It is noon on 20 November 2026. Waiting takes no time, and lets others go on.
#[derive(Default)]
pub(crate) struct Noon {
    waited: Mutex<Duration>,
}

impl Clock for Noon {
    fn monotonic(&self) -> Duration {
        *self.waited.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        humantime::parse_rfc3339("2026-11-20T12:00:00Z").unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.waited.lock().unwrap() += duration;
        tokio::task::yield_now().await;
    }

    fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(0)
    }
}

pub(crate) fn context(etcd: FakeEtcd) -> Context<FakeEtcd, Noon> {
    let keys = Keyspace::new(DEFAULT_PREFIX);
    Context {
        store: Store::new(etcd, Noon::default(), keys, Gate::default()),
        prefix: DEFAULT_PREFIX.to_owned(),
        cluster: "default".to_owned(),
        timeout: Duration::from_secs(1),
    }
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) outcome: anyhow::Result<()>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) async fn ran(
    format: Format,
    command: impl AsyncFnOnce(&mut Output<'_>) -> anyhow::Result<()>,
) -> Ran {
    ran_asking(format, "", command).await
}

/// The same with somebody there who answers.
pub(crate) async fn ran_asking(
    format: Format,
    answers: &str,
    command: impl AsyncFnOnce(&mut Output<'_>) -> anyhow::Result<()>,
) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut answers = answers.as_bytes();
    let output = Output::new(format, &mut out, &mut err);
    let outcome = command(&mut output.asking(&mut answers)).await;
    Ran {
        outcome,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// What was printed, as a program reads it.
pub(crate) fn json(ran: &Ran) -> serde_json::Value {
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    serde_json::from_str(&ran.out).unwrap()
}
