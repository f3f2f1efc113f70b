//! An etcd server with a fresh store, and the library as a program would use it.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use chaos_tests::layout::Layout;
use chaos_tests::raw::Raw;
use store::clock::SystemClock;
use store::election::{Candidate, Leadership};
use store::etcd::{Client, Settings};
use store::gate::Gate;
use store::key::{DEFAULT_PREFIX, Keyspace};
use store::retry::Deadline;
use store::store::Store;
use store::txn::Etcd;
use tokio::runtime::{Builder, Runtime};

/// Whatever a test waits for has happened by then, or never will.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The cluster whose collector is tested.
pub(crate) const CLUSTER: &str = "default";

/// A lease that does not end in a test.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// The store as programs reach it.
pub(crate) type RealStore = Store<Client, SystemClock>;

/// A server, and a store in it.
pub(crate) struct Bench {
    // Its connections end before the server.
    pub(crate) store: RealStore,
    pub(crate) runtime: Runtime,
    pub(crate) raw: Raw,
    pub(crate) etcd: EtcdServer,
    pub(crate) layout: Layout,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Result<Self> {
        let etcd = EtcdServer::start_with(options)?;
        let bench = Self {
            store: store(settings(&etcd)),
            runtime: runtime()?,
            raw: etcd.raw()?,
            etcd,
            layout: Layout::default(),
        };
        bench.wait(bench.store.init(soon(&bench.store)))??;
        Ok(bench)
    }

    /// One for every version of etcd that can be started here.
    pub(crate) fn of_every_version() -> impl Iterator<Item = Result<Self>> {
        etcd_versions().into_iter().map(|install| {
            Self::with(Options {
                install: Some(install),
                ..Options::default()
            })
        })
    }

    /// Does it, in bounded time.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        bounded(&self.runtime, work)
    }

    /// Is elected; nobody else may lead.
    pub(crate) fn lead(&self) -> Result<Leadership> {
        let candidate = candidate("the test", LONG);
        let campaign = self.store.campaign(&candidate, |_| {}, |_| {});
        Ok(self.wait(campaign)??)
    }

    pub(crate) fn resign(&self, leadership: Leadership) -> Result<()> {
        let resigned = self.store.resign(leadership, soon(&self.store));
        Ok(self.wait(resigned)??)
    }

    /// Everything in etcd, to compare.
    pub(crate) fn everything(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.raw.list(self.layout.root())
    }

    pub(crate) fn freeze(&self, reason: &str) -> Result<()> {
        let value = serde_json::json!({ "reason": reason });
        self.raw.put(self.layout.freeze(), value.to_string())
    }

    /// What etcd's revision is now.
    pub(crate) fn revision(&self) -> Result<i64> {
        let answer = self.raw.ask(async |client| client.get("\0", None).await)?;
        Ok(answer.header().context("no header")?.revision())
    }
}

pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Does it, in bounded time.
pub(crate) fn bounded<T>(runtime: &Runtime, work: impl Future<Output = T>) -> Result<T> {
    let bounded = async { tokio::time::timeout(PATIENCE, work).await };
    runtime.block_on(bounded).context("it takes for ever")
}

/// How a program reaches a server.
pub(crate) fn settings(etcd: &EtcdServer) -> Settings {
    let mut settings = Settings {
        endpoints: vec![etcd.endpoint()],
        ..Settings::default()
    };
    if let (Ok(authority), Ok(identity)) = (etcd.authority(), etcd.root_identity()) {
        settings.ca_file = Some(authority.ca_file.clone());
        settings.cert_file = Some(identity.cert_file.clone());
        settings.key_file = Some(identity.key_file.clone());
    }
    settings
}

pub(crate) fn store(settings: Settings) -> RealStore {
    through(Client::new(settings))
}

/// A store in any etcd.
pub(crate) fn through<E: Etcd>(etcd: E) -> Store<E, SystemClock> {
    let keys = Keyspace::new(DEFAULT_PREFIX);
    Store::new(etcd, SystemClock::start(), keys, Gate::default())
}

pub(crate) fn soon<E: Etcd>(store: &Store<E, SystemClock>) -> Deadline {
    Deadline::after(store.clock(), Duration::from_secs(20))
}

pub(crate) fn candidate(identity: &str, ttl: Duration) -> Candidate {
    Candidate {
        cluster: CLUSTER.to_owned(),
        identity: identity.to_owned(),
        ttl,
    }
}

/// Asks again and again until the answer is yes.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    while !is_so()? {
        anyhow::ensure!(Instant::now() < patience, "it never came to be: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
