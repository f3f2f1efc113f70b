//! `ipamctl doctor`: judges how things stand, and says what to do.

mod access;
mod collectors;
mod contents;
mod etcd;
mod finding;
mod node;
mod store;

use ::store::clock::Clock;
use ::store::etcd::{EtcdError, Members, Settings};
use ::store::txn::Etcd;
use clap::Args;
use ipam_plugin::config::{IpamSection, NodeFile};
use serde::Serialize;

use self::contents::Contents;
use self::etcd::Asker;
use self::finding::{Finding, Findings, Severity};
use self::node::Node;
use self::store::Circumstances;
use super::{Context, Verdict};
use crate::output::Output;
use crate::state::State;
use crate::text::printable;

/// What `--help` says.
pub const ABOUT: &str = "\
Judge the store, its etcd and its collectors, and say what to do about each finding.

Looks at what `ipamctl status` shows, reads all of the store, and looks at the client's own \
certificates and files. On a node, where the plugin's configuration file is found or --node is \
given, also at whether the credentials can do what the plugin does there, and no more, and at its \
directories, its spool and the plugin itself; run it as root there. Nothing is changed.

A PROBLEM keeps pods from getting addresses or addresses from being freed, or soon will; a WARNING \
is not as it should be. The exit status is 0 without a problem, and 3 with one.

With -o json: an object with problems, warnings and passed (how many) and findings, each with \
severity (problem, warning or ok), check (what was looked at: members, redundancy, versions, roles, \
alarms, database, compaction, store, seal, freeze, store_id, collector, sweep, clock, ranges, \
values, transport, certificate, secrets, node_name, rights, isolation, directories, spool, journal, \
plugin), what and advice (null where all is well).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl doctor
  ipamctl doctor -o json | jq -r '.findings[] | select(.severity == \"problem\") | .what'";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Judge this machine as a node, also without a configuration file of the plugin
    #[arg(long)]
    pub node: bool,

    /// Show what is well, too
    #[arg(short, long)]
    pub verbose: bool,
}

/// What the machine that this runs on knows.
pub struct Machine<'a> {
    /// How etcd is reached.
    pub settings: &'a Settings,
    /// The plugin's configuration file, where there is one.
    pub file: Option<&'a NodeFile>,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    problems: usize,
    warnings: usize,
    passed: usize,
    findings: Vec<Finding>,
}

/// Judges. `members` is what the members of etcd said just now.
///
/// # Errors
/// Only where the results cannot be written: what cannot be read is a finding.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    machine: &Machine<'_>,
    members: Members,
) -> anyhow::Result<Verdict> {
    let now = context.store.clock().wall();
    let state = State::look(context, members).await;
    let mut findings = Findings::default();
    let settings = machine.settings;
    let nothing = IpamSection::default();
    let section = machine.file.map(NodeFile::section);
    let is_node = options.node || section.is_some();
    let node = is_node.then(|| Node::of(section.unwrap_or(&nothing)));
    let asker = Asker {
        signs_in: settings.cert_file.is_some() || settings.credentials.is_some(),
        is_node,
    };
    etcd::judge(&state.etcd, asker, &mut findings);
    match &state.error {
        Some(error) => unread(error, &mut findings),
        None => {
            if let Err(error) = stored(context, &state, machine, node.as_ref(), &mut findings).await
            {
                unread(&error.to_string(), &mut findings);
            }
        }
    }
    access::judge(settings, now, &mut findings);
    if let Some(node) = &node {
        node.judge_files(now, &mut findings);
    }
    let report = Report::of(findings);
    output.result(&report, |report| report.text(options.verbose))?;
    Ok(if report.problems > 0 {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

/// Judges what must be asked of the store.
async fn stored<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    state: &State,
    machine: &Machine<'_>,
    node: Option<&Node>,
    findings: &mut Findings,
) -> Result<(), EtcdError> {
    let clock = context.store.clock();
    if let Some(store) = &state.store {
        let path = machine.file.map(|file| file.path().display().to_string());
        let pinned = machine.file.map(NodeFile::etcd);
        let pinned = pinned.as_ref().and_then(|etcd| etcd.store_id());
        let circumstances = Circumstances {
            is_compacted: context.store.is_compacted(context.deadline()).await.ok(),
            node_file: path.as_deref().map(|path| (path, pinned)),
        };
        store::judge(store, &circumstances, findings);
    }
    collectors::judge(&state.clusters, &context.cluster, clock.wall(), findings);
    if let Some(node) = node {
        node.judge_rights(context, findings).await?;
    }
    let contents = Contents::read(context).await?;
    contents.judge(node.is_some(), clock.wall(), findings);
    if let (Some(denied), None) = (&state.denied, node) {
        findings.warn(
            "collector",
            format!("not all that the collectors write can be seen: {denied}"),
            "run this as a user that may read all of the store",
        );
    }
    Ok(())
}

fn unread(error: &str, findings: &mut Findings) {
    findings.problem(
        "store",
        format!("the store cannot be read: {error}"),
        "docs/operations.md, \"etcd is out of reach\"",
    );
}

impl Report {
    fn of(findings: Findings) -> Self {
        let findings = findings.sorted();
        let count = |severity| {
            let findings = findings.iter();
            findings.filter(|one| one.severity == severity).count()
        };
        Self {
            problems: count(Severity::Problem),
            warnings: count(Severity::Warning),
            passed: count(Severity::Ok),
            findings,
        }
    }

    fn text(&self, verbose: bool) -> String {
        let mut lines = Vec::new();
        for one in &self.findings {
            let label = match one.severity {
                Severity::Problem => "PROBLEM",
                Severity::Warning => "WARNING",
                Severity::Ok if verbose => "ok",
                Severity::Ok => continue,
            };
            lines.push(format!(
                "{label:<8} {}: {}\n",
                one.check,
                printable(&one.what)
            ));
            let advice = one.advice.as_deref().map(printable);
            lines.extend(advice.map(|advice| format!("{:<8} -> {advice}\n", "")));
        }
        if !lines.is_empty() {
            lines.push("\n".to_owned());
        }
        lines.push(format!(
            "problems: {}, warnings: {}, passed: {}\n",
            self.problems, self.warnings, self.passed
        ));
        lines.concat()
    }
}

#[cfg(test)]
mod tests;
