//! How the store and its etcd are.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::collector::{Collector, Source};
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use chaos_tests::lab::Lab;
use chaos_tests::layout::DEFAULT_PREFIX;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use chaos_tests::reconciling::Scene;
use etcd_client::Permission;
use serde_json::{Value, json};

fn status(endpoints: &[String], more: &[&str]) -> Result<(Output, Value)> {
    let output = ctl::run(endpoints, &[&["status", "-o", "json"], more].concat())?;
    let state = serde_json::from_str(&output.stdout);
    let state = state.with_context(|| format!("{output:?}"))?;
    Ok((output, state))
}

/// The cells of a table's line, and `*` for what differs from run to run.
fn cells(line: &str, differ: &[usize]) -> Vec<String> {
    let cells = line
        .split("   ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    cells
        .enumerate()
        .map(|(place, cell)| if differ.contains(&place) { "*" } else { cell }.to_owned())
        .collect()
}

#[test]
fn one_screen_says_how_things_stand() -> Result<()> {
    for install in etcd_versions() {
        let version = install.version.map(|part| part.to_string()).join(".");
        let lab = Lab::with(
            Options {
                install: Some(install),
                quota_bytes: Some(3 << 30),
                ..Options::default()
            },
            json!({}),
        )?;
        let net = network("net", json!({"range": "10.95.0.0/24"}));
        lab.node.add("c1", &net)?.success()?;
        let store = lab.raw.get(lab.layout.store())?.context("no store")?;
        let store: Value = serde_json::from_slice(&store)?;
        let id = store["id"].as_str().context("no id")?;
        let shown = ctl::run(&[lab.etcd.endpoint()], &["status"])?;
        assert_eq!(shown.status.code(), Some(0), "{shown:?}");
        assert_eq!(shown.stderr, "");
        let lines: Vec<_> = shown.stdout.lines().collect();
        let term = store["sealed_term"].to_string();
        assert_eq!(
            lines[..10],
            [
                "state          gives out addresses",
                "prefix         /etcd-ipam",
                &format!("id             {id}"),
                &format!(
                    "sealed term    {term} (weak: a restored snapshot may pass); etcd's is {term}"
                ),
                "schema, epoch  1, 0",
                "holds          1 addresses, 1 attachments, 1 ranges",
                "",
                "CLUSTER   RECORDS   COLLECTOR    LEADS FOR   LAST SWEEP   AGE   RELEASED",
                "default         1   none leads   -           -            -            -",
                "",
            ]
        );
        assert_eq!(
            cells(lines[11], &[0, 5, 6]),
            [
                "*",
                &lab.etcd.endpoint(),
                &version,
                "leader",
                &term,
                "*",
                "*",
                "3.0 GiB",
                "ok"
            ]
        );
        assert_eq!(lines.len(), 12);
    }
    Ok(())
}

#[test]
fn the_last_sweep_is_known_without_the_collector() -> Result<()> {
    let scene = Scene::new()?;
    let endpoints = [scene.lab.etcd.endpoint()];
    let source = Source::Kubernetes(scene.kubernetes.kubeconfig());
    let never = ["--cron-schedule", "0 0 29 2 *", "--identity", "gc-1"];
    let mut collector = Collector::start(&endpoints, &source, &never)?;
    let last = || {
        let (_, state) = status(&endpoints, &[])?;
        anyhow::Ok(state["clusters"][0].clone())
    };
    collector.wait_until("the sweep is recorded", |_| {
        Ok(last()?["last_sweep"]["result"] == "complete")
    })?;
    let found = last()?;
    assert_eq!(found["name"], "default");
    let leader = found["leader"]["identity"].as_str().context("no leader")?;
    ensure!(leader.starts_with("gc-1"), "{found}");
    assert_eq!(found["last_sweep"]["by"], found["leader"]["identity"]);
    for time in ["ended", "next"] {
        let time = found["last_sweep"][time].as_str().context("no time")?;
        ensure!(time.ends_with('Z') && !time.contains('.'), "{found}");
    }

    // Somebody only asks, and nothing is recorded.
    let asked = ctl::run(&endpoints, &["gc", "--dry-run"])?;
    ensure!(asked.status.success(), "{asked:?}");
    assert_eq!(last()?["last_sweep"], found["last_sweep"]);

    ctl::run(&endpoints, &["freeze", "--reason", "drill"])?;
    collector.sweep_now()?;
    collector.wait_until("that is recorded, too", |_| {
        Ok(last()?["last_sweep"]["result"] == "frozen")
    })?;
    let (output, _) = status(&endpoints, &[])?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    ctl::run(&endpoints, &["thaw", "--yes"])?;

    drop(scene.kubernetes);
    collector.sweep_now()?;
    collector.wait_until("a void sweep says why", |_| {
        let last = last()?;
        let last = &last["last_sweep"];
        Ok(last["result"] == "void" && last["error"].is_string())
    })?;
    collector.kill();
    ensure!(last()?["last_sweep"].is_object(), "gone");
    Ok(())
}

#[test]
fn one_endpoint_shows_every_member_and_a_dead_one_is_named() -> Result<()> {
    let mut cluster = EtcdCluster::start()?;
    let mut endpoints = cluster.endpoints();
    ctl::init(&endpoints, &[])?;
    // Its leader was moved just now, and not every member may know that yet.
    cluster.leader_and_follower()?;
    let (output, state) = status(&endpoints[..1], &[])?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(state["store"]["armed"], true);
    let members = state["etcd"]["members"].as_array().context("none")?.clone();
    assert_eq!(members.len(), 3);
    let roles = members.iter().map(|member| &member["health"]["role"]);
    let leads = roles.filter(|role| **role == "leader").count();
    assert_eq!(leads, 1, "{state}");
    for member in &members {
        let configured = member["endpoint"] == endpoints[0];
        assert_eq!(member["configured"], configured, "{state}");
        assert_eq!(member["health"]["quota"], 2_147_483_648_u64);
        assert_eq!(member["health"]["quota_assumed"], false);
    }

    // Where a follower dies nothing is elected.
    let (_, follower) = cluster.leader_and_follower()?;
    let gone = follower.endpoint();
    follower.kill()?;
    endpoints.sort_by_key(|endpoint| *endpoint == gone);
    for ask in [&endpoints[..1], &endpoints] {
        let (output, state) = status(ask, &[])?;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let members = state["etcd"]["members"].as_array().context("none")?;
        let dead: Vec<_> = members
            .iter()
            .filter(|one| one["health"].is_null())
            .collect();
        assert_eq!((members.len(), dead.len()), (3, 1), "{state}");
        assert_eq!(dead[0]["endpoint"], gone);
        ensure!(
            dead[0]["name"] != "" && dead[0]["error"].is_string(),
            "{state}"
        );
    }

    let members = cluster.members().iter_mut();
    let mut others = members.filter(|member| member.endpoint() != gone);
    let paused = others.next().context("no other member")?;
    paused.pause()?;
    let (output, state) = status(&endpoints, &["--timeout", "1s"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    ensure!(state["error"].is_string(), "{state}");
    assert_eq!(state["etcd"]["members"].as_array().map(Vec::len), Some(3));
    paused.resume()?;
    Ok(())
}

#[test]
fn an_alarm_is_shown() -> Result<()> {
    let lab = Lab::with(
        Options {
            quota_bytes: Some(2 << 20),
            ..Options::default()
        },
        json!({}),
    )?;
    lab.raw.fill_up("/filler/")?;
    let (_, state) = status(&[lab.etcd.endpoint()], &[])?;
    let alarms = &state["etcd"]["alarms"];
    assert_eq!(alarms.as_array().map(Vec::len), Some(1), "{state}");
    assert_eq!(alarms[0]["kind"], "NOSPACE");
    assert_eq!(alarms[0]["member"], state["etcd"]["members"][0]["id"]);
    let shown = ctl::run(&[lab.etcd.endpoint()], &["status"])?;
    ensure!(
        shown.stdout.contains("\nALARM NOSPACE of member"),
        "{shown:?}"
    );
    Ok(())
}

fn flags(etcd: &EtcdServer, user: &str) -> Result<Vec<String>> {
    let authority = etcd.authority()?;
    let identity = authority.client(user)?;
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    Ok(vec![
        flag("ca-file", &authority.ca_file),
        flag("cert-file", &identity.cert_file),
        flag("key-file", &identity.key_file),
    ])
}

#[test]
fn who_may_only_read_sees_what_may_be_seen_and_a_stranger_nothing_of_the_store() -> Result<()> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        quota_bytes: Some(3 << 30),
        ..Options::default()
    })?;
    let raw = etcd.raw()?;
    let endpoints = [etcd.endpoint()];
    let root = flags(&etcd, "root")?;
    let root: Vec<_> = root.iter().map(String::as_str).collect();
    ctl::init(&endpoints, &root)?;
    raw.ask(async |client| {
        client.user_add("root", "not used", None).await?;
        client.user_grant_role("root", "root").await?;
        client.role_add("reader").await?;
        let ours = Permission::read(format!("{DEFAULT_PREFIX}/")).with_prefix();
        client.role_grant_permission("reader", ours).await?;
        for user in ["reader", "stranger"] {
            client.user_add(user, "not used", None).await?;
        }
        client.user_grant_role("reader", "reader").await?;
        client.auth_enable().await
    })?;
    for (user, code) in [("root", 0), ("reader", 0), ("stranger", 1)] {
        let flags = flags(&etcd, user)?;
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let (output, state) = status(&endpoints, &flags)?;
        assert_eq!(output.status.code(), Some(code), "{user}: {output:?}");
        assert_eq!(state["store"].is_object(), code == 0, "{user}: {output:?}");
        let member = &state["etcd"]["members"][0];
        assert_eq!(member["endpoint"], endpoints[0]);
        // etcd's quota is read over the same TLS.
        if member["health"].is_object() {
            assert_eq!(member["health"]["quota"], 3_221_225_472_u64, "{state}");
        } else {
            ensure!(member["error"].to_string().contains("denied"), "{state}");
        }
    }
    Ok(())
}
