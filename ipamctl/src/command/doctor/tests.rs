use super::*;
use crate::cli::Format;
use crate::testing::{FakeEtcd, Ran, STORE, context, json, ran};
use ::store::etcd::{Health, Member};

const FREEZE: (&str, &str) = ("/etcd-ipam/v1/meta/freeze", r#"{"reason":"\u001b[2J"}"#);

fn members(health: Result<Health, EtcdError>) -> Members {
    Members {
        members: vec![Member {
            name: "a".to_owned(),
            id: Some(1),
            url: "http://127.0.0.1:2379".to_owned(),
            configured: true,
            client_urls: Vec::new(),
            health,
        }],
        unlisted: None,
    }
}

fn healthy() -> Health {
    Health {
        version: "3.6.14".to_owned(),
        leader: 1,
        ..Health::default()
    }
}

async fn doctor(
    format: Format,
    verbose: bool,
    entries: &[(&str, &str)],
    members: Members,
) -> (Ran, Option<Verdict>) {
    let context = context(FakeEtcd::of(entries));
    let options = Options {
        node: false,
        verbose,
    };
    let settings = Settings::default();
    let machine = Machine {
        settings: &settings,
        file: None,
    };
    let mut verdict = None;
    let ran = ran(format, async |output| {
        verdict = Some(run(&context, output, &options, &machine, members).await?);
        Ok(())
    });
    (ran.await, verdict)
}

#[tokio::test]
async fn the_worst_comes_first_and_what_is_well_only_on_request() {
    let (ran, verdict) = doctor(
        Format::Table,
        false,
        &[STORE, FREEZE],
        members(Ok(healthy())),
    )
    .await;
    assert_eq!(verdict, Some(Verdict::Negative));
    let starts: Vec<_> = ran
        .out
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        starts,
        [
            "PROBLEM  freeze",
            "         -> no pod gets an address until `ipamctl thaw`; ask first whoever froze it",
            "WARNING  redundancy",
            "         -> run three",
            "WARNING  seal",
            "         -> after any restore freeze the store by hand, before anything else \
             (docs/operations.md, \"The store was restored\"); an etcd of several members whose \
             store is created with all of them in --endpoints has a better seal",
            "WARNING  collector",
            "         -> start lease-gc for it, or look into its log",
            "",
            "problems",
        ]
    );
    assert!(ran.out.contains("frozen: \\u{1b}[2J\n"), "{}", ran.out);
    assert!(
        ran.out.ends_with("problems: 1, warnings: 3, passed: 7\n"),
        "{}",
        ran.out
    );
    let (verbose, _) = doctor(Format::Table, true, &[STORE], members(Ok(healthy()))).await;
    assert!(
        verbose.out.contains("\nok       alarms: no alarm stands\n"),
        "{}",
        verbose.out
    );
}

#[tokio::test]
async fn warnings_alone_are_no_failure() {
    let (_, verdict) = doctor(Format::Json, false, &[STORE], members(Ok(healthy()))).await;
    assert_eq!(verdict, Some(Verdict::Done));
}

#[tokio::test]
async fn the_json_names_every_check() {
    let (ran, _) = doctor(Format::Json, false, &[STORE], members(Ok(healthy()))).await;
    let report = json(&ran);
    assert_eq!(report["problems"], 0);
    assert_eq!(report["warnings"], 3);
    let findings = report["findings"].as_array().unwrap();
    let checks: Vec<_> = findings
        .iter()
        .map(|one| one["check"].as_str().unwrap())
        .collect();
    for check in &checks {
        assert!(ABOUT.contains(check), "{check}");
    }
    assert_eq!(
        findings[0],
        serde_json::json!({
            "severity": "warning", "check": "redundancy", "what": "etcd has a single member",
            "advice": "run three: while it is away no pod gets an address, and a restored \
                       snapshot of it is hard to notice",
        })
    );
    assert_eq!(findings.last().unwrap()["advice"], serde_json::Value::Null);
}

#[tokio::test]
async fn an_etcd_that_is_away_is_a_finding() {
    let away = EtcdError::Unreachable("refused".to_owned());
    let (ran, verdict) = doctor(Format::Table, false, &[STORE], members(Err(away))).await;
    assert_eq!(verdict, Some(Verdict::Negative));
    assert!(
        ran.out
            .contains("PROBLEM  members: a (http://127.0.0.1:2379) does not answer: refused")
    );
    assert!(
        ran.out.contains("PROBLEM  store: the store cannot be read"),
        "{}",
        ran.out
    );
}
