use std::cell::RefCell;
use std::collections::BTreeSet;

use rand::SeedableRng as _;
use serde_json::json;
use store::gate::Gate;
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;

use super::*;
use crate::history::{History, Pod as Identity};
use crate::model::Version;
use crate::simulation::clock::{SimClock, Wall};
use crate::simulation::etcd::Link;
use crate::simulation::node::plugin;

/// An API that only writes the history.
struct Ledger {
    recorder: Recorder,
    pods: RefCell<BTreeMap<String, Identity>>,
}

impl Api for Ledger {
    fn create(&self, namespace: &str, name: &str, hash: Option<&str>, node: &str) -> String {
        let number = self.pods.borrow().len();
        let uid = format!("uid-{number}{}", hash.map_or("", |_| "-static"));
        let pod = Identity {
            cluster: "default".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.clone(),
            node: node.to_owned(),
        };
        self.pods.borrow_mut().insert(uid.clone(), pod.clone());
        self.recorder.push(What::PodCreated(pod));
        uid
    }

    fn running(&self, _pod: &Pod, _addresses: &[IpAddr]) {}

    fn failed(&self, _pod: &Pod) {}

    fn terminating(&self, _pod: &Pod) {}

    fn deleted(&self, pod: &Pod) {
        self.recorder.push(What::PodDeleted(pod.identity.clone()));
    }

    fn down(&self, _node: &Node) {}

    fn booted(&self, _node: &Node) {}
}

struct Scene {
    runtimes: Vec<Runtime>,
    recorder: Recorder,
    etcd: Cluster,
    rng: StdRng,
}

fn chance(rng: &mut StdRng) -> StdRng {
    StdRng::from_rng(rng)
}

/// Two nodes with two networks, of which the second has two families.
async fn scene(seed: u64, habits: Habits) -> Scene {
    let mut rng = StdRng::seed_from_u64(seed);
    let recorder = Recorder::begin();
    let heard = recorder.clone();
    let observer = Box::new(move |what| heard.push(what));
    let etcd = Cluster::new(Version::V3_5, StdRng::from_rng(&mut rng), observer);
    let clock = SimClock::start(
        recorder.began(),
        &Wall::default(),
        StdRng::from_rng(&mut rng),
    );
    let deadline = Deadline::after(&clock, Duration::from_secs(5));
    let gate = Gate {
        store_id: None,
        memory: None,
    };
    let keys = Keyspace::new("/etcd-ipam");
    let store = Store::new(etcd.client("operator", "init"), clock, keys, gate);
    store.init(deadline).await.unwrap();
    let network = |name: &str, interface: &str, ranges| Network {
        name: name.to_owned(),
        space: "default".to_owned(),
        interface: interface.to_owned(),
        ipam: json!({
            "type": "etcd-ipam",
            "etcd": {"endpoints": ["http://etcd:2379"]},
            "cooldown": "2s",
            "ranges": ranges,
        }),
    };
    let networks = [
        network("blue", "net1", json!([[{"subnet": "10.0.0.0/24"}]])),
        network(
            "green",
            "net2",
            json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]),
        ),
    ];
    let world = World {
        cluster: "default".to_owned(),
        networks: networks.into(),
        program: plugin(|machine| machine),
        etcd: etcd.clone(),
        api: Rc::new(Ledger {
            recorder: recorder.clone(),
            pods: RefCell::default(),
        }),
        recorder: recorder.clone(),
    };
    let runtimes = ["node-a", "node-b"].map(|name| {
        let node = Node::new(name, recorder.began());
        Runtime::new(world.clone(), node, habits, StdRng::from_rng(&mut rng))
    });
    Scene {
        runtimes: runtimes.into(),
        recorder,
        etcd,
        rng,
    }
}

/// Runs in virtual time.
fn simulate<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, run)
}

/// A network that loses a little.
fn stormy() -> Link {
    Link {
        lose_request: 0.02,
        lose_answer: 0.02,
        late: 0.02,
        late_by: 1..=4000,
        ..Link::fair()
    }
}

/// Four minutes of everything, with so many reboots of all doings, and a while of peace.
async fn run(seed: u64, habits: Habits, link: Link, reboots: f64) -> (History, Scene) {
    let mut scene = scene(seed, habits).await;
    for runtime in &scene.runtimes {
        scene.etcd.set_link(runtime.node().name(), link.clone());
    }
    let mut workload = Workload::new(scene.runtimes.clone(), 12, 3000, chance(&mut scene.rng));
    workload = workload.with_reboots(reboots);
    let faults = Duration::from_mins(4);
    workload.run(scene.recorder.began() + faults).await;
    for runtime in &scene.runtimes {
        scene.etcd.set_link(runtime.node().name(), Link::fair());
        runtime.set_habits(Habits::good());
    }
    scene.recorder.push(What::Healed);
    tokio::time::sleep(Duration::from_secs(90)).await;
    (scene.recorder.take(), scene)
}

/// How often an address was up twice at the same time.
fn duplicates(history: &History) -> usize {
    let mut up = BTreeSet::new();
    let mut duplicates = 0;
    for event in &history.events {
        match &event.what {
            What::Up(it) => {
                let fresh = it.addresses.iter().filter(|ip| !up.insert(**ip)).count();
                duplicates += fresh;
            }
            What::Down(it) => it.addresses.iter().for_each(|ip| {
                up.remove(ip);
            }),
            _ => {}
        }
    }
    duplicates
}

#[test]
fn in_peace_every_pod_has_its_addresses_and_nothing_is_left_behind() {
    let (_, scene) = simulate(run(3, Habits::good(), Link::fair(), 0.0));
    assert!(scene.runtimes.iter().all(Runtime::is_settled));
    let up: usize = scene.runtimes.iter().map(|it| it.up().len()).sum();
    let owners = scene.etcd.look(|model| {
        let keys = model.keys().map(|(key, _)| key);
        keys.filter(|key| key.starts_with("/etcd-ipam/v1/owner/"))
            .count()
    });
    assert!(up > 0);
    assert_eq!(owners, up);
}

#[test]
fn everything_that_can_go_wrong_does_and_no_address_is_held_twice() {
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..10 {
        let (history, scene) = simulate(run(seed, Habits::bad(), stormy(), 0.01));
        assert_eq!(duplicates(&history), 0, "seed {seed}");
        let unsettled = scene.runtimes.iter().filter(|it| !it.is_settled()).count();
        assert_eq!(unsettled, 0, "seed {seed}");
        let mut verbs = BTreeMap::new();
        for event in &history.events {
            let seen = match &event.what {
                What::Invoke(invoke) => {
                    verbs.insert(invoke.call, invoke.verb.clone());
                    continue;
                }
                What::Return(it) => {
                    let outcome = match &it.outcome {
                        Outcome::Ok { .. } => "ok".to_owned(),
                        Outcome::Failed { code, .. } => format!("failed {code}"),
                        Outcome::Unknown => "unknown".to_owned(),
                    };
                    format!("{} {outcome}", verbs[&it.call])
                }
                What::Process(it) => match it.signal {
                    Some(signal) => format!("signal {signal}"),
                    None => continue,
                },
                What::Look(it) if it.spooled => "spooled".to_owned(),
                _ => continue,
            };
            *outcomes.entry(seen).or_default() += 1;
        }
    }
    for expected in [
        "ADD ok",
        "ADD unknown",
        "CHECK ok",
        "DEL ok",
        "DEL unknown",
        "GC ok",
        "STATUS ok",
        "signal 9",
        "signal 14",
        "spooled",
    ] {
        assert!(outcomes.contains_key(expected), "{expected}: {outcomes:#?}");
    }
}

#[test]
fn a_seed_does_the_same_again() {
    let once = || {
        let (history, _) = simulate(run(7, Habits::bad(), stormy(), 0.01));
        let mut lines = Vec::new();
        history.write(&mut lines).unwrap();
        lines
    };
    let first = once();
    assert!(first.len() > 10_000);
    assert!(first == once(), "the same seed wrote another history");
}

#[test]
fn a_gc_has_the_runtime_for_itself() {
    simulate(async {
        let mut scene = scene(1, Habits::good()).await;
        let mut workload = Workload::new(scene.runtimes.clone(), 9, 100, chance(&mut scene.rng));
        for _ in 0..8 {
            workload.create();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut gcs = Vec::new();
        for runtime in &scene.runtimes {
            gcs.push(runtime.gc(0).await.unwrap());
        }
        assert!(gcs.iter().all(|it| matches!(it, Outcome::Ok { .. })));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(scene.runtimes.iter().all(Runtime::is_settled));
    });
}
