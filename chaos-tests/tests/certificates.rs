//! `deploy/etcd/certificates.sh`: what it makes, and what it refuses to make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::host::mode;
use chaos_tests::process::{self, Finish, Output};
use chaos_tests::skip::lacks;
use k8s_openapi::api::core::v1::Secret;
use tempfile::TempDir;

/// A directory in which the script is called.
struct Desk(TempDir);

impl Desk {
    /// With authorities, a member and some users; nothing where there is no openssl.
    fn new(test: &str) -> Result<Option<Self>> {
        if lacks(test, &["openssl", "bash"]) {
            return Ok(None);
        }
        let desk = Self(TempDir::new()?);
        desk.done(&["authorities"])?;
        desk.done(&["server", "etcd-1", "10.0.0.1", "fd00::1", "etcd-1.example"])?;
        desk.done(&["client", "root", "etcd-ipam-lease-gc", "node-1"])?;
        Ok(Some(desk))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("etcd-certificates").join(name)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/etcd/certificates.sh");
        let mut command = Command::new(script);
        command.args(arguments).current_dir(self.0.path());
        process::run(command, "", Finish::Normal)
    }

    fn done(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(output.stdout)
    }

    /// What openssl says of a certificate.
    fn shown(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("openssl");
        command
            .args(["x509", "-noout", "-in"])
            .arg(self.path(name))
            .args(arguments);
        let output = process::run(command, "", Finish::Normal)?;
        ensure!(output.status.success(), "{name}: {output:?}");
        Ok(output.stdout)
    }

    fn is_signed_by(&self, authority: &str, name: &str) -> Result<bool> {
        let mut command = Command::new("openssl");
        command
            .args(["verify", "-CAfile"])
            .arg(self.path(authority))
            .arg(self.path(name));
        Ok(process::run(command, "", Finish::Normal)?.status.success())
    }

    /// Every file and what it holds.
    fn files(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.path("")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let content = fs::read(&path)?;
                    found.insert(path, content);
                }
            }
        }
        Ok(found)
    }
}

#[test]
fn everything_is_for_its_owner_only_and_says_who_it_is() -> Result<()> {
    let Some(desk) = Desk::new("everything_is_for_its_owner_only_and_says_who_it_is")? else {
        return Ok(());
    };
    for path in desk.files()?.keys() {
        assert_eq!(mode(path)?, 0o600, "{}", path.display());
    }
    let names = desk.shown("servers/etcd-1/tls.crt", &["-ext", "subjectAltName"])?;
    for name in [
        "IP Address:10.0.0.1",
        "IP Address:FD00:0:0:0:0:0:0:1",
        "DNS:etcd-1.example",
    ] {
        assert!(names.contains(name), "{names}");
    }
    for (name, subject) in [
        ("clients/node-1/tls.crt", "CN = node-1"),
        // It is nobody's name: a member is no user.
        ("servers/etcd-1/tls.crt", "CN = member:etcd-1"),
    ] {
        let shown = desk.shown(name, &["-subject", "-text"])?;
        assert!(shown.contains(&format!("subject={subject}\n")), "{shown}");
        assert!(
            shown.contains("prime256v1") && shown.contains("CA:FALSE"),
            "{shown}"
        );
    }
    let usage = desk.shown("clients/node-1/tls.crt", &["-ext", "extendedKeyUsage"])?;
    assert!(
        usage.contains("Client") && !usage.contains("Server"),
        "{usage}"
    );
    Ok(())
}

#[test]
fn no_client_is_taken_for_a_peer() -> Result<()> {
    let Some(desk) = Desk::new("no_client_is_taken_for_a_peer")? else {
        return Ok(());
    };
    for (authority, name, is_signed) in [
        ("servers/etcd-1/ca.crt", "clients/root/tls.crt", true),
        ("clients/node-1/ca.crt", "servers/etcd-1/tls.crt", true),
        ("peers/etcd-1/ca.crt", "peers/etcd-1/tls.crt", true),
        ("peers/etcd-1/ca.crt", "clients/root/tls.crt", false),
        ("peers/etcd-1/ca.crt", "servers/etcd-1/tls.crt", false),
        ("servers/etcd-1/ca.crt", "peers/etcd-1/tls.crt", false),
    ] {
        let found = desk.is_signed_by(authority, name)?;
        assert_eq!(found, is_signed, "{name} by {authority}");
    }
    Ok(())
}

#[test]
fn what_exists_is_kept_and_a_renewal_changes_certificates_only() -> Result<()> {
    let Some(desk) = Desk::new("what_exists_is_kept_and_a_renewal_changes_certificates_only")?
    else {
        return Ok(());
    };
    let before = desk.files()?;
    desk.done(&["authorities"])?;
    let said = desk.done(&["client", "node-1"])?;
    assert!(said.starts_with("kept "), "{said}");
    assert_eq!(desk.files()?, before);

    let names = desk.shown("servers/etcd-1/tls.crt", &["-ext", "subjectAltName"])?;
    desk.done(&["--days", "7", "renew"])?;
    let after = desk.files()?;
    assert!(after.keys().eq(before.keys()), "{:?}", after.keys());
    for (path, content) in &after {
        let is_renewed = path.ends_with("tls.crt");
        assert_eq!(
            before.get(path) != Some(content),
            is_renewed,
            "{}",
            path.display()
        );
        assert_eq!(mode(path)?, 0o600, "{}", path.display());
    }
    let week = (7 * 86_400).to_string();
    desk.shown("clients/root/tls.crt", &["-checkend", "600000"])?;
    assert!(
        desk.shown("clients/root/tls.crt", &["-checkend", &week])
            .is_err()
    );
    assert_eq!(
        desk.shown("servers/etcd-1/tls.crt", &["-ext", "subjectAltName"])?,
        names
    );

    // Its directory is gone: a new key.
    let key = "clients/node-1/tls.key";
    fs::remove_dir_all(desk.path("clients/node-1"))?;
    desk.done(&["client", "node-1"])?;
    assert_ne!(
        Some(&fs::read(desk.path(key))?),
        before.get(&desk.path(key))
    );
    assert!(desk.is_signed_by("ca.crt", "clients/node-1/tls.crt")?);
    Ok(())
}

#[test]
fn secrets_are_those_of_the_manifests() -> Result<()> {
    let Some(desk) = Desk::new("secrets_are_those_of_the_manifests")? else {
        return Ok(());
    };
    desk.done(&["client", "etcd-ipam-node"])?;
    let printed = desk.done(&["secrets", "elsewhere"])?;
    let mut found = BTreeMap::new();
    for document in printed.split("---\n").filter(|text| !text.is_empty()) {
        let secret: Secret = serde_saphyr::from_str(document)?;
        assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
        assert_eq!(secret.metadata.namespace.as_deref(), Some("elsewhere"));
        let name = secret.metadata.name.context("no name")?;
        found.insert(name, secret.data.context("no data")?);
    }
    for (name, user) in [
        ("etcd-ipam-node-tls", "etcd-ipam-node"),
        ("etcd-ipam-lease-gc-tls", "etcd-ipam-lease-gc"),
        ("etcd-ipam-init-tls", "root"),
    ] {
        let data = found.remove(name).context(name)?;
        assert_eq!(data.len(), 3, "{name}");
        for (file, content) in data {
            let standing = fs::read(desk.path(&format!("clients/{user}/{file}")))?;
            assert_eq!(content.0, standing, "{name}: {file}");
        }
    }
    assert!(found.is_empty(), "{:?}", found.keys());
    Ok(())
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing() -> Result<()> {
    let Some(desk) = Desk::new("what_cannot_be_made_is_refused_and_leaves_nothing")? else {
        return Ok(());
    };
    let before = desk.files()?;
    let long = "n".repeat(65);
    for (arguments, words) in [
        (&["client", "a/b"][..], "'a/b' cannot be used"),
        (&["client", "good", "../x"], "'../x' cannot be used"),
        (&["client", "a\nsubjectAltName=DNS:x"], "cannot be used"),
        (&["client", &long], "longer"),
        (&["client"], "at least one user"),
        (&["server", "etcd-2"], "at least one host"),
        (&["server", "etcd-2", "a b"], "no host name"),
        (&["server", "etcd-2", "10.0.0.1,DNS:x"], "is no"),
        (&["--days", "0", "renew"], "no number of days"),
        (
            &["--dir", "none", "client", "a"],
            "call `authorities` first",
        ),
        (&["frobnicate"], "unknown command"),
    ] {
        let output = desk.run(arguments)?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(words), "{arguments:?}: {output:?}");
    }
    assert_eq!(desk.files()?, before);
    Ok(())
}
