//! Judges the members of etcd.

use std::collections::BTreeSet;

use super::finding::Findings;
use crate::state::{EtcdState, HealthState, MemberState, Role, Support, parse_version};
use crate::text::bytes;

/// A database is judged by what it fills of its quota (hundredths).
const FULL: u64 = 80;
const FILLING: u64 = 60;
/// A database smaller than this is never called fragmented (bytes).
const SMALL: u64 = 64 << 20;
/// From which patch on a series of etcd keeps to its roles (see SECURITY.md).
const KEEPS_TO_ROLES: [[u32; 3]; 2] = [[3, 5, 33], [3, 6, 14]];

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    /// The settings name a user or show a certificate.
    pub(super) signs_in: bool,
    /// It is a node's user, who should not see how the members are.
    pub(super) is_node: bool,
}

/// Judges.
pub(super) fn judge(etcd: &EtcdState, asker: Asker, findings: &mut Findings) {
    let Asker { signs_in, is_node } = asker;
    members(etcd, is_node, findings);
    versions(etcd, findings);
    if signs_in {
        roles(etcd, findings);
    }
    alarms(etcd, findings);
    for (member, health) in etcd.answered() {
        database(member, health, findings);
    }
    if !findings.has("database") && etcd.answered().next().is_some() {
        findings.ok("database", "every database is well below its quota");
    }
}

fn members(etcd: &EtcdState, is_node: bool, findings: &mut Findings) {
    for member in etcd.members.iter().filter(|member| !member.is_denied) {
        let Some(error) = &member.error else {
            continue;
        };
        let what = format!("{} does not answer: {error}", place(member));
        if member.configured {
            let advice = "see whether that etcd runs and can be reached from here; if it is gone \
                          for good, take it out of etcd.endpoints everywhere";
            findings.problem("members", what, advice);
        } else {
            let advice = "the cluster lists it at that address: see whether it runs; if it does, it \
                          advertises an address that cannot be reached from here";
            findings.warn("members", what, advice);
        }
    }
    for (member, health) in etcd.answered() {
        if health.role == Role::Leaderless {
            findings.problem(
                "members",
                format!("{} knows no leader", place(member)),
                "most members of the cluster must run and reach each other",
            );
        }
        for error in &health.errors {
            findings.warn(
                "members",
                format!("{} says: {error}", place(member)),
                "see the log of that member",
            );
        }
    }
    let clusters: BTreeSet<_> = etcd.answered().map(|(_, health)| &health.cluster).collect();
    if clusters.len() > 1 {
        findings.problem(
            "members",
            "the endpoints belong to different etcd clusters",
            "correct etcd.endpoints everywhere: an address is only unique within one store",
        );
    }
    if etcd.unlisted.is_none() && clusters.len() < 2 {
        number(etcd, findings);
    }
    let mut silent = etcd.members.iter().filter(|member| member.is_denied);
    let untold = silent.find_map(|member| member.error.as_ref());
    if let Some(untold) = untold.or(etcd.unlisted.as_ref()).filter(|_| !is_node) {
        findings.warn(
            "members",
            format!("etcd does not tell this user how all its members are: {untold}"),
            "run this as a user with the root role, too",
        );
    }
    if !findings.has("members") {
        let answering = etcd.members.len();
        findings.ok("members", format!("every member answers ({answering})"));
    }
}

fn number(etcd: &EtcdState, findings: &mut Findings) {
    let is_learner = |member: &&MemberState| {
        let health = member.health.as_ref();
        health.is_some_and(|health| health.role == Role::Learner)
    };
    let known = etcd.members.iter().filter(|member| member.id.is_some());
    let voters = known.filter(|member| !is_learner(member)).count();
    if voters == 1 {
        findings.warn(
            "redundancy",
            "etcd has a single member",
            "run three: while it is away no pod gets an address, and a restored snapshot of it is \
             hard to notice",
        );
    } else if voters % 2 == 0 && voters > 0 {
        findings.warn(
            "redundancy",
            format!("etcd has {voters} members, an even number"),
            "add one: an even number survives no more failures than one member less",
        );
    }
}

fn versions(etcd: &EtcdState, findings: &mut Findings) {
    for (member, health) in etcd.answered() {
        let what = format!("{} runs etcd {}", place(member), health.version);
        match health.support {
            Support::Supported => {}
            Support::TooOld => findings.problem(
                "versions",
                format!("{what}, which is too old"),
                "upgrade it; 3.4, 3.5 and 3.6 are supported",
            ),
            Support::TooNew | Support::Unknown => findings.warn(
                "versions",
                format!("{what}, which nobody has tried with this program"),
                "3.4, 3.5 and 3.6 are supported",
            ),
        }
    }
    let versions: BTreeSet<_> = etcd
        .answered()
        .map(|(_, health)| health.version.as_str())
        .collect();
    let versions: Vec<_> = versions.into_iter().collect();
    match versions.as_slice() {
        [] => {}
        [version] => {
            if !findings.has("versions") {
                findings.ok("versions", format!("etcd {version} is supported"));
            }
        }
        several => findings.warn(
            "versions",
            format!("the members run different versions: {}", several.join(", ")),
            "finish the upgrade",
        ),
    }
}

fn roles(etcd: &EtcdState, findings: &mut Findings) {
    let keeps = |version: &str| {
        parse_version(version).is_none_or(|version| {
            let [major, minor, _] = version;
            let of_series = |from: &&[u32; 3]| from.starts_with(&[major, minor]);
            match KEEPS_TO_ROLES.iter().find(of_series) {
                Some(from) => version >= *from,
                None => KEEPS_TO_ROLES.iter().all(|from| version > *from),
            }
        })
    };
    let lax: BTreeSet<_> = etcd
        .answered()
        .map(|(_, health)| health.version.as_str())
        .filter(|version| !keeps(version))
        .collect();
    for version in lax {
        findings.warn(
            "roles",
            format!("etcd {version} is known not to keep to its roles in every case"),
            "upgrade to 3.5.33 or 3.6.14, or trust all credentials equally: SECURITY.md, \"Roles \
             hold only where etcd keeps to them\"",
        );
    }
}

fn alarms(etcd: &EtcdState, findings: &mut Findings) {
    for alarm in &etcd.alarms {
        let member = etcd
            .members
            .iter()
            .find(|one| one.id.as_ref() == Some(&alarm.member));
        let member = member.map_or_else(|| format!("member {}", alarm.member), place);
        let what = format!("{member} has raised the alarm {}", alarm.kind);
        let advice = match alarm.kind.as_str() {
            "NOSPACE" => {
                "etcd takes no new addresses: compact, defragment and disarm as \
                 docs/operations.md says under \"etcd is out of space\""
            }
            "CORRUPT" => {
                "its data differ from the other members': take the member out and add it anew \
                 (etcd's documentation, \"Data corruption\")"
            }
            _ => "see etcd's documentation on it, and `etcdctl alarm list`",
        };
        findings.problem("alarms", what, advice);
    }
    if etcd.alarms.is_empty() && etcd.answered().next().is_some() {
        findings.ok("alarms", "no alarm stands");
    }
}

fn database(member: &MemberState, health: &HealthState, findings: &mut Findings) {
    let (size, in_use) = (health.db_size, health.db_in_use);
    if let Some(quota) = health.quota.filter(|quota| *quota > 0) {
        let share = u64::try_from(u128::from(size) * 100 / u128::from(quota)).unwrap_or(u64::MAX);
        let assumed = if health.quota_assumed {
            ", if that is what it is (it does not show its quota)"
        } else {
            ""
        };
        let what = format!(
            "the database of {} has {}, {share}% of its quota of {}{assumed}",
            place(member),
            bytes(size),
            bytes(quota)
        );
        let advice = "let etcd compact by itself (--auto-compaction-retention), defragment it, or \
                      raise --quota-backend-bytes, before it raises an alarm and gives out nothing";
        if share >= FULL && !health.quota_assumed {
            findings.problem("database", what, advice);
        } else if share >= FILLING {
            findings.warn("database", what, advice);
        }
    }
    if size >= SMALL && in_use < size / 2 {
        findings.warn(
            "database",
            format!(
                "of the {} of the database of {} only {} are in use",
                bytes(size),
                place(member),
                bytes(in_use)
            ),
            "`etcdctl defrag` gives the rest back; one member after the other, each stands still \
             meanwhile",
        );
    }
}

/// What people call it, and where it is.
fn place(member: &MemberState) -> String {
    if member.name.is_empty() {
        member.endpoint.clone()
    } else {
        format!("{} ({})", member.name, member.endpoint)
    }
}

#[cfg(test)]
mod tests;
