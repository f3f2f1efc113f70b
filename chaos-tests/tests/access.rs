//! Who may in: certificates and passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::certs::{Authority, Identity};
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::lab::Lab;
use chaos_tests::layout::{DEFAULT_PREFIX, Layout};
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use chaos_tests::raw::Raw;
use etcd_client::Permission;
use serde_json::{Value, json};

const PASSWORD: &str = "correct-horse-battery-staple";

fn net() -> Value {
    network("net", json!({"range": "10.92.0.0/24"}))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A server that wants certificates, with an initialised store.
fn secure_server() -> Result<EtcdServer> {
    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let root = etcd.root_identity()?;
    let more = [
        "--ca-file",
        &text(&etcd.authority()?.ca_file),
        "--cert-file",
        &text(&root.cert_file),
        "--key-file",
        &text(&root.key_file),
    ];
    ctl::init(&[etcd.endpoint()], &more)?;
    Ok(etcd)
}

/// A node that trusts `authority` and shows `identity`.
fn node(etcd: &EtcdServer, authority: &Authority, identity: &Identity) -> Result<Node> {
    Node::with_config(
        "n1",
        json!({
            "timeout": "3s",
            "etcd": {
                "endpoints": [etcd.endpoint()],
                "ca_file": text(&authority.ca_file),
                "cert_file": text(&identity.cert_file),
                "key_file": text(&identity.key_file),
            },
        }),
    )
}

/// See [`is_kept_out_of`].
fn is_kept_out(node: &Node, raw: &Raw) -> Result<()> {
    is_kept_out_of(node, &net(), raw)
}

/// ADD fails clearly, leaves nothing, and a DEL is not mistaken for a success by a runtime that
/// looks for words. Nobody is told the password.
fn is_kept_out_of(node: &Node, net: &Value, raw: &Raw) -> Result<()> {
    let refusal = node.add("c", net)?;
    let code = refusal.code()?;
    assert!([7, 11].contains(&code), "{refusal:?}");
    assert_eq!(raw.count(&Layout::default().addresses())?, 0);
    assert_eq!(raw.count(&Layout::default().owners())?, 0);
    ensure_secret(node, &refusal.0.stderr)?;
    ensure_secret(node, &refusal.0.stdout)?;
    let del = node.del("c", net)?;
    ensure_secret(node, &del.0.stderr)?;
    if !del.is_success() {
        let message = del.message()?.to_lowercase();
        for words in ["not found", "no such file"] {
            assert!(!message.contains(words), "{message}");
        }
    }
    Ok(())
}

#[test]
fn a_node_with_its_certificate_is_let_in() -> Result<()> {
    let etcd = secure_server()?;
    let identity = etcd.authority()?.client("n1")?;
    let node = node(&etcd, etcd.authority()?, &identity)?;
    node.add("c", &net())?.success()?;
    assert_eq!(etcd.raw()?.count(&Layout::default().owners())?, 1);
    // The names are enough: where the certificates lie is known to the node.
    node.del("c", &network("net", json!({})))?.silence()?;
    assert_eq!(etcd.raw()?.count(&Layout::default().owners())?, 0);
    Ok(())
}

#[test]
fn certificates_that_do_not_fit_keep_a_node_out() -> Result<()> {
    let etcd = secure_server()?;
    let raw = etcd.raw()?;
    let directory = tempfile::tempdir()?;
    let stranger = Authority::new(directory.path(), "stranger")?;
    let own = etcd.authority()?.client("n1")?;
    let foreign = stranger.client("n1")?;
    let missing = Identity {
        cert_file: directory.path().join("missing.crt"),
        ..own.clone()
    };
    let garbled = Identity {
        key_file: stranger.ca_file.clone(),
        ..own.clone()
    };
    is_kept_out(&node(&etcd, etcd.authority()?, &foreign)?, &raw).context("a foreign one")?;
    is_kept_out(&node(&etcd, &stranger, &own)?, &raw).context("a server nobody trusts")?;
    is_kept_out(&node(&etcd, etcd.authority()?, &missing)?, &raw).context("a missing file")?;
    is_kept_out(&node(&etcd, etcd.authority()?, &garbled)?, &raw).context("no private key")?;
    let without = Node::with_config(
        "n1",
        json!({"timeout": "3s", "etcd": {"endpoints": [etcd.endpoint()]}}),
    )?;
    is_kept_out(&without, &raw).context("no certificate")
}

/// Turns authentication on, with the user `ipam` that may use our keys and `nobody` that may not.
fn demand_users(raw: &Raw) -> Result<()> {
    raw.ask(async |client| {
        client.user_add("root", "root-password", None).await?;
        client.user_grant_role("root", "root").await?;
        client.role_add("ipam").await?;
        let ours = Permission::read_write(format!("{DEFAULT_PREFIX}/")).with_prefix();
        client.role_grant_permission("ipam", ours).await?;
        for user in ["ipam", "nobody"] {
            client.user_add(user, PASSWORD, None).await?;
        }
        client.user_grant_role("ipam", "ipam").await?;
        client.auth_enable().await?;
        Ok(())
    })
}

#[test]
fn the_name_in_the_certificate_is_the_user() -> Result<()> {
    let etcd = secure_server()?;
    // The certificate of this connection names `root`.
    let raw = etcd.raw()?;
    demand_users(&raw)?;
    let authority = etcd.authority()?;
    let stranger = node(&etcd, authority, &authority.client("nobody")?)?;
    is_kept_out(&stranger, &raw)?;
    let allowed = node(&etcd, authority, &authority.client("ipam")?)?;
    allowed.add("c", &net())?.success()?;
    allowed.del("c", &net())?.silence()?;
    assert_eq!(raw.count(&Layout::default().owners())?, 0);
    Ok(())
}

#[test]
fn a_password_lets_in_and_is_told_to_nobody() -> Result<()> {
    let lab = Lab::new()?;
    demand_users(&lab.raw)?;
    let raw = lab.etcd.raw_as(Some(("root", "root-password")))?;
    let secrets = tempfile::tempdir()?;
    let password_file = secrets.path().join("password");
    fs::write(&password_file, format!("{PASSWORD}\n"))?;

    let endpoint = lab.etcd.endpoint();
    let from_file = |user: &str| {
        json!({"timeout": "3s", "etcd": {
            "endpoints": [endpoint], "username": user, "password_file": text(&password_file),
        }})
    };
    let inline = |user: &str| {
        json!({
            "timeout": "3s",
            "etcd_host": endpoint.trim_start_matches("http://"),
            "etcd_username": user,
            "etcd_password": PASSWORD,
        })
    };
    for config in [from_file("ipam"), inline("ipam")] {
        // The settings stand in the network's config, so the node must remember them.
        let node = Node::with_config("n1", json!({}))?;
        let mut ipam = config;
        ipam["range"] = "10.93.0.0/24".into();
        let full = network("net", ipam);
        let mut said = node.add("c", &full)?.success()?.0.stderr;
        assert_eq!(raw.count(&Layout::default().owners())?, 1);
        ensure_secret(&node, &said)?;
        said = node.del("c", &full)?.silence()?.0.stderr;
        assert_eq!(raw.count(&Layout::default().owners())?, 0);
        ensure_secret(&node, &said)?;
    }
    for config in [from_file("nobody"), inline("nobody")] {
        let node = Node::with_config("n1", json!({}))?;
        let mut ipam = config;
        ipam["range"] = "10.93.0.0/24".into();
        let full = network("net", ipam);
        is_kept_out_of(&node, &full, &raw)?;
    }
    Ok(())
}

/// The password is neither in what was said, nor in the log, nor in a file that others can read.
fn ensure_secret(node: &Node, said: &str) -> Result<()> {
    assert!(!said.contains(PASSWORD), "{said}");
    assert!(!node.log().join("\n").contains(PASSWORD));
    for file in [node.state()?, node.spool()?].concat() {
        let for_others = fs::metadata(&file)?.permissions().mode() & 0o077;
        let content = fs::read(&file)?;
        let tells = String::from_utf8_lossy(&content).contains(PASSWORD);
        assert!(!tells || for_others == 0, "{} tells it", file.display());
    }
    Ok(())
}
