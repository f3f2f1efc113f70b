//! Addresses that an operator keeps, and how that ends.

use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use chaos_tests::process::{self, Finish};
use chaos_tests::reconciling::{AT_ONCE, Scene, count};
use serde_json::{Value, json};

const REST: &str = r#"{"kind":"cooldown","released":"2026-01-05T08:00:00Z","cooldown_s":60,"was":"default/n1/net/old/eth0"}"#;

fn key(lab: &Lab, ip: &str) -> Result<String> {
    Ok(lab.layout.address("default", ip.parse::<IpAddr>()?))
}

fn stands(lab: &Lab, ip: &str) -> Result<Option<Value>> {
    let value = lab.raw.get(key(lab, ip)?)?;
    let value = value.map(|value| serde_json::from_slice(&value));
    Ok(value.transpose()?)
}

/// A network of four addresses.
fn net() -> Value {
    network(
        "net",
        json!({
            "range": "10.96.0.0/24",
            "range_start": "10.96.0.10",
            "range_end": "10.96.0.13",
        }),
    )
}

/// A time so many hours from now, as it stands in records.
fn hours_from_now(hours: i32) -> Result<String> {
    let mut command = Command::new("date");
    command.args([
        "--utc",
        &format!("--date={hours} hours"),
        "+%Y-%m-%dT%H:%M:%SZ",
    ]);
    let output = process::run(command, "", Finish::Normal)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(output.stdout.trim().to_owned())
}

#[test]
fn what_is_reserved_is_not_given_out_until_it_is_not() -> Result<()> {
    let lab = Lab::new()?;
    let net = net();
    assert_eq!(
        lab.node.add("a", &net)?.success()?.ip()?,
        "10.96.0.10".parse::<IpAddr>()?
    );
    let reserve = [
        "reserve",
        "10.96.0.11-10.96.0.12",
        "--reason",
        "printers",
        "--owner",
        "ann",
    ];
    let output = lab.ctl(&reserve, 0)?;
    assert_eq!(output.stderr, "");
    assert_eq!(
        output.stdout,
        "\
2 addresses of space default are reserved now.
  addresses   10.96.0.11-10.96.0.12
  reason      printers
  owner       ann
  expires     never
"
    );
    let again = lab.ctl(&reserve, 0)?;
    assert_eq!(
        again.stdout,
        "Already reserved for this: 2 addresses (10.96.0.11-10.96.0.12).\n"
    );
    assert_eq!(stands(&lab, "10.96.0.12")?.context("free")?["owner"], "ann");
    assert_eq!(
        lab.node.add("b", &net)?.success()?.ip()?,
        "10.96.0.13".parse::<IpAddr>()?
    );
    lab.node.add("c", &net)?.failure(100)?;

    let unreserve = ["unreserve", "10.96.0.0/24"];
    let output = lab.ctl(&unreserve, 1)?;
    assert!(
        output
            .stderr
            .contains("10.96.0.11 reserved: printers, by ann"),
        "{output:?}"
    );
    assert!(output.stderr.contains("--yes"), "{output:?}");
    assert!(stands(&lab, "10.96.0.11")?.is_some());
    let output = lab.ctl(&[&unreserve[..], &["--yes"]].concat(), 0)?;
    assert_eq!(
        output.stdout,
        "\
2 addresses can be given out again: 10.96.0.11-10.96.0.12
Left as they are: 2
ADDRESS      STATE       HOLDER
10.96.0.10   allocated   default/n1/net/a/eth0
10.96.0.13   allocated   default/n1/net/b/eth0
"
    );
    lab.ctl(&[&unreserve[..], &["--yes"]].concat(), 3)?;
    assert_eq!(
        lab.node.add("c", &net)?.success()?.ip()?,
        "10.96.0.11".parse::<IpAddr>()?
    );
    Ok(())
}

#[test]
fn with_a_conflict_nothing_is_written_unless_the_others_are_wanted() -> Result<()> {
    let lab = Lab::new()?;
    lab.node.add("a", &net())?.success()?;
    lab.raw.put(key(&lab, "10.96.0.11")?, REST)?;
    lab.raw
        .put(key(&lab, "10.96.0.12")?, "not \u{1b}[2J ours")?;
    lab.raw.put(
        key(&lab, "10.96.0.13")?,
        r#"{"kind":"reservation","reason":"theirs"}"#,
    )?;
    let before = lab.raw.list(lab.layout.root())?;
    let quarantine = [
        "quarantine",
        "10.96.0.8/29",
        "--reason",
        "ghost",
        "--owner",
        "ann",
    ];
    let output = lab.ctl(&quarantine, 3)?;
    assert_eq!(
        output.stdout,
        "\
Taken: 3 addresses.
ADDRESS      STATE        HOLDER
10.96.0.10   allocated    default/n1/net/a/eth0
10.96.0.12   unreadable   the value is not such a record
10.96.0.13   reserved     theirs
"
    );
    assert!(output.stderr.contains("--skip-taken"), "{output:?}");
    assert!(
        output.stderr.contains("release ADDRESS --quarantine"),
        "{output:?}"
    );
    assert_eq!(lab.raw.list(lab.layout.root())?, before);

    let skip = [&quarantine[..], &["--skip-taken", "-o", "json"]].concat();
    let dry = lab.ctl(&[&skip[..], &["--dry-run"]].concat(), 0)?;
    assert_eq!(lab.raw.list(lab.layout.root())?, before);
    let wet = lab.ctl(&skip, 0)?;
    let (dry, wet): (Value, Value) = (
        serde_json::from_str(&dry.stdout)?,
        serde_json::from_str(&wet.stdout)?,
    );
    assert_eq!(
        (&dry["dry_run"], &wet["dry_run"]),
        (&json!(true), &json!(false))
    );
    for outcome in [&dry, &wet] {
        assert_eq!(outcome["kind"], "quarantine");
        assert_eq!(outcome["count"], 5);
        let written = json!(["10.96.0.8-10.96.0.9", "10.96.0.11", "10.96.0.14-10.96.0.15"]);
        assert_eq!(outcome["written"], written);
        assert_eq!(outcome["taken"][1]["state"], "unreadable");
        assert_eq!(
            (&outcome["unchanged"], &outcome["lost"]),
            (&json!([]), &json!([]))
        );
    }
    assert_eq!(
        stands(&lab, "10.96.0.11")?.context("free")?["kind"],
        "quarantine"
    );
    Ok(())
}

#[test]
fn more_than_one_transaction_takes_is_written_and_freed_whole() -> Result<()> {
    let lab = Lab::new()?;
    let outcome = lab.ctl(
        &["reserve", "10.97.0.0/22", "--reason", "all", "-o", "json"],
        0,
    )?;
    assert_eq!(
        serde_json::from_str::<Value>(&outcome.stdout)?["count"],
        1024
    );
    assert_eq!(lab.raw.count(&lab.layout.addresses())?, 1024);
    assert!(outcome.stderr.contains("no known range"), "{outcome:?}");
    lab.ctl(&["unreserve", "10.97.0.0/22", "--yes"], 0)?;
    assert_eq!(lab.raw.count(&lab.layout.addresses())?, 0);
    Ok(())
}

#[test]
fn an_address_of_another_space_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let mut net = net();
    net["ipam"]["network_name"] = "blue".into();
    lab.node.add("a", &net)?.success()?;
    let output = lab.ctl(&["reserve", "10.96.0.12", "--reason", "x"], 0)?;
    assert!(
        output.stderr.contains("it lies in one of blue (--space)"),
        "{output:?}"
    );
    let output = lab.ctl(
        &["reserve", "10.96.0.12", "--reason", "x", "--space", "blue"],
        0,
    )?;
    assert_eq!(output.stderr, "");
    Ok(())
}

#[test]
fn what_cannot_be_reserved_is_refused_with_the_way_out() -> Result<()> {
    let lab = Lab::new()?;
    let reserve = |more: &[&str], status| {
        let reason = ["reserve", "--reason", "x"];
        lab.ctl(&[&reason[..], more].concat(), status)
    };
    for (arguments, status, word) in [
        (&["10.0.0.0/8"][..], 2, "exclude"),
        (&["10.0.0.5/24"], 2, "10.0.0.0/24"),
        (&["pod-a"], 2, "not an IP address"),
        (
            &["10.0.0.1", "--expires", "2020-01-01T00:00:00Z"],
            1,
            "past already",
        ),
        (&["10.0.0.1", "--expires", "soon"], 2, "48h"),
        (
            &["10.0.0.1", "--prefix", "/elsewhere"],
            1,
            "not initialised",
        ),
    ] {
        let output = reserve(arguments, status)?;
        assert!(output.stderr.contains(word), "{output:?}");
    }
    let output = lab.ctl(&["reserve", "10.0.0.1", "--reason", " "], 2)?;
    assert!(output.stderr.contains("say why"), "{output:?}");
    assert_eq!(lab.raw.count(&lab.layout.addresses())?, 0);

    lab.raw.put(lab.layout.freeze(), r#"{"reason":"drill"}"#)?;
    let output = reserve(&["10.0.0.1"], 0)?;
    assert!(output.stderr.contains("frozen: drill"), "{output:?}");
    Ok(())
}

/// A reservation that ended so many hours ago, or ends in so many.
fn reserved_until(hours: i32) -> Result<String> {
    let value = json!({"kind": "reservation", "reason": "x", "expires": hours_from_now(hours)?});
    Ok(value.to_string())
}

#[test]
fn the_collector_frees_what_is_over_and_counts_it() -> Result<()> {
    let scene = Scene::new()?;
    let lab = &scene.lab;
    let never = json!({"kind": "quarantine", "reason": "x", "expires": "whenever"}).to_string();
    for (ip, value) in [
        ("10.96.0.10", reserved_until(-1)?),
        ("10.96.0.11", reserved_until(1)?),
        ("10.96.0.12", never),
        (
            "10.96.0.13",
            reserved_until(-1)?.replace("reservation", "quarantine"),
        ),
    ] {
        lab.raw.put(key(lab, ip)?, value)?;
    }
    let dry = scene.once(&[&AT_ONCE[..], &["--dry-run"]].concat())?;
    assert_eq!(dry.reports[1]["reservations_ended"], 0);
    assert_eq!(lab.raw.count(&lab.layout.addresses())?, 4);

    lab.raw.put(lab.layout.freeze(), "{}")?;
    let mut collector = scene.collector(&AT_ONCE)?;
    assert_eq!(lab.raw.count(&lab.layout.addresses())?, 4);
    lab.raw.delete(lab.layout.freeze())?;
    collector.sweep_now()?;
    for (ip, stays) in [
        ("10.96.0.10", false),
        ("10.96.0.11", true),
        ("10.96.0.12", true),
        ("10.96.0.13", false),
    ] {
        assert_eq!(stands(lab, ip)?.is_some(), stays, "{ip}");
    }
    let metrics = collector.metrics()?;
    assert_eq!(
        count(&metrics, "etcd_ipam_reservations_ended_total", &[])?,
        2
    );
    Ok(())
}

#[test]
fn a_pod_takes_an_address_whose_reservation_is_over_if_there_is_no_other() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let mut net = net();
        net["ipam"]["order"] = order.into();
        lab.raw.put(key(&lab, "10.96.0.10")?, reserved_until(-1)?)?;
        lab.raw.put(key(&lab, "10.96.0.11")?, reserved_until(1)?)?;
        let over = "10.96.0.10".parse::<IpAddr>()?;
        for container in ["a", "b"] {
            assert_ne!(
                lab.node.add(container, &net)?.success()?.ip()?,
                over,
                "{order}"
            );
        }
        assert_eq!(lab.node.add("c", &net)?.success()?.ip()?, over, "{order}");
        lab.node.add("d", &net)?.failure(100)?;
        assert!(stands(&lab, "10.96.0.11")?.is_some());

        let mut asked = net.clone();
        asked["runtimeConfig"] = json!({"ips": ["10.96.0.11/24"]});
        lab.node.add("e", &asked)?.failure(101)?;
        lab.raw.put(key(&lab, "10.96.0.11")?, reserved_until(-1)?)?;
        lab.node.add("e", &asked)?.success()?;
    }
    Ok(())
}
