//! A client that lives longer than its certificates and its tokens.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaos_tests::certs::Authority;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::install::etcd_versions;
use store::etcd::{Credentials, EtcdError, Password, Settings};

use super::bench::{Bench, CLUSTER, LONG, settings, soon, store, until};
use super::contender::Contender;

/// A little longer than a client believes that its files are as they were.
const A_LOOK: Duration = Duration::from_secs(12);

fn secure() -> Result<Bench> {
    Bench::with(Options {
        tls: true,
        ..Options::default()
    })
}

/// Another authority and other certificates, in the files of the first.
fn renew_everything(etcd: &EtcdServer) -> Result<()> {
    let directory = etcd.authority()?.ca_file.parent();
    let directory = directory.context("no directory")?.to_owned();
    let endpoint = etcd.endpoint();
    let host = endpoint.rsplit(['/', ':']).nth(1).context("no host")?;
    let authority = Authority::new(&directory, "authority")?;
    authority.server(host.parse()?)?;
    authority.client("root")?;
    Ok(())
}

fn ask(bench: &Bench) -> Result<()> {
    let leader = bench.store.leader(CLUSTER, soon(&bench.store));
    bench.wait(leader)??;
    Ok(())
}

#[test]
fn certificates_renewed_on_disk_are_used_for_the_next_connection() -> Result<()> {
    let mut bench = secure()?;
    ask(&bench)?;
    bench.etcd.stop()?;
    renew_everything(&bench.etcd)?;
    bench.etcd.restart()?;
    until("the new certificates are used", || Ok(ask(&bench).is_ok()))
}

#[test]
fn a_certificate_renewed_on_disk_soon_replaces_the_one_in_use() -> Result<()> {
    let bench = secure()?;
    bench.raw.ask(async |client| {
        client.user_add("root", "root-password", None).await?;
        client.user_grant_role("root", "root").await?;
        client.user_add("nobody", "no-password", None).await?;
        client.auth_enable().await
    })?;
    ask(&bench)?;
    // etcd takes the certificate's common name for the user: who came anew is denied.
    let (root, nobody) = (
        bench.etcd.root_identity()?,
        bench.etcd.authority()?.client("nobody")?,
    );
    fs::copy(&nobody.cert_file, &root.cert_file)?;
    fs::copy(&nobody.key_file, &root.key_file)?;
    until("the new certificate is shown", || {
        let denied = ask(&bench).err().and_then(|error| error.downcast().ok());
        Ok(matches!(denied, Some(EtcdError::Denied { .. })))
    })
}

#[test]
fn a_renewal_that_went_wrong_does_not_break_the_connection_that_stands() -> Result<()> {
    let bench = secure()?;
    ask(&bench)?;
    let identity = bench.etcd.root_identity()?;
    let certificate = fs::read(&identity.cert_file)?;
    fs::write(&identity.cert_file, "half a certif")?;
    let begin = Instant::now();
    while begin.elapsed() < A_LOOK {
        ask(&bench)?;
        std::thread::sleep(Duration::from_millis(100));
    }
    fs::write(&identity.cert_file, certificate)?;
    ask(&bench)
}

/// Tokens end this soon after they were last used.
const TOKEN: Duration = Duration::from_secs(1);

#[test]
fn whoever_is_let_in_by_a_password_outlives_the_token() -> Result<()> {
    for install in etcd_versions() {
        let bench = Bench::with(Options {
            install: Some(install),
            arguments: vec![format!("--auth-token-ttl={}", TOKEN.as_secs())],
            ..Options::default()
        })?;
        let password = "correct-horse-battery-staple";
        bench.raw.ask(async |client| {
            client.user_add("root", password, None).await?;
            client.user_grant_role("root", "root").await?;
            client.auth_enable().await
        })?;
        let settings = Settings {
            credentials: Some(Credentials {
                username: "root".to_owned(),
                password: Password::Inline(password.to_owned()),
            }),
            ..settings(&bench.etcd)
        };
        let first = Contender::start(settings.clone(), "a", LONG)?;
        first.leads()?;
        let second = Contender::start(settings.clone(), "b", LONG)?;
        second.follows()?;
        let store = store(settings);
        let ask = || bench.wait(store.leader(CLUSTER, soon(&store)));
        ask()??;
        std::thread::sleep(5 * TOKEN);
        ask()??;
        first.resign()?;
        second.leads()?;
    }
    Ok(())
}
