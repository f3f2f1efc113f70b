//! How many allocations a second one process can make with many workers, beside bare transactions.
//!
//! `rate WHO ENDPOINTS SPACE WORKERS ALLOCATIONS`: WHO is `lowest`, `spread` or `bare`, the endpoints are
//! separated by commas and have a store already, and the address space is one that nobody used. Every
//! worker has a connection of its own, which stands before the clock starts. Prints one JSON document.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is this program's output"
)]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use store::address::Network;
use store::allocate::Request;
use store::claim::{Claim, Order, PoolRange};
use store::clock::SystemClock;
use store::etcd::{Client, Settings};
use store::gate::Gate;
use store::key::{DEFAULT_PREFIX, Keyspace, holder_name};
use store::names::{Attachment, Space};
use store::range::{Range, Span};
use store::record::{Boot, HeldAddress, Kind, OwnerRecord, Pod, SCHEMA};
use store::retry::Deadline;
use store::store::Store;
use store::txn::{Compare, Etcd as _, Get, Op, Txn};
use tokio::task::LocalSet;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What one allocation may take.
const BUDGET: Duration = Duration::from_secs(20);
/// The network that the addresses are of.
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 0);
const PREFIX: u8 = 16;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [who, endpoints, space, workers, allocations] = arguments.as_slice() else {
        return Err("usage: rate WHO ENDPOINTS SPACE WORKERS ALLOCATIONS".into());
    };
    let who = match who.as_str() {
        "lowest" => Who::Allocates(Order::Lowest),
        "spread" => Who::Allocates(Order::Spread),
        "bare" => Who::Bare,
        _ => return Err("WHO is lowest, spread or bare".into()),
    };
    let endpoints: Vec<String> = endpoints.split(',').map(str::to_owned).collect();
    let (workers, allocations) = (workers.parse()?, allocations.parse()?);
    let workers =
        (0..workers).map(|number| Worker::new(number, workers, allocations, &endpoints, space));
    let workers = workers.collect::<Outcome<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(who, workers))
}

/// What is done.
#[derive(Clone, Copy)]
enum Who {
    /// Allocations in this order.
    Allocates(Order),
    /// Transactions of the same size that meet nobody.
    Bare,
}

/// All of them at once, from the moment at which every connection stands.
async fn run(who: Who, workers: Vec<Worker>) -> Outcome<()> {
    for worker in &workers {
        let hello = Txn::read([Get::key(worker.store.keys().store())]);
        worker.store.etcd().txn(&hello).await?;
    }
    let start = Instant::now();
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|worker| tokio::task::spawn_local(worker.run(who)))
        .collect();
    let (mut addresses, mut failures) = (Vec::new(), 0);
    for task in tasks {
        for outcome in task.await? {
            match outcome {
                Ok(address) => addresses.push(address),
                Err(error) => {
                    eprintln!("{error}");
                    failures += 1;
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({"seconds": seconds, "failures": failures, "addresses": addresses})
    );
    Ok(())
}

struct Worker {
    store: Store<Client, SystemClock>,
    space: Space,
    /// The numbers of what it allocates.
    numbers: std::iter::StepBy<std::ops::Range<u32>>,
    random: StdRng,
}

impl Worker {
    fn new(
        number: u32,
        workers: u32,
        allocations: u32,
        endpoints: &[String],
        space: &str,
    ) -> Outcome<Self> {
        let settings = Settings {
            endpoints: endpoints.to_vec(),
            ..Settings::default()
        };
        Ok(Self {
            store: Store::new(
                Client::new(settings),
                SystemClock::start(),
                Keyspace::new(DEFAULT_PREFIX),
                Gate::default(),
            ),
            space: Space::Shared(space.to_owned()),
            numbers: (number..allocations).step_by(usize::try_from(workers)?),
            random: StdRng::from_rng(&mut rand::rng()),
        })
    }

    async fn run(mut self, who: Who) -> Vec<Result<String, String>> {
        let mut outcomes = Vec::new();
        for number in self.numbers.clone() {
            let outcome = match who {
                Who::Allocates(order) => self.allocate(order).await,
                Who::Bare => self.write(number).await,
            };
            outcomes.push(outcome.map_err(|error| error.to_string()));
        }
        outcomes
    }

    async fn allocate(&mut self, order: Order) -> Outcome<String> {
        let network = network()?;
        let claim = Claim::Any(vec![PoolRange {
            space: self.space.clone(),
            range: Range::new(network, Span::from(network), None, Vec::new()),
        }]);
        let (attachment, record) = (self.attachment(), self.record());
        let request = Request {
            attachment: &attachment,
            claims: &[claim],
            order,
            record: &record,
        };
        let deadline = Deadline::after(self.store.clock(), BUDGET);
        let allocation = self
            .store
            .allocate(request, &mut self.random, deadline)
            .await?;
        let held = allocation.record.addresses.first().ok_or("no address")?;
        Ok(held.address.to_string())
    }

    async fn write(&mut self, number: u32) -> Outcome<String> {
        let ip = Ipv4Addr::from_bits(NETWORK.to_bits() + 1 + number);
        let held = HeldAddress {
            space: self.space.clone(),
            address: IpAddr::V4(ip).into(),
            prefix: PREFIX,
            gateway: None,
        };
        let (attachment, keys) = (self.attachment(), self.store.keys());
        let (owner, address) = (
            keys.owner(&attachment),
            keys.address(&self.space, held.address),
        );
        let (freeze, store) = (keys.freeze(), keys.store());
        let record = OwnerRecord {
            addresses: vec![held],
            ..self.record()
        };
        let txn = Txn {
            compares: vec![
                Compare::Absent(freeze),
                Compare::Absent(owner.clone()),
                Compare::Absent(address.clone()),
            ],
            then: vec![
                Op::Get(Get::key(store)),
                Op::Put(address, holder_name(&attachment).into_bytes()),
                Op::Put(owner, record.to_json().into_bytes()),
            ],
            otherwise: Vec::new(),
        };
        let reply = self.store.etcd().txn(&txn).await?;
        if !reply.succeeded {
            return Err("a bare transaction met somebody".into());
        }
        Ok(ip.to_string())
    }

    /// As Multus and containerd name one.
    fn attachment(&mut self) -> Attachment {
        let container = format!(
            "{:032x}{:032x}",
            self.random.random::<u128>(),
            self.random.random::<u128>()
        );
        Attachment {
            cluster: "default".to_owned(),
            node: "worker-017.example.net".to_owned(),
            network: "macvlan-conf".to_owned(),
            container,
            interface: "net1".to_owned(),
        }
    }

    fn record(&mut self) -> OwnerRecord {
        OwnerRecord {
            v: SCHEMA,
            id: format!("{:032x}", self.random.random::<u128>()),
            kind: Kind::Allocated,
            addresses: Vec::new(),
            pod: Pod {
                namespace: "checkout".to_owned(),
                name: "checkout-6d5f7c9b8-00001".to_owned(),
                uid: "5b0a6c1e-6f5c-4f0e-9d0b-000000000001".to_owned(),
            },
            boot: Boot {
                machine: "0d0b5b0a6c1e6f5c4f0e9d0b00000001".to_owned(),
                id: "9d0b4f0e-6f5c-4f0e-9d0b-000000000001".to_owned(),
                started_ms: 4_185_714,
            },
            created: "2026-01-01T00:00:00.000Z".to_owned(),
            cooldown_s: 0,
            plugin: "rate".to_owned(),
            other: serde_json::Map::new(),
        }
    }
}

fn network() -> Outcome<Network> {
    Network::new(IpAddr::V4(NETWORK).into(), PREFIX).ok_or_else(|| "no such network".into())
}
