use std::rc::Rc;

use ipam_plugin::cni::command::{Command, Environment, Target};
use ipam_plugin::cni::error::CniError;
use ipam_plugin::local::files::Files as _;
use rand::SeedableRng as _;
use serde_json::json;
use store::gate::Gate;
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;

use super::*;
use crate::model::Version;

/// The journal's file of the attachment that the tests are about.
const JOURNAL: &str = "/run/etcd-ipam/journal";

/// Runs in virtual time, with a store that is born and one node.
fn simulate<F: Future<Output = ()>>(test: impl FnOnce(Node, Cluster) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let rng = StdRng::seed_from_u64(1);
        let cluster = Cluster::new(Version::V3_5, StdRng::seed_from_u64(2), Box::new(|_| {}));
        let node = Node::new("node-a", Instant::now());
        let clock = SimClock::start(Instant::now(), node.wall(), rng);
        let deadline = Deadline::after(&clock, Duration::from_secs(5));
        let gate = Gate {
            store_id: None,
            memory: None,
        };
        let keys = Keyspace::new("/etcd-ipam");
        let store = Store::new(cluster.client("operator", "init"), clock, keys, gate);
        store.init(deadline).await.unwrap();
        test(node, cluster).await;
    });
}

/// A network's configuration, or only what some callers leave of it.
fn config(is_whole: bool) -> String {
    let mut ipam = json!({"type": "etcd-ipam"});
    if is_whole {
        ipam["etcd"] = json!({"endpoints": ["http://etcd:2379"]});
        ipam["range"] = json!("10.0.0.0/29");
    }
    json!({"cniVersion": "1.1.0", "name": "blue", "type": "macvlan", "ipam": ipam}).to_string()
}

fn invocation(verb: fn(Target) -> Command, is_whole: bool) -> Invocation {
    let target = Target {
        container: "c1".to_owned(),
        interface: "net1".to_owned(),
    };
    Invocation {
        environment: Environment {
            command: verb(target),
            args: String::new(),
        },
        config: config(is_whole),
        node_file: None,
    }
}

struct Call {
    process: Process,
    out: Stdout,
    ended: tokio::task::JoinHandle<Ended<Result<(), CniError>>>,
}

fn call(node: &Node, cluster: &Cluster, verb: fn(Target) -> Command, fate: Fate) -> Call {
    start(node, cluster, invocation(verb, true), fate)
}

fn start(node: &Node, cluster: &Cluster, invocation: Invocation, fate: Fate) -> Call {
    let machine = node.start(cluster, fate, StdRng::seed_from_u64(2));
    let process = machine.process().clone();
    let out = Stdout::of(&process);
    let work = plugin(|machine| machine)(machine, invocation, out.clone());
    let ended = tokio::task::spawn_local(process.clone().run(work));
    Call {
        process,
        out,
        ended,
    }
}

fn owners(cluster: &Cluster) -> usize {
    cluster.look(|model| {
        let keys = model.keys().map(|(key, _)| key);
        keys.filter(|key| key.starts_with("/etcd-ipam/v1/owner/"))
            .count()
    })
}

fn journalled(node: &Node) -> usize {
    node.files().names_in(Path::new(JOURNAL)).len()
}

#[test]
fn the_real_plugin_gives_an_address_and_takes_it_back() {
    simulate(|node, cluster| async move {
        let add = call(&node, &cluster, Command::Add, Fate::Spared);
        let ended = add.ended.await.unwrap();
        ended.result.unwrap().unwrap();
        assert!(!ended.disturbed);
        assert_eq!(ended.budget, Some(Duration::from_secs(23)));
        let answer: serde_json::Value = serde_json::from_slice(&add.out.take()).unwrap();
        assert_eq!(answer["ips"][0]["address"], "10.0.0.1/29");
        assert_eq!((owners(&cluster), journalled(&node)), (1, 1));
        let del = call(&node, &cluster, Command::Del, Fate::Spared);
        del.ended.await.unwrap().result.unwrap().unwrap();
        assert_eq!((owners(&cluster), journalled(&node)), (0, 0));
        assert!(node.spooled().is_empty() && node.processes().is_empty());
    });
}

#[test]
fn a_process_is_killed_at_every_step_and_leaves_what_it_had_done() {
    let mut seen = std::collections::BTreeSet::new();
    for step in 1.. {
        let done = Rc::new(std::cell::Cell::new(false));
        let (finished, states) = (Rc::clone(&done), &mut seen);
        simulate(|node, cluster| async move {
            let fate = Fate::Struck(step, Blow::Kill);
            let add = call(&node, &cluster, Command::Add, fate);
            let ended = add.ended.await.unwrap();
            finished.set(ended.result.is_ok());
            if let Err(signal) = ended.result {
                assert_eq!((signal, ended.disturbed), (9, true));
                states.insert((
                    owners(&cluster),
                    journalled(&node),
                    add.out.take().is_empty(),
                ));
            }
            // Its lock is free, and the next call finds what it left.
            let again = call(&node, &cluster, Command::Add, Fate::Spared);
            again.ended.await.unwrap().result.unwrap().unwrap();
            assert_eq!((owners(&cluster), journalled(&node)), (1, 1));
        });
        if done.get() {
            assert!(step > 8, "an ADD has {step} steps");
            break;
        }
    }
    let all = [(0, 0, true), (1, 0, true), (1, 1, true), (1, 1, false)];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), {
        let mut all = all.to_vec();
        all.sort_unstable();
        all
    });
}

#[test]
fn what_a_stopped_process_does_takes_effect_when_it_goes_on() {
    simulate(|node, cluster| async move {
        let pause = Duration::from_secs(10);
        let before = Instant::now();
        // Somewhere among its steps lies the journal's.
        for step in 1..40 {
            let fate = Fate::Struck(step, Blow::Pause(pause));
            let add = call(&node, &cluster, Command::Add, fate);
            tokio::time::sleep(pause / 2).await;
            let early = (owners(&cluster), journalled(&node));
            let ended = add.ended.await.unwrap();
            ended.result.unwrap().unwrap();
            let late = (owners(&cluster), journalled(&node));
            assert_eq!(late, (1, 1));
            if early == (1, 0) {
                assert!(before.elapsed() >= pause && ended.disturbed);
                return;
            }
            let del = call(&node, &cluster, Command::Del, Fate::Spared);
            del.ended.await.unwrap().result.unwrap().unwrap();
        }
        panic!("no pause fell between the commit and the journal");
    });
}

#[test]
fn one_that_sleeps_past_its_alarm_does_nothing_any_more() {
    let mut taken_late = 0;
    for step in 1..20 {
        let late = &mut taken_late;
        simulate(|node, cluster| async move {
            let fate = Fate::Struck(step, Blow::Pause(Duration::from_secs(30)));
            let add = call(&node, &cluster, Command::Add, fate);
            let ended = add.ended.await.unwrap();
            if let Err(signal) = ended.result {
                assert_eq!(signal, 14);
                assert!(ended.ran >= Duration::from_secs(30));
                *late += 1;
            }
        });
    }
    assert!(taken_late > 8);
}

#[test]
fn one_that_waits_too_long_says_so() {
    simulate(|node, cluster| async move {
        cluster.set_link("node-a", crate::simulation::etcd::Link::fair());
        let first = call(&node, &cluster, Command::Add, Fate::Spared);
        tokio::time::sleep(Duration::from_millis(1)).await;
        // It has the lock, and its alarm is not heard while it is stopped.
        first.process.pause(Duration::from_hours(1));
        let second = call(&node, &cluster, Command::Add, Fate::Spared);
        let ended = second.ended.await.unwrap();
        let error = ended.result.unwrap().unwrap_err();
        assert!(error.msg().contains("still at work"), "{error:?}");
        first.process.kill();
        assert_eq!(first.ended.await.unwrap().result.unwrap_err(), 9);
    });
}

#[test]
fn an_answer_that_nobody_reads_is_taken_back() {
    simulate(|node, cluster| async move {
        let add = call(&node, &cluster, Command::Add, Fate::Spared);
        add.process.hang_up();
        let ended = add.ended.await.unwrap();
        assert!(ended.unread);
        let error = ended.result.unwrap().unwrap_err();
        assert!(error.msg().contains("cannot be written"), "{error:?}");
        assert_eq!((owners(&cluster), journalled(&node)), (0, 0));
    });
}

#[test]
fn a_full_disk_fails_an_add_and_spools_no_release() {
    simulate(|node, cluster| async move {
        node.set_full(true);
        let add = call(&node, &cluster, Command::Add, Fate::Spared);
        let error = add.ended.await.unwrap().result.unwrap().unwrap_err();
        assert!(error.msg().contains("state directory"), "{error:?}");
        assert_eq!(owners(&cluster), 0);
        node.set_full(false);
        let add = call(&node, &cluster, Command::Add, Fate::Spared);
        add.ended.await.unwrap().result.unwrap().unwrap();
        node.set_full(true);
        let del = call(&node, &cluster, Command::Del, Fate::Spared);
        del.ended.await.unwrap().result.unwrap().unwrap();
        assert_eq!((owners(&cluster), node.spooled().len()), (0, 0));
    });
}

#[test]
fn a_reboot_ends_processes_and_memory_but_not_the_spool() {
    simulate(|node, cluster| async move {
        let add = call(&node, &cluster, Command::Add, Fate::Spared);
        add.ended.await.unwrap().result.unwrap().unwrap();
        let cut = crate::simulation::etcd::Link {
            cut: true,
            ..crate::simulation::etcd::Link::fair()
        };
        cluster.set_link("node-a", cut);
        let del = call(&node, &cluster, Command::Del, Fate::Spared);
        del.ended.await.unwrap().result.unwrap().unwrap();
        cluster.set_link("node-a", crate::simulation::etcd::Link::fair());
        let other = Node::new("node-b", Instant::now());
        assert_ne!(node.boot_id(), other.boot_id());
        let boot = node.boot_id();
        let check = call(&node, &cluster, Command::Check, Fate::Spared);
        tokio::time::sleep(Duration::from_millis(1)).await;
        node.reboot();
        assert_eq!(check.ended.await.unwrap().result.unwrap_err(), 9);
        assert_ne!(node.boot_id(), boot);
        assert_eq!((journalled(&node), node.spooled().len()), (0, 1));
        // The next call of the node delivers it.
        let again = call(&node, &cluster, Command::Del, Fate::Spared);
        again.ended.await.unwrap().result.unwrap().unwrap();
        assert_eq!((owners(&cluster), node.spooled().len()), (0, 0));
    });
}

#[test]
fn a_release_that_knew_no_store_waits_for_the_configuration_of_its_network() {
    simulate(|node, cluster| async move {
        for _ in 0..3 {
            let stripped = invocation(Command::Del, false);
            let del = start(&node, &cluster, stripped, Fate::Spared);
            del.ended.await.unwrap().result.unwrap().unwrap();
        }
        assert_eq!(node.spooled().len(), 3);
        let whole = call(&node, &cluster, Command::Del, Fate::Spared);
        whole.ended.await.unwrap().result.unwrap().unwrap();
        assert!(node.spooled().is_empty());
    });
}
