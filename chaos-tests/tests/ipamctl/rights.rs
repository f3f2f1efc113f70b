//! What a user of etcd may do who may only read, or nothing.

use anyhow::{Result, ensure};
use chaos_tests::ctl;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::layout::{DEFAULT_PREFIX, Layout, holder};
use etcd_client::Permission;
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse-battery-staple";

#[test]
fn who_may_only_read_finds_what_does_not_fit_and_changes_nothing() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let (endpoints, layout) = ([etcd.endpoint()], Layout::default());
    ctl::init(&endpoints, &[])?;
    let raw = etcd.raw()?;
    let address = |last| layout.address("default", std::net::Ipv4Addr::new(10, 99, 0, last));
    raw.put(address(1), holder("w1", "net", "nobody"))?;
    raw.put(address(2), r#"{"kind":"reservation"}"#)?;
    raw.put(
        address(3),
        r#"{"kind":"cooldown","released":"","cooldown_s":1,"was":""}"#,
    )?;
    raw.ask(async |client| {
        client.role_add("reader").await?;
        let ours = Permission::read(format!("{DEFAULT_PREFIX}/")).with_prefix();
        client.role_grant_permission("reader", ours).await?;
        for user in ["root", "reader", "stranger"] {
            client.user_add(user, PASSWORD, None).await?;
        }
        client.user_grant_role("root", "root").await?;
        client.user_grant_role("reader", "reader").await?;
        client.auth_enable().await
    })?;
    let raw = etcd.raw_as(Some(("root", PASSWORD)))?;
    let before = raw.list(layout.root())?;

    let home = TempDir::new()?;
    let file = home.path().join("password");
    std::fs::write(&file, PASSWORD)?;
    let file = file.display().to_string();
    let changes: [&[&str]; 3] = [
        &["release", "10.99.0.3", "--yes"],
        &["reserve", "10.99.0.8/29", "--reason", "x"],
        &["unreserve", "10.99.0.2", "--yes"],
    ];
    let check: &[&str] = &["check"];
    for (user, status) in [("reader", 3), ("stranger", 1)] {
        let all = [(check, status)].into_iter();
        for (command, status) in all.chain(changes.map(|change| (change, 1))) {
            let as_user = ["--username", user, "--password-file", &file];
            let output = ctl::run(&endpoints, &[command, &as_user].concat())?;
            let ended = output.status.code() == Some(status);
            ensure!(ended, "{user} {command:?}: {output:?}");
            if status == 1 {
                ensure!(
                    output.stderr.contains("denies"),
                    "{user} {command:?}: {output:?}"
                );
            }
            let said = output.stdout + &output.stderr;
            ensure!(!said.contains(PASSWORD), "{user} {command:?}: {said}");
        }
    }
    assert_eq!(raw.list(layout.root())?, before);
    Ok(())
}
