use store::coordination::LeaseId;
use store::key::KeyRange;
use store::txn::{Op, Txn};

use super::*;

const TTL: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn write(model: &mut Model, then: Vec<Op>) -> i64 {
    let txn = Txn {
        then,
        ..Txn::default()
    };
    model.txn(&txn).unwrap().header.revision
}

fn put(key: &str) -> Op {
    Op::Put(key.into(), key.into())
}

fn everything() -> KeyRange {
    KeyRange {
        start: "\0".into(),
        end: "\0".into(),
    }
}

fn names(model: &Model) -> Vec<&str> {
    model.keys().map(|(key, _)| key).collect()
}

#[test]
fn a_lease_ends_at_its_time_and_takes_its_keys_at_one_revision() {
    let mut model = Model::new(Version::V3_5);
    let lease = model.grant(TTL, at(0)).unwrap();
    let leased = |key: &str| Op::PutLeased(key.into(), Vec::new(), LeaseId(lease));
    write(&mut model, vec![leased("b"), leased("a"), put("c")]);
    // A key that is written anew without its lease does not go with it.
    write(&mut model, vec![leased("d")]);
    write(&mut model, vec![put("d")]);
    assert!(model.keep_alive(lease, at(9)));
    model.expire(at(18));
    assert_eq!(names(&model), ["a", "b", "c", "d"]);
    assert_eq!(model.next_end_of_a_lease(), Some(at(19)));
    assert!(!model.keep_alive(lease, at(19)));
    model.expire(at(19));
    assert_eq!(names(&model), ["c", "d"]);
    let last = model.log().last().unwrap();
    assert_eq!((last.revision, last.changes.len()), (5, 2));
    assert_eq!(model.revoke(lease), Err(Refused::NoLease));
}

#[test]
fn a_new_leader_lets_every_lease_begin_anew() {
    let mut model = Model::new(Version::V3_5);
    model.grant(TTL, at(0)).unwrap();
    model.elect(at(8));
    assert_eq!(model.next_end_of_a_lease(), Some(at(19)));
    assert_eq!(model.header().raft_term, 3);
}

#[test]
fn without_space_no_lease_is_granted_and_those_that_stand_live_and_end() {
    let mut model = Model::new(Version::V3_5);
    let lease = model.grant(TTL, at(0)).unwrap();
    model.set_out_of_space(true);
    assert_eq!(model.grant(TTL, at(0)), Err(Refused::NoSpace));
    assert!(model.keep_alive(lease, at(1)));
    model.revoke(lease).unwrap();
}

#[test]
fn a_restore_takes_the_revisions_back_and_begins_the_term_anew() {
    let mut model = Model::new(Version::V3_5);
    write(&mut model, vec![put("a")]);
    let snapshot = model.clone();
    for _ in 0..5 {
        model.elect(at(0));
    }
    write(&mut model, vec![put("b")]);
    let original = model.clone();

    let mut restored = model.clone();
    restored.restore(snapshot.clone(), 0, at(0));
    assert_eq!(names(&restored), ["a"]);
    assert_eq!(
        (restored.header().revision, restored.header().raft_term),
        (2, 2)
    );
    // The same number stands for something else now.
    assert_eq!(write(&mut restored, vec![put("c")]), 3);

    let mut bumped = model.clone();
    bumped.restore(snapshot, 1000, at(0));
    assert_eq!(bumped.told(&everything(), 2), Err(1002));
    assert_eq!(write(&mut bumped, vec![put("c")]), 1003);

    restored.put_back(original, at(0));
    assert_eq!(names(&restored), ["a", "b"]);
    assert_eq!(
        (restored.header().revision, restored.header().raft_term),
        (3, 8)
    );
}

#[test]
fn the_log_keeps_what_was_compacted_and_a_watch_does_not_tell_it() {
    let mut model = Model::new(Version::V3_5);
    for key in ["a", "b", "c"] {
        write(&mut model, vec![put(key)]);
    }
    model.compact(3).unwrap();
    assert_eq!(model.log().len(), 3);
    assert_eq!(model.told(&everything(), 2), Err(3));
    assert_eq!(model.told(&everything(), 3).unwrap().len(), 2);
}
