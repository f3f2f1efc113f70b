use std::fmt::Write as _;
use std::sync::Mutex;

use lease_gc::status::Leader;
use store::names::{Attachment, Space};
use store::record::{Boot, HeldAddress, OwnerRecord, Pod, SCHEMA};
use store::retry::Deadline;
use store::txn::{Etcd as _, Op, Txn};
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::*;
use crate::history::History;
use crate::model::Version;
use crate::simulation::etcd::Link;
use crate::simulation::kubernetes::{NewPod, Phase, Trouble, Weather};

/// Two collectors of a cluster with one node.
struct World {
    etcd: etcd::Cluster,
    kubernetes: kubernetes::Cluster,
    replicas: [Replica; 2],
    history: Arc<Mutex<History>>,
    containers: u32,
}

/// Runs in virtual time.
fn simulated<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    async fn new(seed: u64) -> Self {
        let began = Instant::now();
        let history = Arc::new(Mutex::new(History::default()));
        let recorder: Observer = Arc::new({
            let history = Arc::clone(&history);
            move |what| {
                let at = u64::try_from(began.elapsed().as_millis()).unwrap();
                history.lock().unwrap().push(at, what);
            }
        });
        let mut rng = StdRng::seed_from_u64(seed);
        let mut fork = || StdRng::seed_from_u64(rng.random());
        let wall = Wall::default();
        let observer = || {
            let recorder = Arc::clone(&recorder);
            Box::new(move |what| recorder(what))
        };
        let etcd = etcd::Cluster::new(Version::V3_5, fork(), observer());
        let clock = SimClock::start(began, &wall, fork());
        let kubernetes = kubernetes::Cluster::new("c", clock.clone(), fork(), observer());
        kubernetes.add_node("a", "machine-a", "boot-1");
        tokio::spawn({
            let kubernetes = kubernetes.clone();
            async move { kubernetes.control().await }
        });
        let client = etcd.client("lab", "lab");
        let gate = Gate {
            store_id: None,
            memory: None,
        };
        let store = Store::new(client, clock, Keyspace::new("/etcd-ipam"), gate);
        let deadline = Deadline::after(store.clock(), secs(10));
        store.init(deadline).await.unwrap();
        let deployment = Deployment {
            settings: Settings::default(),
            etcd: etcd.clone(),
            kubernetes: kubernetes.clone(),
            began,
            observer: Arc::clone(&recorder),
        };
        let replicas = ["gc-a", "gc-b"].map(|name| {
            let mut replica = Replica::new(name, &deployment, wall.clone(), fork()).unwrap();
            replica.start();
            replica
        });
        sleep(secs(5)).await;
        Self {
            etcd,
            kubernetes,
            replicas,
            history,
            containers: 0,
        }
    }

    /// A pod on the node, with a container that has an address. Gives its uid.
    async fn pod(&mut self, name: &str) -> String {
        let uid = self.kubernetes.create_pod(NewPod {
            namespace: "shop".into(),
            name: name.into(),
            node: "a".into(),
            mirrors: None,
        });
        self.kubernetes.set_phase(&uid, Phase::Running);
        self.containers += 1;
        let attachment = Attachment {
            cluster: "c".into(),
            node: "a".into(),
            network: "lan".into(),
            container: format!("{name}-{}", self.containers),
            interface: "net1".into(),
        };
        let space = Space::Shared("default".into());
        let address = format!("10.0.0.{}", self.containers).parse().unwrap();
        let record = OwnerRecord {
            v: SCHEMA,
            id: format!("{:032x}", self.containers),
            kind: store::record::Kind::Allocated,
            addresses: vec![HeldAddress {
                space: space.clone(),
                address,
                prefix: 24,
                gateway: None,
            }],
            pod: Pod {
                namespace: "shop".into(),
                name: name.into(),
                uid: uid.clone(),
            },
            boot: Boot {
                machine: "machine-a".into(),
                id: "boot-1".into(),
                started_ms: 1000,
            },
            created: "2026-01-01T00:00:00Z".into(),
            cooldown_s: 0,
            plugin: "0.1.0".into(),
            other: serde_json::Map::new(),
        };
        let keys = Keyspace::new("/etcd-ipam");
        let holder = store::key::holder_name(&attachment).into_bytes();
        let txn = Txn {
            then: vec![
                Op::Put(keys.owner(&attachment), record.to_json().into_bytes()),
                Op::Put(keys.address(&space, address), holder),
            ],
            ..Txn::default()
        };
        self.etcd.client("lab", "lab").txn(&txn).await.unwrap();
        uid
    }

    /// Whose records were released, by which collector and evidence.
    fn released(&self) -> Vec<(String, String, String)> {
        let history = self.history.lock().unwrap();
        let released = history.events.iter().filter_map(|event| match &event.what {
            What::Released(released) => Some((
                released.key.rsplit('/').nth(1).unwrap().to_owned(),
                released.collector.clone(),
                released.evidence.clone(),
            )),
            _ => None,
        });
        released.collect()
    }

    fn leaders(&self) -> Vec<&str> {
        let replicas = self.replicas.iter();
        let leading = replicas.filter(|replica| {
            let status = replica.status();
            replica.lives()
                && status.is_some_and(|status| matches!(status.leader, Leader::Me { .. }))
        });
        leading.map(Replica::name).collect()
    }

    fn leader(&mut self) -> &mut Replica {
        let name = self.leaders()[0].to_owned();
        let mut replicas = self.replicas.iter_mut();
        replicas.find(|replica| replica.name() == name).unwrap()
    }

    /// The whole history as text.
    fn text(&self) -> String {
        let mut lines = Vec::new();
        self.history.lock().unwrap().write(&mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    }
}

#[test]
fn what_a_dead_pod_held_is_released_by_the_leader_after_the_grace_period() {
    simulated(async {
        let mut world = World::new(1).await;
        let (dead, alive) = (world.pod("dead").await, world.pod("alive").await);
        world.kubernetes.delete_pod(&dead);
        sleep(secs(40)).await;
        assert_eq!(world.released(), []);
        sleep(secs(40)).await;
        let leader = world.leader().status().unwrap().identity;
        let expected = ("dead-1".to_owned(), leader.clone(), "pod_gone".to_owned());
        assert_eq!(world.released(), [expected]);
        assert!(world.kubernetes.pod(&alive).is_some());
        // The release is in etcd's log, under the same name.
        let text = world.text();
        let commit = format!(r#""by":"{leader}""#);
        let deleted = |line: &&str| line.contains("dead-1") && line.contains(&commit);
        assert_eq!(text.lines().filter(deleted).count(), 1, "{text}");
    });
}

#[test]
fn a_leader_that_is_killed_is_followed_by_the_other() {
    simulated(async {
        let mut world = World::new(2).await;
        let dead = world.pod("dead").await;
        world.kubernetes.delete_pod(&dead);
        let first = world.leader().name().to_owned();
        world.leader().kill();
        sleep(secs(120)).await;
        let second = world.leader().status().unwrap().identity;
        assert_ne!(world.leader().name(), first);
        let released = world.released();
        assert_eq!((released.len(), &released[0].1), (1, &second));
        let text = world.text();
        assert!(text.contains(r#""signal":9,"disturbed":true"#), "{text}");
    });
}

#[test]
fn a_leader_that_was_paused_past_its_lease_leads_no_longer() {
    simulated(async {
        let mut world = World::new(3).await;
        let first = world.leader().name().to_owned();
        world.leader().pause();
        sleep(secs(30)).await;
        // It does not know.
        assert_eq!(world.leaders().len(), 2);
        for replica in &world.replicas {
            replica.resume();
        }
        sleep(secs(10)).await;
        assert_eq!(world.leaders().len(), 1);
        assert_ne!(world.leaders()[0], first);
    });
}

#[test]
fn a_leader_that_does_not_see_the_pods_hands_over() {
    simulated(async {
        let mut world = World::new(4).await;
        let first = world.leader().name().to_owned();
        let down = Weather::all(&Trouble::Down);
        world.kubernetes.set_weather(&first, down);
        sleep(secs(60)).await;
        assert_ne!(world.leaders(), [first.as_str()]);
        assert_eq!(world.leaders().len(), 1);
        assert!(world.kubernetes.tally(&first)["down"] > 2);
    });
}

#[test]
fn a_leader_that_is_cut_off_from_etcd_is_followed_by_the_other() {
    simulated(async {
        let mut world = World::new(5).await;
        let first = world.leader().name().to_owned();
        let cut = Link {
            cut: true,
            ..Link::fair()
        };
        world.etcd.set_link(&first, cut);
        sleep(secs(40)).await;
        assert_eq!(world.leaders().len(), 1);
        assert_ne!(world.leaders()[0], first);
    });
}

#[test]
fn one_that_is_told_to_end_hands_over_at_once() {
    simulated(async {
        let mut world = World::new(6).await;
        let first = world.leader().name().to_owned();
        world.leader().terminate();
        sleep(secs(3)).await;
        assert_ne!(world.leaders(), [first.as_str()]);
        assert_eq!(world.leaders().len(), 1);
        assert!(world.text().contains(r#""status":0"#));
        for replica in &mut world.replicas {
            if !replica.lives() {
                replica.start();
            }
        }
        sleep(secs(5)).await;
        let living = world.replicas.iter().filter(|replica| replica.lives());
        assert_eq!(living.count(), 2);
    });
}

#[test]
fn a_pod_that_a_stale_list_lacks_keeps_its_address() {
    simulated(async {
        let mut world = World::new(7).await;
        let _old = world.pod("old").await;
        let stale = world.kubernetes.mark();
        let _new = world.pod("new").await;
        for replica in &world.replicas {
            let weather = Weather {
                pods: Some(Trouble::Stale(stale.clone())),
                ..Weather::default()
            };
            world.kubernetes.set_weather(replica.name(), weather);
        }
        sleep(secs(120)).await;
        assert_eq!(world.released(), []);
        let leader = world.leader().name().to_owned();
        assert!(world.kubernetes.tally(&leader)["stale"] > 5);
    });
}

#[test]
fn the_grace_period_begins_when_a_slow_list_has_been_read() {
    simulated(async {
        let mut world = World::new(8).await;
        let dead = world.pod("dead").await;
        let leader = world.leader().name().to_owned();
        let slow = Weather {
            slow: secs(19),
            ..Weather::default()
        };
        world.kubernetes.set_weather(&leader, slow);
        // The sweep that begins now asks for the cluster's name, the nodes and the pods.
        sleep(secs(6 + 19 + 19 + 15)).await;
        world.kubernetes.delete_pod(&dead);
        world.kubernetes.set_weather(&leader, Weather::default());
        let deleted = Instant::now();
        while world.released().is_empty() {
            assert!(deleted.elapsed() < secs(120));
            sleep(secs(1)).await;
        }
        assert!(deleted.elapsed() >= secs(45), "{:?}", deleted.elapsed());
    });
}

/// A run with a bit of everything.
fn run(seed: u64) -> String {
    simulated(async {
        let mut world = World::new(seed).await;
        let mut uids = Vec::new();
        for number in 0..8 {
            uids.push(world.pod(&format!("pod-{number}")).await);
        }
        let link = Link {
            lose_answer: 0.1,
            late: 0.1,
            late_by: 500..=4000,
            ..Link::fair()
        };
        for replica in &world.replicas {
            world.etcd.set_link(replica.name(), link.clone());
        }
        for uid in &uids[..4] {
            world.kubernetes.delete_pod(uid);
            sleep(secs(7)).await;
        }
        world.leader().pause();
        sleep(secs(40)).await;
        world.kubernetes.reboot("a", "boot-2");
        for replica in &mut world.replicas {
            replica.resume();
        }
        sleep(secs(60)).await;
        world.kubernetes.start_kubelet("a");
        world.replicas[0].kill();
        sleep(secs(90)).await;
        world.replicas[0].start();
        sleep(secs(60)).await;
        world.text()
    })
}

#[test]
fn one_seed_does_the_same_again_and_another_does_not() {
    let first = run(11);
    assert!(first.contains(r#""event":"released""#), "{first}");
    assert_eq!(first, run(11));
    assert_ne!(first, run(12));
}

/// Asks for the history that another process printed.
const PRINT: &str = "CHAOS_PRINT_HISTORY";

#[test]
fn one_seed_does_the_same_in_another_process() {
    if let Some(path) = std::env::var_os(PRINT) {
        std::fs::write(path, run(13)).unwrap();
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("history");
    let name = "simulation::collector::tests::one_seed_does_the_same_in_another_process";
    let mut other = std::process::Command::new(std::env::current_exe().unwrap());
    let other = other.args(["--exact", name]).env(PRINT, &path).output();
    let other = other.unwrap();
    let mut said = String::new();
    write!(said, "{}", String::from_utf8_lossy(&other.stdout)).unwrap();
    assert!(other.status.success(), "{said}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), run(13));
}
