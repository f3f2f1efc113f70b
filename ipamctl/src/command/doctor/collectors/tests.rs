use super::*;
use crate::state::LeaderState;

const NOON: &str = "2026-11-20T12:00:00Z";

fn well() -> ClusterState {
    ClusterState {
        name: "west".to_owned(),
        owners: 3,
        leader: Some(LeaderState {
            identity: "gc-1".to_owned(),
            since: "2026-11-20T09:00:00Z".to_owned(),
        }),
        last_sweep: Some(LastSweep {
            by: "gc-1".to_owned(),
            ended: "2026-11-20T11:58:00Z".to_owned(),
            result: "complete".to_owned(),
            next: Some("2026-11-20T12:03:00Z".to_owned()),
            ..LastSweep::default()
        }),
    }
}

fn told(cluster: ClusterState) -> Vec<String> {
    let mut findings = Findings::default();
    judge(&[cluster], "default", parse(NOON).unwrap(), &mut findings);
    findings.bad()
}

fn swept(change: impl FnOnce(&mut LastSweep)) -> Vec<String> {
    let mut cluster = well();
    change(cluster.last_sweep.as_mut().unwrap());
    told(cluster)
}

#[test]
fn a_collector_that_leads_and_sweeps_is_well() {
    assert_eq!(told(well()), [""; 0]);
}

#[test]
fn a_cluster_with_records_needs_a_collector() {
    let leaderless = |name: &str, owners| ClusterState {
        name: name.to_owned(),
        owners,
        leader: None,
        ..well()
    };
    assert_eq!(
        told(leaderless("west", 3)),
        ["problem collector: no collector leads the cluster west, which has 3 records"]
    );
    assert_eq!(told(leaderless("west", 0)), [""; 0]);
    assert_eq!(
        told(leaderless("default", 0)),
        ["warning collector: no collector leads the cluster default, which has 0 records"]
    );
    let unreadable = ClusterState {
        leader: Some(LeaderState::default()),
        ..well()
    };
    assert_eq!(
        told(unreadable),
        ["warning collector: the election key of the cluster west cannot be read"]
    );
}

#[test]
fn how_the_last_sweep_ended_is_judged() {
    for (result, severity) in [
        ("dry_run", "warning sweep"),
        ("frozen", "warning sweep"),
        ("interrupted", "warning sweep"),
        ("something new", "warning sweep"),
        ("breaker", "problem sweep"),
        ("void", "problem sweep"),
    ] {
        let told = swept(|last| {
            last.result = result.to_owned();
            last.error = Some("no pods".to_owned());
        });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(severity), "{told:?}");
        assert!(
            told[0].ends_with(&format!("as {result}: no pods")),
            "{told:?}"
        );
    }
    let never = ClusterState {
        last_sweep: None,
        ..well()
    };
    assert_eq!(
        told(never),
        ["warning sweep: it is not known when the cluster west was swept last"]
    );
}

#[test]
fn a_sweep_that_is_long_overdue_is_a_problem() {
    assert_eq!(
        swept(|last| last.next = Some("2026-11-20T11:46:00Z".to_owned())),
        [""; 0]
    );
    assert_eq!(
        swept(|last| last.next = Some("2026-11-20T11:44:00Z".to_owned())),
        [
            "problem sweep: the last sweep of the cluster west ended at 2026-11-20T11:58:00Z as \
          complete, and the next has been due for 16m"
        ]
    );
    assert_eq!(swept(|last| last.next = None), [""; 0]);
    assert_eq!(swept(|last| last.next = Some("soon".to_owned())), [""; 0]);
}

#[test]
fn what_lies_ahead_shows_that_clocks_differ() {
    assert_eq!(
        swept(|last| last.ended = "2026-11-20T12:05:00Z".to_owned()),
        ["warning clock: the clock of gc-1 is at least 5m ahead of this machine's"]
    );
    assert_eq!(
        swept(|last| last.ended = "2026-11-20T12:00:59Z".to_owned()),
        [""; 0]
    );
    assert_eq!(swept(|last| last.ended = "garbage".to_owned()), [""; 0]);
}
