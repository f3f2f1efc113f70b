use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng as _;
use store::coordination::{Coordination as _, LeaseId, Watch as _};
use store::etcd::EtcdError;
use store::key::KeyRange;
use store::txn::{Compare, Etcd as _, Get, Op, OpReply, Txn, TxnReply};

use super::*;

/// Runs in virtual time, and gives what the observer heard.
fn simulate<F: Future<Output = ()>>(seed: u64, run: impl FnOnce(Cluster) -> F) -> Vec<What> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&heard);
    let observer: Observer = Box::new(move |what| observer.lock().unwrap().push(what));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let rng = StdRng::seed_from_u64(seed);
        run(Cluster::new(Version::V3_5, rng, observer)).await;
    });
    drop(runtime);
    Arc::into_inner(heard).unwrap().into_inner().unwrap()
}

fn put(key: &str, value: &str) -> Txn {
    Txn {
        then: vec![Op::Put(key.into(), value.into())],
        ..Txn::default()
    }
}

fn value(reply: &TxnReply) -> Option<String> {
    match reply.results.first() {
        Some(OpReply::Get(get)) => {
            let entry = get.entries.first()?;
            Some(String::from_utf8(entry.value.clone()).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

async fn read(client: &SimEtcd, key: &str) -> Result<Option<String>, EtcdError> {
    let reply = client.txn(&Txn::read([Get::key(key)])).await?;
    Ok(value(&reply))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_is_written_is_read_and_told() {
    let heard = simulate(1, |cluster| async move {
        let client = cluster.client("node-a", "plugin-1");
        let reply = client.txn(&put("a", "1")).await.unwrap();
        assert_eq!((reply.header.revision, reply.header.raft_term), (2, 2));
        assert_eq!(read(&client, "a").await.unwrap(), Some("1".into()));
    });
    let [What::Commit(commit)] = heard.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!(commit.by.as_deref(), Some("plugin-1"));
    assert_eq!((commit.line, commit.revision), (0, 2));
}

#[test]
fn a_lost_answer_leaves_the_write() {
    simulate(2, |cluster| async move {
        let link = Link {
            lose_answer: 1.0,
            ..Link::fair()
        };
        cluster.set_link("node-a", link);
        let client = cluster.client("node-a", "plugin-1");
        let began = Instant::now();
        let error = client.txn(&put("a", "1")).await.unwrap_err();
        assert!(error.is_unknown(), "{error}");
        assert_eq!(began.elapsed().as_secs(), 1);
        cluster.set_link("node-a", Link::fair());
        assert_eq!(read(&client, "a").await.unwrap(), Some("1".into()));
        assert_eq!(cluster.tally().lost_answers, 1);
    });
}

#[test]
fn a_late_request_is_applied_after_its_sender_was_killed() {
    simulate(3, |cluster| async move {
        let link = Link {
            late: 1.0,
            late_by: 3000..=3000,
            ..Link::fair()
        };
        cluster.set_link("node-a", link);
        let client = cluster.client("node-a", "plugin-1");
        let killed = tokio::time::timeout(secs(1) / 2, client.txn(&put("a", "1"))).await;
        assert!(killed.is_err());
        drop(client);
        let other = cluster.client("node-b", "plugin-2");
        assert_eq!(read(&other, "a").await.unwrap(), None);
        tokio::time::sleep(secs(3)).await;
        assert_eq!(read(&other, "a").await.unwrap(), Some("1".into()));
        assert_eq!(cluster.tally().applied_unseen, 1);
    });
}

#[test]
fn a_paused_member_applies_what_it_holds_when_it_goes_on() {
    simulate(4, |cluster| async move {
        let only_the_first = Link {
            cut_from: vec![1, 2],
            ..Link::fair()
        };
        cluster.set_link("node-a", only_the_first);
        cluster.pause(0);
        let client = cluster.client("node-a", "plugin-1");
        assert!(client.txn(&put("a", "1")).await.unwrap_err().is_unknown());
        drop(client);
        tokio::time::sleep(secs(5)).await;
        cluster.look(|model| assert_eq!(model.keys().count(), 0));
        cluster.resume(0);
        tokio::time::sleep(secs(1)).await;
        cluster.look(|model| assert_eq!(model.keys().count(), 1));
    });
}

#[test]
fn without_a_quorum_nothing_is_read_and_a_new_leader_mends_it() {
    simulate(5, |cluster| async move {
        cluster.set_apart(0, true);
        assert_eq!(cluster.leader(), None);
        tokio::time::sleep(secs(2)).await;
        assert!(cluster.leader().is_some_and(|leader| leader != 0));
        cluster.kill(1);
        let client = cluster.client("node-a", "plugin-1");
        for _ in 0..4 {
            read(&client, "a").await.unwrap_err();
        }
        cluster.start(1);
        cluster.set_apart(0, false);
        tokio::time::sleep(secs(2)).await;
        read(&client, "a").await.unwrap();
        cluster.look(|model| assert_eq!(model.header().raft_term, 4));
    });
}

#[test]
fn a_machine_that_is_cut_off_reaches_nothing_and_others_do() {
    simulate(6, |cluster| async move {
        let cut = Link {
            cut: true,
            ..Link::fair()
        };
        cluster.set_link("node-a", cut);
        let error = cluster.client("node-a", "one").txn(&put("a", "1")).await;
        assert!(matches!(error, Err(EtcdError::Unreachable(_))), "{error:?}");
        let there = cluster.client("node-b", "two").txn(&put("a", "2")).await;
        assert_eq!(there.unwrap().header.revision, 2);
    });
}

#[test]
fn what_fills_the_last_space_is_refused_and_applied() {
    simulate(10, |cluster| async move {
        let client = cluster.client("node-a", "plugin-1");
        cluster.set_filling(1.0);
        let error = client.txn(&put("a", "1")).await.unwrap_err();
        assert!(matches!(error, EtcdError::NoSpace(_)) && error.is_unknown());
        cluster.set_filling(0.0);
        cluster.set_out_of_space(true);
        client.txn(&put("b", "1")).await.unwrap_err();
        let within = Txn {
            then: vec![Op::Txn(put("c", "1"))],
            ..Txn::default()
        };
        client.txn(&within).await.unwrap();
        cluster.look(|model| {
            let keys: Vec<_> = model.keys().map(|(key, _)| key).collect();
            assert_eq!(keys, ["a", "c"]);
        });
    });
}

#[test]
fn a_lease_ends_by_itself_and_a_new_leader_makes_it_last() {
    simulate(7, |cluster| async move {
        let client = cluster.client("node-a", "gc");
        let mut held = Vec::new();
        for key in ["short", "kept"] {
            let lease = client.grant(secs(10)).await.unwrap();
            let put = Txn {
                then: vec![Op::PutLeased(key.into(), b"me".to_vec(), lease)],
                ..Txn::default()
            };
            client.txn(&put).await.unwrap();
            held.push(lease);
        }
        for _ in 0..3 {
            tokio::time::sleep(secs(4)).await;
            assert!(client.keep_alive(held[1]).await.unwrap());
        }
        assert_eq!(read(&client, "short").await.unwrap(), None);
        assert!(!client.keep_alive(held[0]).await.unwrap());
        tokio::time::sleep(secs(8)).await;
        assert!(cluster.move_leader());
        tokio::time::sleep(secs(10)).await;
        assert!(read(&client, "kept").await.unwrap().is_some());
        tokio::time::sleep(secs(2)).await;
        assert_eq!(read(&client, "kept").await.unwrap(), None);
        client.revoke(LeaseId(99)).await.unwrap();
    });
}

#[test]
fn a_watch_tells_all_in_order_and_ends_with_its_member() {
    simulate(8, |cluster| async move {
        let client = cluster.client("node-a", "gc");
        let stretch = KeyRange {
            start: "a".into(),
            end: "b".into(),
        };
        let mut watch = client.watch(&stretch, 2).await.unwrap();
        for txn in [put("a", "1"), put("x", "1"), put("a/b", "2")] {
            client.txn(&txn).await.unwrap();
        }
        let mut keys = Vec::new();
        while keys.len() < 2 {
            let told = watch.next().await.unwrap();
            keys.extend(told.changes.into_iter().map(|one| (one.key, one.revision)));
        }
        assert_eq!(keys, [("a".into(), 2), ("a/b".into(), 4)]);
        let quiet = tokio::time::timeout(secs(60), watch.next()).await;
        assert!(quiet.is_err());
        for member in 0..MEMBERS {
            cluster.kill(member);
        }
        watch.next().await.unwrap_err();
        for member in 0..MEMBERS {
            cluster.start(member);
        }
        tokio::time::sleep(secs(3)).await;
        assert!(cluster.compact(1));
        let mut late = client.watch(&stretch, 2).await.unwrap();
        let error = late.next().await.unwrap_err();
        assert!(matches!(error, EtcdError::Compacted { oldest: 3, .. }));
    });
}

#[test]
fn a_restore_goes_back_and_the_old_line_may_go_on() {
    let heard = simulate(9, |cluster| async move {
        let client = cluster.client("node-a", "plugin");
        client.txn(&put("a", "1")).await.unwrap();
        let snapshot = cluster.snapshot();
        assert_eq!(cluster.raise_term(64), 64);
        client.txn(&put("b", "1")).await.unwrap();
        let original = cluster.snapshot();
        cluster.restore(&snapshot, 0);
        assert_eq!(read(&client, "b").await.unwrap(), None);
        let reply = client.txn(&put("c", "1")).await.unwrap();
        assert_eq!((reply.header.revision, reply.header.raft_term), (3, 2));
        cluster.put_back(&original);
        assert_eq!(read(&client, "c").await.unwrap(), None);
        let reply = client.txn(&put("d", "1")).await.unwrap();
        assert_eq!((reply.header.revision, reply.header.raft_term), (4, 65));
    });
    let lines = heard.iter().map(|what| match what {
        What::Commit(commit) => (commit.line, commit.revision),
        What::Line(line) => (line.line, -line.revision),
        other => panic!("{other:?}"),
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, [(0, 2), (0, 3), (1, -2), (1, 3), (0, -3), (0, 4)]);
}

#[test]
fn a_seed_does_the_same_again() {
    let run = |seed| {
        let times = Arc::new(AtomicU64::new(0));
        let sum = Arc::clone(&times);
        let heard = simulate(seed, |cluster| async move {
            let stormy = Link {
                lose_request: 0.1,
                lose_answer: 0.1,
                late: 0.2,
                late_by: 1..=4000,
                ..Link::fair()
            };
            let mut tasks = Vec::new();
            for number in 0..8 {
                let machine = format!("node-{number}");
                cluster.set_link(&machine, stormy.clone());
                let client = cluster.client(&machine, &machine);
                let sum = Arc::clone(&sum);
                tasks.push(tokio::spawn(async move {
                    for turn in 0..50 {
                        let key = format!("k{}", turn % 5);
                        let txn = Txn {
                            compares: vec![Compare::Absent(key.clone())],
                            then: put(&key, &machine).then,
                            otherwise: vec![Op::Delete(key)],
                        };
                        let answer = client.txn(&txn).await;
                        let answered = answer.map_or(0, |reply| reply.header.revision);
                        let at = client.cluster.now().as_millis();
                        let seen = u64::try_from(at).unwrap() * 31 + answered.unsigned_abs();
                        sum.fetch_add(seen, Ordering::Relaxed);
                    }
                }));
            }
            for member in [0, 1, 2, 0] {
                tokio::time::sleep(secs(2)).await;
                cluster.pause(member);
                tokio::time::sleep(secs(2)).await;
                cluster.resume(member);
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
        (format!("{heard:?}"), times.load(Ordering::Relaxed))
    };
    for seed in 0..20 {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
    assert!(run(1) != run(2));
}
