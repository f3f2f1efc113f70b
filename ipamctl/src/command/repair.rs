//! `ipamctl repair`: puts right what two checks found.

mod agreement;
mod plan;

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use lease_gc::evidence::Policy;
use serde::Serialize;
use store::address::Address;
use store::amend::Amended;
use store::clock::Clock;
use store::txn::Etcd;

use self::agreement::Agreement;
use self::plan::{Action, Allowed, decide};
use super::{Context, Verdict};
use crate::audit::{Finding, Kind, Repair, Report};
use crate::output::{Align, Output, Table};
use crate::pods::{Lives, PodsFlags};

/// What `--help` says.
pub const ABOUT: &str = "\
Put right what two runs of `ipamctl check --report` both found.

Only what both reports have, with the same key, revision and value, and what has not changed since \
(compared again in the transaction that repairs it) is touched:
  orphaned_address   the address key is deleted, if its holder still has no record and no pod uses the \
address; whether one does must be known (--kubeconfig or --pods-from, or --force without pods)
  missing_address    the address key is written again, if it is still absent
  leaked             the record is released as by the collector, if the pods, which must be given \
again, still say so, and if the reports are at least 15 minutes apart
  unreadable         the key is deleted, only with --delete-unreadable, and each is asked about
Everything else is listed with what to do. Both reports must be of this store, prefix and cluster, \
from two runs, and as they were written. Nothing is repaired in a store that is frozen or was restored.

The exit status is 0 if all that both found is repaired, and 3 if something was left.

With -o json: an object with dry_run, repaired and left (arrays of objects with kind, key, address, \
space, repair and, of those left, why), and disputed (how many findings only one report has).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl check --kubeconfig ~/.kube/config --report a.json; sleep 15m
  ipamctl check --kubeconfig ~/.kube/config --report b.json
  ipamctl repair --kubeconfig ~/.kube/config --from a.json --from b.json --dry-run
  ipamctl repair --kubeconfig ~/.kube/config --from a.json --from b.json";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// A report; to be given twice
    #[arg(long, value_name = "FILE", required = true)]
    pub from: Vec<PathBuf>,

    /// Also delete keys that cannot be read, after asking about each
    #[arg(long)]
    pub delete_unreadable: bool,

    /// Delete orphaned addresses although it is not known whether a pod uses them
    #[arg(long)]
    pub force: bool,

    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Where it is known from which pods live.
    #[command(flatten)]
    pub pods: PodsFlags,
}

/// A finding and what became of it. The fields' names are those of the JSON.
#[derive(Clone, Debug, Serialize)]
struct Step {
    kind: Kind,
    key: String,
    address: Option<Address>,
    space: Option<String>,
    repair: Option<Repair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Step {
    fn new(finding: &Finding, why: Option<String>) -> Self {
        Self {
            kind: finding.kind,
            key: finding.key.clone(),
            address: finding.address,
            space: finding.space.clone(),
            repair: finding.repair,
            why,
        }
    }
}

/// What was done. The fields' names are those of the JSON.
#[derive(Debug, Serialize)]
struct Outcome {
    dry_run: bool,
    repaired: Vec<Step>,
    left: Vec<Step>,
    disputed: usize,
}

/// Repairs.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let [one, other] = options.from.as_slice() else {
        bail!(
            "two reports are needed (--from twice), and {} was given: what one check saw may \
             have been under way just then",
            options.from.len()
        );
    };
    let (one, other) = (Report::read(one)?, Report::read(other)?);
    ensure_of_this_store(context, &one).await?;
    let agreement = Agreement::of(&one, &other)?;
    let lives = match options.pods.source(context, output).await? {
        Some(source) => Some(Lives::read(source, &context.cluster).await?),
        None => None,
    };
    let allowed = Allowed {
        unreadable: options.delete_unreadable,
        force: options.force,
        grace: Policy::default().grace,
    };
    let (mut todo, mut left) = (Vec::new(), Vec::new());
    for finding in &agreement.found {
        match decide(context, finding, &agreement, lives.as_ref(), &allowed).await? {
            Ok(action) => todo.push((finding, action)),
            Err(why) => left.push(Step::new(finding, Some(why))),
        }
    }
    let repaired = if options.dry_run || todo.is_empty() {
        todo.iter()
            .map(|(finding, _)| Step::new(finding, None))
            .collect()
    } else {
        confirm(output, options, &mut todo, &mut left)?;
        repair(context, todo, &mut left).await?
    };
    let verdict = if left.is_empty() {
        Verdict::Done
    } else {
        Verdict::Negative
    };
    let outcome = Outcome {
        dry_run: options.dry_run,
        repaired,
        left,
        disputed: agreement.disputed,
    };
    output.result(&outcome, text)?;
    Ok(verdict)
}

async fn ensure_of_this_store<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    report: &Report,
) -> anyhow::Result<()> {
    let admitted = match context.store.readiness(context.deadline()).await? {
        Ok(admitted) => admitted,
        Err(refusal) => bail!("nothing was repaired: {refusal}"),
    };
    for (what, reported, present) in [
        ("store", &report.about.store_id, &admitted.store_id),
        ("prefix", &report.about.prefix, &context.prefix),
        ("cluster", &report.about.cluster, &context.cluster),
    ] {
        ensure!(
            reported == present,
            "nothing was repaired: the report is of the {what} {reported}, and this is {present}"
        );
    }
    Ok(())
}

/// Shows what is to be done, and asks; about what cannot be read one by one.
fn confirm(
    output: &mut Output<'_>,
    options: &Options,
    todo: &mut Vec<(&Finding, Action)>,
    left: &mut Vec<Step>,
) -> anyhow::Result<()> {
    for (finding, _) in &*todo {
        output.note(&format!("{}: {}", say(finding), finding.detail));
    }
    let (unreadable, sure): (Vec<_>, Vec<_>) = todo
        .drain(..)
        .partition(|(finding, _)| finding.kind == Kind::Unreadable);
    *todo = sure;
    if !todo.is_empty() {
        let count = todo.len();
        let question = match count {
            1 => "Do this?".to_owned(),
            _ => format!("Do these {count} repairs?"),
        };
        output.confirm(&question, options.yes)?;
    }
    for (finding, action) in unreadable {
        let question = format!("Delete {}, whatever it stands for?", finding.key);
        match output.confirm(&question, options.yes) {
            Ok(()) => todo.push((finding, action)),
            Err(refused) => left.push(Step::new(finding, Some(refused.to_string()))),
        }
    }
    Ok(())
}

async fn repair<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    todo: Vec<(&Finding, Action)>,
    left: &mut Vec<Step>,
) -> anyhow::Result<Vec<Step>> {
    let store = &context.store;
    let mut repaired = Vec::new();
    let all = todo.len();
    for (finding, action) in todo {
        let deadline = context.deadline();
        let done = match action {
            Action::Release(owner) => store.release_listed(&owner, deadline).await,
            Action::Amend(amendment) => {
                let amended = store.amend(&[amendment], deadline).await;
                amended.map(|amended| amended.first() == Some(&Amended::Done))
            }
        };
        let done = done.with_context(|| {
            format!(
                "{} of {all} repairs were made before etcd failed; check again",
                repaired.len()
            )
        })?;
        if done {
            repaired.push(Step::new(finding, None));
        } else {
            let why = "it was changed just now; check again".to_owned();
            left.push(Step::new(finding, Some(why)));
        }
    }
    Ok(repaired)
}

fn say(finding: &Finding) -> String {
    let what = finding.repair.map_or("", Repair::meaning);
    match finding.address {
        Some(address) => format!("{what}: {address} ({})", finding.key),
        None => format!("{what}: {}", finding.key),
    }
}

fn text(outcome: &Outcome) -> String {
    let Outcome {
        dry_run,
        repaired,
        left,
        disputed,
    } = outcome;
    let headline = match (repaired.len(), left.len()) {
        (0, 0) => "The reports agree on nothing that needs a repair.\n".to_owned(),
        (0, _) => "Nothing of it can be repaired.\n".to_owned(),
        (count, _) if *dry_run => format!("A dry run: {count} would be repaired.\n"),
        (count, _) => format!("{count} repaired.\n"),
    };
    let mut parts = vec![headline];
    if !repaired.is_empty() {
        let columns = ["REPAIR", "ADDRESS", "SPACE", "KEY"];
        let mut table = Table::new(columns.map(|name| (name, Align::Left)));
        for step in repaired {
            table.row([
                step.repair.map_or("", Repair::meaning).to_owned(),
                step.address
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
                step.space.clone().unwrap_or_default(),
                step.key.clone(),
            ]);
        }
        parts.push(table.render());
    }
    if !left.is_empty() {
        parts.push(format!("{} left:\n", left.len()));
        let columns = ["FINDING", "ADDRESS", "KEY", "WHY"];
        let mut table = Table::new(columns.map(|name| (name, Align::Left)));
        for step in left {
            table.row([
                step.kind.name().to_owned(),
                step.address
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
                step.key.clone(),
                step.why.clone().unwrap_or_default(),
            ]);
        }
        parts.push(table.render());
    }
    if *disputed > 0 {
        parts.push(format!(
            "{disputed} findings are in one report only, and were left.\n"
        ));
    }
    parts.concat()
}
