//! Judges the way to etcd: whether others can listen, and the files that let in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_seconds;
use store::etcd::{Password, Settings};

use super::finding::Findings;
use crate::text::age;

/// A certificate that ends sooner than this should have been renewed by now.
const RENEW: Duration = Duration::from_hours(14 * 24);
/// What a file of secrets grants to others than its owner.
const OTHERS: u32 = 0o077;

/// Judges.
pub(super) fn judge(settings: &Settings, now: SystemTime, findings: &mut Findings) {
    transport(settings, findings);
    certificate(settings, now, findings);
    let password = settings.credentials.as_ref().map(|user| &user.password);
    let password_file = match password {
        Some(Password::File(path)) => Some(path),
        _ => None,
    };
    for (what, path) in [
        ("key_file", settings.key_file.as_ref()),
        ("password_file", password_file),
    ] {
        if let Some(path) = path {
            secret(what, path, findings);
        }
    }
}

fn transport(settings: &Settings, findings: &mut Findings) {
    let plain = settings.endpoints.iter().filter(|endpoint| {
        let is_plain = match endpoint.split_once("://") {
            Some((scheme, _)) => scheme == "http",
            None => !settings.wants_tls(),
        };
        is_plain && !is_loopback(endpoint)
    });
    let plain: Vec<_> = plain.map(String::as_str).collect();
    if plain.is_empty() {
        findings.ok(
            "transport",
            "no endpoint is spoken to in the clear over a network",
        );
    } else {
        findings.warn(
            "transport",
            format!("etcd is spoken to without TLS: {}", plain.join(", ")),
            "anybody on the way can read and change everything: SECURITY.md, \"TLS and passwords\"",
        );
    }
}

fn is_loopback(endpoint: &str) -> bool {
    let place = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, place)| place);
    place.starts_with("127.") || place.starts_with("localhost") || place.starts_with("[::1]")
}

fn certificate(settings: &Settings, now: SystemTime, findings: &mut Findings) {
    let Some(path) = &settings.cert_file else {
        return;
    };
    let Some(end) = settings.certificate_ends_before(now + RENEW) else {
        findings.ok(
            "certificate",
            "the client's certificate is good for two weeks and more",
        );
        return;
    };
    let what = |when: &str| format!("the client's certificate {} {when}", path.display());
    let advice = "renew it: without it nothing reaches etcd, and DELs wait in the spool";
    let at = format_rfc3339_seconds(end);
    match end.duration_since(now) {
        Ok(left) => {
            let when = format!("ends in {}, at {at}", age(left));
            findings.warn("certificate", what(&when), advice);
        }
        Err(_) => findings.problem("certificate", what(&format!("has ended at {at}")), advice),
    }
}

fn secret(what: &str, path: &Path, findings: &mut Findings) {
    // What cannot be looked at cannot be used either, which the members' errors tell.
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        findings.ok(
            "secrets",
            format!("only its owner can use {}", path.display()),
        );
    } else {
        findings.warn(
            "secrets",
            format!(
                "{what} {} is open to others (mode {mode:04o})",
                path.display()
            ),
            format!("chmod 0600 {}", path.display()),
        );
    }
}

#[cfg(test)]
mod tests;
