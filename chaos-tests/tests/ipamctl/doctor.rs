//! What is wrong, and what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::certs::Identity;
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::collectors::Cluster;
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::guarded::Guarded;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use chaos_tests::record::{self, record};
use etcd_client::{Permission, RoleRevokePermissionOptions};
use jiff::{Span, Zoned};
use serde_json::{Value, json};

/// What is said, and every finding as `severity check`.
struct Judgement {
    output: Output,
    findings: Vec<Value>,
}

impl Judgement {
    fn of(endpoints: &[String], more: &[&str]) -> Result<Self> {
        let output = ctl::run(endpoints, &[&["doctor", "-o", "json"], more].concat())?;
        let report = serde_json::from_str::<Value>(&output.stdout);
        let report = report.with_context(|| format!("{output:?}"))?;
        let findings = report["findings"].as_array().context("no findings")?;
        let problems = report["problems"].as_u64();
        let status = output.status.code();
        assert_eq!(status, Some(if problems == Some(0) { 0 } else { 3 }));
        Ok(Self {
            findings: findings.clone(),
            output,
        })
    }

    /// The checks that found something of this severity.
    fn checks(&self, severity: &str) -> Vec<&str> {
        let found = self.findings.iter();
        found
            .filter(|one| one["severity"] == severity)
            .filter_map(|one| one["check"].as_str())
            .collect()
    }

    /// What a check found.
    fn what(&self, check: &str) -> Result<&str> {
        let mut found = self.findings.iter().filter(|one| one["check"] == check);
        let found = found.next().and_then(|one| one["what"].as_str());
        found.with_context(|| format!("no {check}: {:?}", self.output))
    }
}

#[test]
fn a_store_that_is_well_has_no_finding_but_what_passed() -> Result<()> {
    let mut etcd = EtcdCluster::start()?;
    let endpoints = etcd.endpoints();
    ctl::init(&endpoints, &[])?;
    // Its leader was moved just now, and not every member may know that yet.
    etcd.leader_and_follower()?;
    let kubernetes = Cluster::new(&etcd.members()[0])?;
    let mut collector = kubernetes.collector("gc-1", &[])?;
    collector.wait_until("it has swept", |it| Ok(it.sweeps()? >= 1.0))?;
    let status = || {
        let output = ctl::run(&endpoints, &["status", "-o", "json"])?;
        anyhow::Ok(serde_json::from_str::<Value>(&output.stdout)?)
    };
    collector.wait_until("that is recorded", |_| {
        Ok(status()?["clusters"][0]["last_sweep"].is_object())
    })?;
    let id = status()?["store"]["id"].clone();
    let node = Node::with_config(
        "n1",
        json!({"etcd": {"endpoints": endpoints, "store_id": id}}),
    )?;
    let net = network("net", json!({"range": "10.96.0.0/24"}));
    node.add("c1", &net)?.success()?;
    let file = node.config().display().to_string();
    let judged = Judgement::of(&endpoints, &["--node-config", &file])?;
    assert_eq!(judged.checks("problem"), [""; 0], "{:?}", judged.output);
    // Nobody signs in here, and the plugin is not installed where runtimes look.
    assert_eq!(
        judged.checks("warning"),
        ["isolation", "plugin"],
        "{:?}",
        judged.output
    );
    assert_eq!(
        judged.checks("ok"),
        [
            "members",
            "versions",
            "alarms",
            "database",
            "store",
            "seal",
            "store_id",
            "collector",
            "sweep",
            "node_name",
            "rights",
            "ranges",
            "values",
            "transport",
            "directories",
            "directories",
            "spool",
            "journal",
        ]
    );
    assert_eq!(
        judged.what("node_name")?,
        "this is the node n1 of the cluster default"
    );
    assert_eq!(
        judged.what("journal")?,
        "the journal names 1 attachments of this boot"
    );
    Ok(())
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() -> Result<()> {
    let lab = Lab::with(
        Options {
            quota_bytes: Some(16 << 20),
            ..Options::default()
        },
        json!({}),
    )?;
    let endpoints = [lab.etcd.endpoint()];
    ctl::run(&endpoints, &["freeze", "--reason", "drill", "--by", "ann"])?;
    let leaked = record(&holder("n1", "net", "c")).address("default", [10, 96, 0, 9], 24);
    record::write(&lab.raw, &lab.layout, [leaked])?;
    lab.raw.put(lab.layout.owner("garbage"), "\u{1b}[2J")?;
    lab.raw.fill_up("/filler/")?;
    let file = lab.node.config().display().to_string();
    let dead = "http://127.0.0.1:1".to_owned();
    let endpoints = [endpoints[0].clone(), dead];
    let judged = Judgement::of(&endpoints, &["--node-config", &file])?;
    let mut problems = judged.checks("problem");
    problems.sort_unstable();
    assert_eq!(
        problems,
        [
            "alarms",
            "collector",
            "database",
            "freeze",
            "members",
            "store"
        ],
        "{:?}",
        judged.output
    );
    for finding in &judged.findings {
        let is_well = finding["severity"] == "ok";
        assert_eq!(finding["advice"].is_null(), is_well, "{finding}");
    }
    let shown = ctl::run(&endpoints, &["doctor", "--node-config", &file])?;
    assert_eq!(shown.status.code(), Some(3));
    assert!(shown.stdout.starts_with("PROBLEM  "), "{shown:?}");
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
    Ok(())
}

fn flags(etcd: &EtcdServer, identity: &Identity) -> Result<Vec<String>> {
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    Ok(vec![
        flag("ca-file", &etcd.authority()?.ca_file),
        flag("cert-file", &identity.cert_file),
        flag("key-file", &identity.key_file),
    ])
}

fn secure() -> Result<EtcdServer> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let root = flags(&etcd, etcd.root_identity()?)?;
    let root: Vec<_> = root.iter().map(String::as_str).collect();
    ctl::init(&[etcd.endpoint()], &root)?;
    Ok(etcd)
}

#[test]
fn a_nodes_credentials_are_tried_and_nothing_is_written() -> Result<()> {
    const ROLE: &str = "etcd-ipam-node-node-1";
    let guarded = Guarded::new(&["node-1"])?;
    let raw = &guarded.raw;
    let rights = raw.ask(async |client| client.role_get(ROLE).await)?;
    let rights = rights.permissions();
    ensure!(rights.len() == 5, "{rights:?}");
    let node = guarded.node("node-1")?;
    let file = format!("--node-config={}", node.config().display());
    let judge = || Judgement::of(&[], &[&file]);
    let before = raw.list("")?;

    let judged = judge()?;
    assert_eq!(judged.checks("problem"), [""; 0], "{:?}", judged.output);
    for check in ["rights", "isolation"] {
        assert!(judged.checks("ok").contains(&check), "{:?}", judged.output);
    }

    for right in &rights {
        let key = right.key_str()?;
        let options = RoleRevokePermissionOptions::new().with_range_end(right.range_end());
        raw.ask(async |client| {
            let revoked = client.role_revoke_permission(ROLE, key, Some(options));
            revoked.await
        })?;
        let judged = judge()?;
        // Without the first one not even the store can be read.
        let check = if key.ends_with("/meta/") {
            "store"
        } else {
            "rights"
        };
        assert_eq!(
            judged.checks("problem"),
            [check],
            "{key}: {:?}",
            judged.output
        );
        guarded.done("root", &["etcd-roles", "--apply", "--node", "node-1"])?;
    }

    for (prefix, words) in [
        ("/etcd-ipam/v1/node/", "reports of other nodes"),
        ("/etcd-ipam/v1/owner/", "records of other nodes"),
        ("/etcd-ipam/v1/gc/", "speak for the collector"),
        ("/etcd-ipam/", "freeze, thaw and initialise"),
        ("", "everything in this etcd"),
    ] {
        let more = if prefix.is_empty() {
            Permission::read_write("").with_all_keys()
        } else {
            Permission::read_write(prefix).with_prefix()
        };
        raw.ask(async |client| client.role_grant_permission(ROLE, more).await)?;
        let judged = judge()?;
        assert!(judged.checks("warning").contains(&"isolation"), "{prefix}");
        assert!(
            judged.what("isolation")?.contains(words),
            "{:?}",
            judged.output
        );
    }
    assert_eq!(raw.list("")?, before);
    Ok(())
}

#[test]
fn certificates_that_end_and_keys_that_others_can_read_are_named() -> Result<()> {
    let etcd = secure()?;
    let today = Zoned::now().date();
    let judge = |identity: &Identity| {
        fs::set_permissions(&identity.key_file, fs::Permissions::from_mode(0o644))?;
        let arguments = flags(&etcd, identity)?;
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Judgement::of(&[etcd.endpoint()], &arguments)
    };
    let authority = etcd.authority()?;
    let lasting = judge(&authority.client("root")?)?;
    assert!(
        lasting.checks("ok").contains(&"certificate"),
        "{:?}",
        lasting.output
    );
    assert!(
        lasting.checks("warning").contains(&"secrets"),
        "{:?}",
        lasting.output
    );

    let soon = today.checked_add(Span::new().days(5))?;
    let soon = judge(&authority.client_until("root", soon)?)?;
    assert!(
        soon.checks("warning").contains(&"certificate"),
        "{:?}",
        soon.output
    );
    assert!(soon.checks("ok").contains(&"store"), "{:?}", soon.output);

    let over = today.checked_sub(Span::new().days(5))?;
    let over = judge(&authority.client_until("root", over)?)?;
    assert!(
        over.checks("problem").contains(&"certificate"),
        "{:?}",
        over.output
    );
    assert!(
        over.checks("problem").contains(&"store"),
        "{:?}",
        over.output
    );
    Ok(())
}

#[test]
fn releases_that_wait_on_a_node_are_counted() -> Result<()> {
    let mut lab = Lab::with(Options::default(), json!({"timeout": "1s"}))?;
    let net = network("net", json!({"range": "10.96.1.0/24"}));
    lab.node.add("c1", &net)?.success()?;
    lab.etcd.stop()?;
    lab.node.del("c1", &net)?.silence()?;
    lab.etcd.restart()?;
    let file = lab.node.config().display().to_string();
    let judged = Judgement::of(&[lab.etcd.endpoint()], &["--node-config", &file])?;
    assert!(
        judged.checks("warning").contains(&"spool"),
        "{:?}",
        judged.output
    );
    assert!(
        judged.what("spool")?.starts_with("1 releases wait"),
        "{:?}",
        judged.output
    );
    assert_eq!(lab.node.spool()?.len(), 1);
    Ok(())
}

#[test]
fn no_password_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let password = "correct-horse-battery-staple";
    lab.raw.ask(async |client| {
        client.user_add("root", password, None).await?;
        client.user_grant_role("root", "root").await?;
        client.auth_enable().await
    })?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("password");
    for (written, code) in [(password, 3), ("wrong-horse", 3)] {
        fs::write(&file, format!("{written}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
        let flag = format!("--password-file={}", file.display());
        for command in ["doctor", "status"] {
            let arguments = [command, "--username=root", &flag, "-o", "json"];
            let said = ctl::run(&[lab.etcd.endpoint()], &arguments)?;
            assert!(said.status.code() <= Some(code), "{said:?}");
            for text in [&said.stdout, &said.stderr] {
                assert!(!text.contains(written), "{said:?}");
            }
        }
    }
    Ok(())
}
