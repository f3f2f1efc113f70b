//! Collectors and an etcd that wants certificates or passwords.

use std::fs;
use std::path::Path;

use anyhow::Result;
use chaos_tests::certs::Authority;
use chaos_tests::collectors::{Cluster, collect, logged, wait_for_first_sweep, wait_until};
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::lab::Lab;
use chaos_tests::layout::Layout;
use chaos_tests::record;
use serde_json::Value;

use crate::SHORT_LEASE;

const PASSWORD: &str = "correct-horse-battery-staple";

/// The files that a collector is let in with.
struct Files([String; 6]);

impl Files {
    /// Those of the server's user root, copied into a directory.
    fn copy(etcd: &EtcdServer, directory: &Path) -> Result<Self> {
        let identity = etcd.root_identity()?;
        let copy = |name: &str, from: &Path| {
            let to = directory.join(name);
            // By a rename, as Kubernetes renews a mounted secret.
            let fresh = directory.join("fresh");
            fs::copy(from, &fresh)?;
            fs::rename(fresh, &to)?;
            anyhow::Ok(to.display().to_string())
        };
        Ok(Self([
            "--ca-file".to_owned(),
            copy("ca.crt", &etcd.authority()?.ca_file)?,
            "--cert-file".to_owned(),
            copy("client.crt", &identity.cert_file)?,
            "--key-file".to_owned(),
            copy("client.key", &identity.key_file)?,
        ]))
    }

    fn flags(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn secure_server(directory: &Path) -> Result<(EtcdServer, Files)> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let files = Files::copy(&etcd, directory)?;
    ctl::init(&[etcd.endpoint()], &files.flags())?;
    Ok((etcd, files))
}

#[test]
fn certificates_may_be_renewed_and_fit_each_other_later() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (mut etcd, files) = secure_server(directory.path())?;
    let cluster = Cluster::new(&etcd)?;
    let arguments = [&SHORT_LEASE[..], &files.flags()].concat();
    let start = |name| cluster.collector(name, &arguments);
    let mut collectors = [start("0")?, start("1")?];
    cluster.wait_for_leader(&[])?;

    etcd.stop()?;
    etcd.renew_certificates()?;
    etcd.restart()?;
    // The collectors' own files do not fit the server's any more.
    for collector in &mut collectors {
        collector.wait_until("it says so", |it| {
            let told = it
                .log()?
                .iter()
                .any(|line| line.to_string().contains("TLS fails"));
            Ok(told && !it.is_leader()?)
        })?;
    }
    Files::copy(&etcd, directory.path())?;
    let raw = etcd.raw()?;
    record::write(&raw, &Layout::default(), [cluster.record(1)])?;
    wait_until("one sweeps again", || {
        let owners = raw.count(&Layout::default().owners())?;
        for collector in &mut collectors {
            collector.signal(nix::sys::signal::Signal::SIGHUP)?;
        }
        Ok(owners == 0)
    })
}

#[test]
fn an_etcd_that_the_collector_does_not_trust_is_named_with_the_reason() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (etcd, files) = secure_server(directory.path())?;
    let cluster = Cluster::new(&etcd)?;
    let stranger = Authority::new(directory.path(), "stranger")?;
    let mut flags = files.flags();
    let ca_file = stranger.ca_file.display().to_string();
    flags[1] = &ca_file;
    let output = cluster.run_to_end(&etcd.endpoint(), &[&flags[..], &["--once"]].concat())?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for word in [&etcd.endpoint(), "TLS fails", "ca_file"] {
        assert!(output.stderr.contains(word), "{}", output.stderr);
    }

    let mut collector = cluster.collector("it", &flags)?;
    collector.wait_until("it says so", |it| {
        let waits = logged(it, "not ready to be elected")?;
        let reason = waits.first().map(|line| line["reason"].to_string());
        Ok(reason.is_some_and(|reason| reason.contains("TLS fails")))
    })?;
    let ready = collector.get("/readyz")?;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("TLS fails"), "{}", ready.body);
    Ok(())
}

/// Turns authentication on.
fn demand_passwords(lab: &Lab) -> Result<()> {
    lab.raw.ask(async |client| {
        client.user_add("root", PASSWORD, None).await?;
        client.user_grant_role("root", "root").await?;
        client.auth_enable().await?;
        Ok(())
    })
}

#[test]
fn neither_the_password_nor_the_token_is_told_to_anybody() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    cluster.hold([1])?;
    demand_passwords(&lab)?;
    let directory = tempfile::tempdir()?;
    let password_file = directory.path().join("password");
    fs::write(&password_file, format!("{PASSWORD}\n"))?;
    let path = password_file.display().to_string();
    let flags = [
        "--username=root",
        "--password-file",
        &path,
        "--log-level=trace",
    ];
    let mut collector = cluster.collector("it", &flags)?;
    wait_for_first_sweep(&mut collector)?;
    collect(&mut collector)?;
    assert_eq!(logged(&collector, "released")?.len(), 1);
    let mut said: Vec<Value> = collector.log()?;
    said.extend(["/", "/metrics", "/readyz"].map(|path| {
        let answer = collector.get(path);
        format!("{answer:?}").into()
    }));
    let (status, _) = collector.stop()?;
    assert!(status.success(), "{status}");

    // Wrong ones are no less secret.
    fs::write(&password_file, format!("{PASSWORD}-not\n"))?;
    let output = cluster.run_to_end(&lab.etcd.endpoint(), &[&flags[..], &["--once"]].concat())?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    said.push(output.stderr.into());
    fs::write(&password_file, format!("{PASSWORD}\n"))?;
    let kubeconfig = fs::read_to_string(cluster.kubernetes.kubeconfig())?;
    let token = cluster.kubernetes.token();
    let wrong = format!("not-{token}");
    fs::write(
        cluster.kubernetes.kubeconfig(),
        kubeconfig.replace(token, &wrong),
    )?;
    let output = cluster.run_to_end(&lab.etcd.endpoint(), &[&flags[..], &["--once"]].concat())?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("401"), "{}", output.stderr);
    said.push(output.stderr.into());
    for line in said {
        let line = line.to_string();
        assert!(!line.contains(PASSWORD) && !line.contains(token), "{line}");
    }
    Ok(())
}
