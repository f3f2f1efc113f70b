//! Counts the round trips of allocations, on a real etcd.
//!
//! For the test of the promises and for the measuring program. The only place here that calls the
//! library under test: a process cannot be asked how often it spoke to etcd.

mod counted;
mod scene;

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::etcd::EtcdServer;
use chaos_tests::raw::Raw;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::allocate::Request;
use store::claim::Order;
use store::clock::SystemClock;
use store::etcd::{Client, Settings};
use store::gate::Gate;
use store::key::{DEFAULT_PREFIX, Keyspace, holder_name};
use store::names::Attachment;
use store::record::{Boot, Kind, OwnerRecord, Pod, SCHEMA};
use store::retry::Deadline;
use store::store::Store;
use tokio::runtime::{Builder, Runtime};

pub(crate) use counted::Counted;
pub(crate) use scene::{SCENES, Scene, Taken};

/// One call of the store may take this long.
const BUDGET: Duration = Duration::from_secs(20);
/// How often one allocation is repeated whose etcd was too slow.
const REPEATS: usize = 10;

/// A store that counts what it asks.
pub(crate) struct Counting {
    // Its connection ends with the runtime.
    store: Store<Counted, SystemClock>,
    runtime: Runtime,
    raw: Raw,
    random: StdRng,
}

impl Counting {
    /// A new store in this server. The seed decides everything that is drawn.
    pub(crate) fn new(etcd: &EtcdServer, seed: u64) -> Result<Self> {
        let mut settings = Settings {
            endpoints: vec![etcd.endpoint()],
            ..Settings::default()
        };
        if let (Ok(authority), Ok(identity)) = (etcd.authority(), etcd.root_identity()) {
            settings.ca_file = Some(authority.ca_file.clone());
            settings.cert_file = Some(identity.cert_file.clone());
            settings.key_file = Some(identity.key_file.clone());
        }
        let counting = Self {
            store: Store::new(
                Counted::new(Client::new(settings)),
                SystemClock::start(),
                Keyspace::new(DEFAULT_PREFIX),
                Gate::default(),
            ),
            runtime: Builder::new_current_thread().enable_all().build()?,
            raw: etcd.raw()?,
            random: StdRng::seed_from_u64(seed),
        };
        let deadline = counting.deadline();
        counting.runtime.block_on(counting.store.init(deadline))?;
        Ok(counting)
    }

    /// Takes the addresses of a scene, past the library. Each scene is an address space of its own.
    pub(crate) fn fill(&mut self, scene: &Scene) -> Result<()> {
        let taken = scene.offsets(&mut self.random);
        let holders = taken.into_iter().map(|offset| {
            let key = self
                .store
                .keys()
                .address(&scene.space(), scene.address(offset)?);
            Ok((key, holder_name(&attachment(&mut self.random))))
        });
        let entries: Vec<_> = holders.collect::<Result<_>>()?;
        self.raw.put_all(entries)
    }

    /// The round trips of `count` allocations in a scene, each released again.
    pub(crate) fn trips(&mut self, scene: &Scene, order: Order, count: usize) -> Result<Vec<u32>> {
        (0..count).map(|_| self.undisturbed(scene, order)).collect()
    }

    /// Round trips are promised for an etcd that answers: a call that timed out on a busy machine
    /// is made again, and an allocation that had one says nothing.
    fn undisturbed(&mut self, scene: &Scene, order: Order) -> Result<u32> {
        for _ in 0..REPEATS {
            let failures = self.store.etcd().failures();
            let trips = self.allocate_and_release(scene, order)?;
            if self.store.etcd().failures() == failures {
                return Ok(trips);
            }
        }
        anyhow::bail!("etcd was too slow, {REPEATS} times in a row");
    }

    fn allocate_and_release(&mut self, scene: &Scene, order: Order) -> Result<u32> {
        let attachment = attachment(&mut self.random);
        let request = Request {
            attachment: &attachment,
            claims: &[scene.claim()?],
            order,
            record: &record(&mut self.random),
        };
        let deadline = self.deadline();
        let before = self.store.etcd().trips();
        let allocation = self.store.allocate(request, &mut self.random, deadline);
        let allocation = self.runtime.block_on(allocation)?;
        let trips = self.store.etcd().trips() - before;
        ensure!(allocation.created_here, "the attachment existed before");
        let release = self.store.release(&attachment, None, self.deadline());
        self.runtime.block_on(release)?;
        Ok(trips)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.store.clock(), BUDGET)
    }
}

/// An attachment as Multus and containerd name one.
fn attachment(random: &mut StdRng) -> Attachment {
    Attachment {
        cluster: "default".to_owned(),
        node: "worker-017.example.net".to_owned(),
        network: "macvlan-conf".to_owned(),
        container: format!(
            "{:032x}{:032x}",
            random.random::<u128>(),
            random.random::<u128>()
        ),
        interface: "net1".to_owned(),
    }
}

fn record(random: &mut StdRng) -> OwnerRecord {
    OwnerRecord {
        v: SCHEMA,
        id: format!("{:032x}", random.random::<u128>()),
        kind: Kind::Allocated,
        addresses: Vec::new(),
        pod: Pod::default(),
        boot: Boot::default(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        cooldown_s: 0,
        plugin: "counting".to_owned(),
        other: serde_json::Map::new(),
    }
}
