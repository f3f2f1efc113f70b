use super::*;
use crate::report::{Count, OpenBreaker, RangeReport, Release, SweepResult};
use jiff::Timestamp;

const LABELS: Labels<'_> = Labels {
    evidence: &["pod_gone", "rebooted"],
    keep_reasons: &["alive", "node_not_ready"],
    refusals: &["restored", "damaged"],
    breakers: &["pods", "nodes"],
    etcd_operations: &["range", "txn"],
    kubernetes_operations: &["list_pods"],
};

fn metrics() -> Metrics {
    Metrics::new(&LABELS, "1.2.3").unwrap()
}

fn report(result: SweepResult) -> SweepReport {
    let mut report = SweepReport::new(Timestamp::from_second(1_700_000_000).unwrap());
    report.result = result;
    report.duration = Duration::from_millis(1500);
    report
}

fn release(evidence: &'static str) -> Release {
    Release {
        at: Timestamp::UNIX_EPOCH,
        addresses: Vec::new(),
        owner: String::new(),
        pod: None,
        evidence,
    }
}

fn range(space: &str) -> RangeReport {
    RangeReport {
        space: space.to_owned(),
        range: "10.0.0.1-10.0.0.9/24".to_owned(),
        capacity: Count(9),
        allocated: Count(4),
        resting: Count(3),
        reserved: Count(2),
        free: Count(0),
    }
}

#[track_caller]
fn shows(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.render().unwrap();
    for line in lines {
        assert!(text.lines().any(|one| one == *line), "{line} in\n{text}");
    }
}

#[test]
fn every_known_series_exists_from_the_start() {
    shows(
        &metrics(),
        &[
            r#"etcd_ipam_build_info{version="1.2.3"} 1"#,
            "etcd_ipam_leader 0",
            "etcd_ipam_election_age_seconds 0",
            r#"etcd_ipam_sweeps_total{result="void"} 0"#,
            "etcd_ipam_sweep_duration_seconds_count 0",
            r#"etcd_ipam_candidates{evidence="rebooted"} 0"#,
            r#"etcd_ipam_collected_total{evidence="pod_gone"} 0"#,
            r#"etcd_ipam_kept{reason="node_not_ready"} 0"#,
            r#"etcd_ipam_store_refused{reason="restored"} 0"#,
            r#"etcd_ipam_breaker_open{kind="nodes"} 0"#,
            r#"etcd_ipam_breaker_trips_total{kind="pods"} 0"#,
            r#"etcd_ipam_etcd_request_duration_seconds_count{operation="txn"} 0"#,
            r#"etcd_ipam_etcd_request_errors_total{operation="range"} 0"#,
            r#"etcd_ipam_kubernetes_request_errors_total{operation="list_pods"} 0"#,
            "etcd_ipam_history_gaps_total 0",
        ],
    );
}

#[test]
fn a_sweep_is_counted() {
    let metrics = metrics();
    let mut swept = report(SweepResult::Complete);
    swept.records = 7;
    swept.candidates.add("rebooted");
    swept.kept.add("alive");
    swept.release(release("pod_gone"));
    swept.adopted = 2;
    swept.ranges.push(range("default"));
    metrics.swept(&swept);
    metrics.swept(&swept);
    shows(
        &metrics,
        &[
            r#"etcd_ipam_sweeps_total{result="complete"} 2"#,
            "etcd_ipam_sweep_duration_seconds_sum 3",
            "etcd_ipam_last_successful_sweep_timestamp_seconds 1700000001.5",
            "etcd_ipam_records 7",
            r#"etcd_ipam_candidates{evidence="rebooted"} 1"#,
            r#"etcd_ipam_kept{reason="alive"} 1"#,
            r#"etcd_ipam_collected_total{evidence="pod_gone"} 2"#,
            "etcd_ipam_adopted_total 4",
            r#"etcd_ipam_range_capacity_addresses{range="10.0.0.1-10.0.0.9/24",space="default"} 9"#,
            r#"etcd_ipam_addresses{range="10.0.0.1-10.0.0.9/24",space="default",state="resting"} 3"#,
        ],
    );
}

#[test]
fn a_dry_run_changes_no_counter_of_deeds() {
    let metrics = metrics();
    let mut swept = report(SweepResult::DryRun);
    swept.release(release("pod_gone"));
    swept.adopted = 2;
    metrics.swept(&swept);
    shows(
        &metrics,
        &[
            r#"etcd_ipam_sweeps_total{result="dry_run"} 1"#,
            r#"etcd_ipam_collected_total{evidence="pod_gone"} 0"#,
            "etcd_ipam_adopted_total 0",
        ],
    );
}

#[test]
fn a_void_sweep_leaves_what_was_known() {
    let metrics = metrics();
    let mut swept = report(SweepResult::Complete);
    swept.records = 7;
    swept.ranges.push(range("default"));
    metrics.swept(&swept);
    metrics.swept(&report(SweepResult::Void));
    shows(
        &metrics,
        &[
            r#"etcd_ipam_sweeps_total{result="void"} 1"#,
            "etcd_ipam_records 7",
            r#"etcd_ipam_addresses{range="10.0.0.1-10.0.0.9/24",space="default",state="free"} 0"#,
        ],
    );
}

#[test]
fn a_store_is_refused_until_a_sweep_judges_it() {
    let metrics = metrics();
    let mut refused = report(SweepResult::Void);
    refused.refused = Some("restored");
    metrics.swept(&refused);
    let shown = [
        r#"etcd_ipam_store_refused{reason="restored"} 1"#,
        r#"etcd_ipam_store_refused{reason="damaged"} 0"#,
    ];
    shows(&metrics, &shown);
    // A sweep that never saw the store says nothing of it.
    metrics.swept(&report(SweepResult::Void));
    shows(&metrics, &shown);
    let admitted = [r#"etcd_ipam_store_refused{reason="restored"} 0"#];
    metrics.swept(&report(SweepResult::Complete));
    shows(&metrics, &admitted);
    metrics.swept(&refused);
    metrics.follows();
    shows(&metrics, &admitted);
}

#[test]
fn a_breaker_trips_once_until_it_has_closed() {
    let metrics = metrics();
    let mut open = report(SweepResult::Breaker);
    open.breakers.push(OpenBreaker {
        kind: "pods",
        found: 11,
        limit: 10,
    });
    metrics.swept(&open);
    metrics.swept(&open);
    shows(
        &metrics,
        &[
            r#"etcd_ipam_breaker_open{kind="pods"} 1"#,
            r#"etcd_ipam_breaker_trips_total{kind="pods"} 1"#,
        ],
    );
    metrics.swept(&report(SweepResult::Complete));
    shows(&metrics, &[r#"etcd_ipam_breaker_open{kind="pods"} 0"#]);
    metrics.swept(&open);
    shows(
        &metrics,
        &[r#"etcd_ipam_breaker_trips_total{kind="pods"} 2"#],
    );
}

#[test]
fn a_range_that_is_gone_is_no_longer_exported() {
    let metrics = metrics();
    for space in ["old", "new"] {
        let mut swept = report(SweepResult::Complete);
        swept.ranges.push(range(space));
        metrics.swept(&swept);
    }
    let text = metrics.render().unwrap();
    assert!(text.contains(r#"space="new""#));
    assert!(!text.contains(r#"space="old""#), "{text}");
}

#[test]
fn who_leads_no_longer_says_nothing_of_the_store() {
    let metrics = metrics();
    metrics.leads();
    metrics.leads();
    let mut swept = report(SweepResult::Complete);
    swept.records = 7;
    swept.frozen = Some("recovery".to_owned());
    swept.candidates.add("rebooted");
    swept.ranges.push(range("default"));
    metrics.swept(&swept);
    shows(&metrics, &["etcd_ipam_leader 1", "etcd_ipam_frozen 1"]);
    metrics.follows();
    shows(
        &metrics,
        &[
            "etcd_ipam_leader 0",
            "etcd_ipam_leader_transitions_total 2",
            "etcd_ipam_election_age_seconds 0",
            "etcd_ipam_records 0",
            "etcd_ipam_frozen 0",
            r#"etcd_ipam_candidates{evidence="rebooted"} 0"#,
            r#"etcd_ipam_sweeps_total{result="complete"} 1"#,
        ],
    );
    let text = metrics.render().unwrap();
    assert!(!text.contains("etcd_ipam_addresses"), "{text}");
    assert!(!text.contains("etcd_ipam_range_capacity"), "{text}");
}

#[test]
fn requests_and_traffic_are_counted() {
    let metrics = metrics();
    metrics.etcd_request("txn", Duration::from_millis(2), true);
    metrics.etcd_request("txn", Duration::from_secs(1), false);
    metrics.kubernetes_request("list_pods", Duration::from_millis(7), true);
    metrics.allocated("blue");
    metrics.allocated("blue");
    metrics.released("blue");
    metrics.event_dropped();
    metrics.history_line();
    metrics.history_gap();
    shows(
        &metrics,
        &[
            r#"etcd_ipam_etcd_request_duration_seconds_bucket{operation="txn",le="0.0025"} 1"#,
            r#"etcd_ipam_etcd_request_duration_seconds_count{operation="txn"} 2"#,
            r#"etcd_ipam_etcd_request_errors_total{operation="txn"} 1"#,
            r#"etcd_ipam_kubernetes_request_errors_total{operation="list_pods"} 0"#,
            r#"etcd_ipam_allocations_total{network="blue"} 2"#,
            r#"etcd_ipam_releases_total{network="blue"} 1"#,
            "etcd_ipam_events_dropped_total 1",
            "etcd_ipam_history_lines_total 1",
            "etcd_ipam_history_gaps_total 1",
        ],
    );
}

#[test]
fn a_hostile_name_stays_inside_its_label() {
    let metrics = metrics();
    metrics.allocated("a\"} 1\nevil{x=\"");
    shows(
        &metrics,
        &[r#"etcd_ipam_allocations_total{network="a\"} 1\nevil{x=\""} 1"#],
    );
}
