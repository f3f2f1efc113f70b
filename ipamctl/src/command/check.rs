//! `ipamctl check`: compares the store with itself and with the pods that live.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use lease_gc::pods::{Opened, Reading, Source as _};
use store::clock::Clock;
use store::clock::random_id;
use store::collect::Survey;
use store::key::KeyRange;
use store::scan::Scan;
use store::txn::{Entry, Etcd};

use super::{Context, Verdict};
use crate::audit::{About, Comparison, Counts, Finding, Kind, Pods, Report};
use crate::output::{Align, Output, Table};
use crate::pods::PodsFlags;

/// What `--help` says.
pub const ABOUT: &str = "\
Compare the store with itself and, if pods are given, with the pods that live. Changes nothing.

Everything is read as of one revision. Findings that need a hand:
  orphaned_address    an address names a holder that has no record
  unclaimed_address   an address names a holder whose record does not claim it
  missing_address     a record claims an address whose key is gone
  duplicate           a record claims an address that another holds
  two_nodes           an attachment has records on two nodes
  unreadable          a key or a value that is not what belongs there; it counts as taken
and, with --kubeconfig (or KUBECONFIG) or --pods-from, by the collector's rules but without its waits:
  leaked              a record whose pod is gone
  conflict            a living pod uses an address that another holds
  unrecorded          a living pod uses an address that nobody holds
Remarks, which need none: outside_ranges, overlapping_ranges, newer_record, unknown_key.

One check may see what is just being repaired, or a pod just being deleted. Write two reports, some \
minutes apart, and `ipamctl repair` acts on what both found.

The exit status is 0 if nothing needs a hand, and 3 if something does.

With -o json, and in the file: an object with format, version, id, store_id, prefix, cluster, revision, \
checked (RFC 3339), pods (kubernetes, file or null), owners, addresses and ranges (how many keys were \
compared), findings (an array of objects with kind, key, mod_revision, value_sha256, address, space, \
holder, detail and repair: delete_address, put_address, release, delete_key or null), count and sha256.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl check
  ipamctl check --kubeconfig ~/.kube/config --report monday.json
  ipamctl check -o json | jq '.findings[] | select(.kind == \"duplicate\")'";

/// How many of a kind a table shows.
const SHOWN: usize = 5;

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Write all findings to this file, for `ipamctl repair`
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Where it is known from which pods live.
    #[command(flatten)]
    pub pods: PodsFlags,
}

/// Compares.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let store = &context.store;
    let checked = humantime::format_rfc3339_seconds(store.clock().wall()).to_string();
    // Before the pods: a pod that is newer than them has its record after this revision.
    let survey = match store.survey(context.deadline()).await? {
        Ok(survey) => survey,
        Err(refusal) => bail!("nothing was checked: {refusal}"),
    };
    if let Some(reason) = &survey.frozen {
        output.warn(&format!("the store is frozen: {reason}"));
    }
    let source = options.pods.source(context, output).await?;
    let reading = match &source {
        Some(source) => Some(source.read().await?),
        None => None,
    };
    if source.is_none() {
        output.note(
            "the store is compared with itself alone; --kubeconfig or --pods-from also compares \
             it with the pods",
        );
    }
    let compared = compare(context, &survey, reading.as_ref()).await;
    let (findings, counts) = compared?;
    let about = About {
        id: random_id(),
        store_id: survey.store_id,
        prefix: context.prefix.clone(),
        cluster: context.cluster.clone(),
        revision: survey.revision,
        checked,
        pods: source.as_ref().map(|source| name(source).to_owned()),
    };
    let report = Report::new(about, counts, findings);
    if let Some(path) = &options.report {
        report
            .write(path)
            .with_context(|| format!("the report {} cannot be written", path.display()))?;
        output.note(&format!("the report is in {}", path.display()));
    }
    output.result(&report, text)?;
    let problems = report
        .findings
        .iter()
        .any(|finding| !finding.kind.is_remark());
    Ok(if problems {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

const fn name(source: &Opened) -> &'static str {
    match source {
        Opened::Kubernetes(_) => "kubernetes",
        Opened::File(_) => "file",
    }
}

async fn compare<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    survey: &Survey,
    reading: Option<&Reading>,
) -> anyhow::Result<(Vec<Finding>, Counts)> {
    let keys = context.store.keys();
    let pods = reading.map(|reading| Pods {
        living: &reading.living,
        cluster: &context.cluster,
        as_of: reading.as_of,
    });
    let mut comparison = Comparison::new(keys, pods);
    let revision = survey.revision;
    read(context, revision, keys.all_ranges(), |entry| {
        comparison.range(&entry);
    })
    .await?;
    comparison.end_of_ranges();
    read(context, revision, keys.all_owners(), |entry| {
        comparison.owner(entry);
    })
    .await?;
    let holding = comparison.end_of_owners();
    if let Some(reading) = reading {
        reading.plausible(holding)?;
    }
    read(context, revision, keys.all_addresses(), |entry| {
        comparison.address(&entry);
    })
    .await?;
    for stretch in keys.elsewhere() {
        read(context, revision, stretch, |entry| {
            comparison.other(&entry);
        })
        .await?;
    }
    Ok(comparison.finish())
}

async fn read<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    revision: i64,
    stretch: KeyRange,
    mut each: impl FnMut(Entry),
) -> anyhow::Result<()> {
    let mut scan = Scan::as_of(stretch, revision);
    while let Some(page) = context
        .store
        .next_page(&mut scan, context.deadline())
        .await?
    {
        page.into_iter().for_each(&mut each);
    }
    Ok(())
}

fn text(report: &Report) -> String {
    let Counts {
        owners,
        addresses,
        ranges,
    } = report.counts;
    let mut by_kind: BTreeMap<Kind, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        by_kind.entry(finding.kind).or_default().push(finding);
    }
    let problems = by_kind.keys().filter(|kind| !kind.is_remark()).count();
    let headline = match (problems, by_kind.len()) {
        (0, 0) => "Everything fits.",
        (0, _) => "Nothing needs a hand.",
        _ => "Something does not fit.",
    };
    let mut text = format!(
        "{headline}\n  store       {}\n  revision    {}\n  owners      {owners}\n  \
         addresses   {addresses}\n  ranges      {ranges}\n",
        report.about.store_id, report.about.revision
    );
    if by_kind.is_empty() {
        return text;
    }
    let mut table = Table::new([
        ("COUNT", Align::Right),
        ("FINDING", Align::Left),
        ("WHAT TO DO", Align::Left),
    ]);
    for (kind, findings) in &by_kind {
        let count = findings.len().to_string();
        table.row([count, kind.name().to_owned(), kind.advice().to_owned()]);
    }
    text.push('\n');
    text.push_str(&table.render());
    let columns = ["FINDING", "ADDRESS", "SPACE", "HOLDER", "DETAIL"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for (kind, findings) in &by_kind {
        for one in findings.iter().take(SHOWN) {
            let address = one.address.map(|address| address.to_string());
            // What is not about a holder is about a key.
            let holder = one.holder.clone().unwrap_or_else(|| one.key.clone());
            table.row([
                kind.name().to_owned(),
                address.unwrap_or_default(),
                one.space.clone().unwrap_or_default(),
                holder,
                one.detail.clone(),
            ]);
        }
        if findings.len() > SHOWN {
            let more = format!(
                "... and {} more (--report, -o json)",
                findings.len() - SHOWN
            );
            table.row([
                kind.name().to_owned(),
                String::new(),
                String::new(),
                String::new(),
                more,
            ]);
        }
    }
    text.push('\n');
    text.push_str(&table.render());
    text
}
