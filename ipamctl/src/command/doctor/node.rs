//! Judges a node: whether its credentials and its files let the plugin work.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ipam_plugin::config::IpamSection;
use ipam_plugin::local::disk::Disk;
use ipam_plugin::local::files::Files as _;
use ipam_plugin::local::identity;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::rights::Right;
use store::txn::Etcd;

use super::finding::Findings;
use crate::command::Context;
use crate::text::age;

/// Where runtimes look for plugins, unless told otherwise.
const PLUGIN_DIRS: [&str; 3] = ["/opt/cni/bin", "/usr/libexec/cni", "/usr/lib/cni"];
const PLUGIN: &str = "etcd-ipam";

/// A node as its file describes it.
pub(super) struct Node {
    name: Option<String>,
    state_dir: PathBuf,
    spool_dir: PathBuf,
}

impl Node {
    /// The node that this is, by its file's section.
    pub(super) fn of(section: &IpamSection) -> Self {
        Self {
            name: section
                .node_name()
                .map(str::to_owned)
                .or_else(identity::node_name),
            state_dir: section.state_dir(),
            spool_dir: section.spool_dir(),
        }
    }

    /// Judges what the node's credentials may do.
    ///
    /// # Errors
    /// If etcd could not be asked.
    pub(super) async fn judge_rights<E: Etcd, C: Clock>(
        &self,
        context: &Context<E, C>,
        findings: &mut Findings,
    ) -> Result<(), EtcdError> {
        let Some(name) = &self.name else {
            findings.problem(
                "node_name",
                "the node has no name: neither node_name, $NODENAME nor a host name is set",
                "set node_name in the node's file",
            );
            return Ok(());
        };
        findings.ok(
            "node_name",
            format!("this is the node {name} of the cluster {}", context.cluster),
        );
        let may = async |right| {
            let deadline = context.deadline();
            let may = context.store.may(right, &context.cluster, name, deadline);
            may.await
        };
        let mut missing = Vec::new();
        for right in Right::NEEDED {
            if !may(right).await? {
                missing.push(needed(right));
            }
        }
        if missing.is_empty() {
            findings.ok("rights", "its credentials may do all that the plugin does");
        } else {
            findings.problem(
                "rights",
                format!("its credentials may not {}", missing.join(", nor ")),
                "`ipamctl etcd-roles` makes the role; node_name and cluster are part of it",
            );
        }
        for right in Right::TOO_MUCH {
            if may(right).await? {
                let (what, advice) = too_much(right);
                findings.warn("isolation", what, advice);
                return Ok(());
            }
        }
        findings.ok("isolation", "its credentials may do no more than that");
        Ok(())
    }

    /// Judges what lies on the node's disk.
    pub(super) fn judge_files(&self, now: SystemTime, findings: &mut Findings) {
        for (key, dir) in [
            ("state_dir", &self.state_dir),
            ("spool_dir", &self.spool_dir),
        ] {
            directory(key, dir, findings);
        }
        spool(&self.spool_dir, now, findings);
        let journal = Disk.names_in(&self.state_dir.join("journal"));
        findings.ok(
            "journal",
            format!(
                "the journal names {} attachments of this boot",
                journal.len()
            ),
        );
        binary(&PLUGIN_DIRS.map(Path::new), findings);
    }
}

const fn needed(right: Right) -> &'static str {
    match right {
        Right::ReadStore => "read what the store is (meta/)",
        Right::ReadAddresses => "read which addresses are taken (addr/)",
        Right::WriteAddresses => "take addresses (addr/)",
        Right::ReadOwnRecords => "read the node's own records (owner/)",
        Right::WriteOwnRecords => "write the node's own records (owner/)",
        Right::WriteRanges => "write down its ranges (range/)",
        Right::WriteOwnReport => "write the node's own report (node/)",
        Right::WriteOtherRecords => "write the records of other nodes",
        Right::WriteOtherReports => "write the reports of other nodes",
        Right::WriteCollector => "speak for the collector",
        Right::WriteStore => "write what the store is",
        Right::WriteElsewhere => "write outside the store",
    }
}

/// What whoever has a right can do that a node need not, and what to do about it.
const fn too_much(right: Right) -> (&'static str, &'static str) {
    let confine = "`ipamctl etcd-roles` makes a role that is confined to its node: SECURITY.md, \
                   \"Users and roles of etcd\"";
    match right {
        Right::WriteElsewhere => (
            "its credentials may write everything in this etcd",
            "etcd asks for no user, or this one is root: SECURITY.md, \"Users and roles of \
             etcd\"",
        ),
        Right::WriteStore => (
            "its credentials may freeze, thaw and initialise the store",
            "take the right to write meta/ from its role",
        ),
        Right::WriteCollector => ("its credentials may speak for the collector", confine),
        Right::WriteOtherReports => (
            "its credentials may write the reports of other nodes",
            confine,
        ),
        _ => (
            "its credentials may write the records of other nodes",
            confine,
        ),
    }
}

fn directory(key: &str, dir: &Path, findings: &mut Findings) {
    if !dir.exists() {
        let what = format!(
            "{key} {} is made by the first call that needs it",
            dir.display()
        );
        return findings.ok("directories", what);
    }
    match try_to_write(dir) {
        Ok(()) => findings.ok(
            "directories",
            format!("{key} {} can be written", dir.display()),
        ),
        Err(error) => findings.problem(
            "directories",
            format!("{key} {} cannot be written: {error}", dir.display()),
            "ADD and DEL fail without it; the plugin runs as root, so run this as root, too",
        ),
    }
}

/// By a name that the plugin takes for a leftover, should this be killed.
fn try_to_write(dir: &Path) -> io::Result<()> {
    let file = dir.join(format!("doctor.{}.tmp", std::process::id()));
    fs::write(&file, "")?;
    fs::remove_file(&file)
}

fn spool(dir: &Path, now: SystemTime, findings: &mut Findings) {
    let waiting = Disk.names_in(dir);
    let Some(oldest) = waiting.first() else {
        return findings.ok("spool", "no release waits in the spool");
    };
    // A name begins with the time in nanoseconds.
    let since = oldest.get(..20).and_then(|time| time.parse().ok());
    let since = since.map(|time| SystemTime::UNIX_EPOCH + Duration::from_nanos(time));
    let since = since.and_then(|since| now.duration_since(since).ok());
    let since = since.map_or_else(String::new, |since| {
        format!(", the oldest for {}", age(since))
    });
    findings.warn(
        "spool",
        format!(
            "{} releases wait in {}{since}",
            waiting.len(),
            dir.display()
        ),
        "they are delivered with the next calls on this node, once etcd is in reach: \
         docs/operations.md, \"etcd is out of reach\"",
    );
}

fn binary(dirs: &[&Path], findings: &mut Findings) {
    let places = dirs.iter().map(|dir| dir.join(PLUGIN));
    let found = places.into_iter().find(|path| {
        let metadata = fs::metadata(path);
        metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    });
    if let Some(path) = found {
        let what = format!("the plugin is installed as {}", path.display());
        return findings.ok("plugin", what);
    }
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    findings.warn(
        "plugin",
        format!("no executable {PLUGIN} lies in {}", dirs.join(", ")),
        "install it where the runtime looks for plugins; if that is another directory, all is well",
    );
}

#[cfg(test)]
mod tests;
