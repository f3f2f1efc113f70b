use super::*;
use crate::state::FreezeState;

const NOTHING: Circumstances<'_> = Circumstances {
    is_compacted: None,
    node_file: None,
};

fn well() -> StoreState {
    StoreState {
        id: Some("s1".to_owned()),
        schema: Some(1),
        sealed_term: Some(64),
        armed: Some(true),
        epoch: Some(0),
        raft_term: 66,
        revision: 9_999,
        ..StoreState::default()
    }
}

fn told(store: &StoreState, circumstances: &Circumstances<'_>) -> Vec<String> {
    let mut findings = Findings::default();
    judge(store, circumstances, &mut findings);
    findings.bad()
}

#[test]
fn a_store_that_is_well_gives_no_cause_for_concern() {
    let circumstances = Circumstances {
        is_compacted: Some(true),
        node_file: Some(("/etc/node.conf", Some("s1"))),
    };
    assert_eq!(told(&well(), &circumstances), [""; 0]);
}

#[test]
fn a_refusal_and_a_freeze_are_problems() {
    let frozen = |by: &str, since: &str| StoreState {
        frozen: Some(FreezeState {
            reason: "drill".to_owned(),
            by: by.to_owned(),
            since: since.to_owned(),
        }),
        ..well()
    };
    for (store, expected) in [
        (
            frozen("ann", "2026-11-20T12:00:00Z"),
            "problem freeze: the store is frozen by ann since 2026-11-20T12:00:00Z: drill",
        ),
        (
            frozen("ann", ""),
            "problem freeze: the store is frozen by ann: drill",
        ),
        (
            frozen("", "x"),
            "problem freeze: the store is frozen: drill",
        ),
        (
            StoreState {
                refusal: Some("it was restored".to_owned()),
                ..well()
            },
            "problem store: no address is given out: it was restored",
        ),
    ] {
        assert_eq!(told(&store, &NOTHING), [expected]);
    }
}

#[test]
fn a_weak_seal_an_unnamed_store_and_an_endless_history_are_warnings() {
    let weak = StoreState {
        sealed_term: Some(2),
        armed: Some(false),
        ..well()
    };
    assert_eq!(
        told(&weak, &NOTHING),
        [
            "warning seal: the store is sealed with the Raft term 2, which is low: a restored \
          snapshot may go unnoticed"
        ]
    );
    let unnamed = Circumstances {
        node_file: Some(("/etc/node.conf", None)),
        ..NOTHING
    };
    assert_eq!(
        told(&well(), &unnamed),
        ["warning store_id: /etc/node.conf does not name its store"]
    );
    let never = Circumstances {
        is_compacted: Some(false),
        ..NOTHING
    };
    assert_eq!(told(&well(), &never), [""; 0]);
    let long = StoreState {
        revision: 10_000,
        ..well()
    };
    assert_eq!(
        told(&long, &never),
        ["warning compaction: etcd has kept each of its 10000 revisions and was never compacted"]
    );
}
