//! `ipamctl export`: all that the store holds, as of one revision, in a file.

mod lines;
mod target;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use store::clock::Clock;
use store::txn::Etcd;

use self::lines::Exporter;
use self::target::Target;
use super::Context;
use crate::archive::{Counts, FORMAT, Header, VERSION, Writer};
use crate::output::{Align, Output, Table};

/// What `--help` says.
pub const ABOUT: &str = "\
Write all that the store holds into a file that `ipamctl import` reads: every attachment with its \
record, addresses that rest, are reserved or quarantined, the configured ranges, which Kubernetes \
cluster has which name, and whatever cannot be read. All of it is as of one revision.

The file is JSON, one object a line, and readable by its owner only: it names pods and addresses. It \
is there whole or not at all. What belongs to this one store and its collectors is not in it: the \
store's id and seal, the freeze (the first line tells of it), the election, requests.

It is no backup of etcd. To bring back a store, restore a snapshot of etcd and go by the operations \
guide. An export is for moving to another etcd or prefix, for audits and for comparing.

With -o json and a file: an object with file, store_id, revision, and the numbers of owners, holders \
(rests, reservations and quarantines), ranges, clusters, orphans (addresses without a record) and \
damaged.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl export ipam-2026-11-21.jsonl
  ipamctl export | jq -r 'select(.kind == \"owner\") | .record.pod.name'
  ipamctl export - | ssh backup 'cat >ipam.jsonl'";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The file to write, which is replaced if it exists; `-` is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

/// What was written, and where.
#[derive(Serialize)]
struct Exported {
    file: String,
    store_id: String,
    revision: i64,
    #[serde(flatten)]
    counts: Counts,
}

/// Exports.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let store = &context.store;
    let survey = store.survey(context.deadline()).await?;
    let survey = survey.map_err(|refusal| anyhow!("{refusal}"))?;
    if let Some(reason) = &survey.frozen {
        output.note(&format!("the store is frozen: {reason}"));
    }
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        store_id: survey.store_id,
        prefix: context.prefix.clone(),
        revision: survey.revision,
        exported: humantime::format_rfc3339_seconds(store.clock().wall()).to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        frozen: survey.frozen,
    };
    let progress = output.progress("keys", None);
    let file = options.file.display().to_string();
    let mut exported = Exported {
        file: file.clone(),
        store_id: header.store_id.clone(),
        revision: header.revision,
        counts: Counts::default(),
    };
    if file == "-" {
        let writer = Writer::begin(std::io::BufWriter::new(output.stream()), &header)?;
        let keys = Exporter::new(context, header.revision, writer, &progress);
        exported.counts = Box::pin(keys.run()).await?;
        drop(progress);
        let counts = exported.counts;
        output.note(&format!(
            "exported as of revision {}: {}",
            exported.revision,
            words(counts)
        ));
    } else {
        let unusable = || format!("the file {file} cannot be written");
        let mut target = Target::create(&options.file).with_context(unusable)?;
        let writer = Writer::begin(target.writer(), &header).with_context(unusable)?;
        let keys = Exporter::new(context, header.revision, writer, &progress);
        exported.counts = Box::pin(keys.run()).await?;
        drop(progress);
        target.finish().with_context(unusable)?;
        output.result(&exported, table)?;
    }
    warn(exported.counts, output);
    Ok(())
}

fn words(counts: Counts) -> String {
    let Counts {
        owners,
        holders,
        ranges,
        ..
    } = counts;
    format!("{owners} attachments, {holders} rests and reservations, {ranges} ranges")
}

fn warn(counts: Counts, output: &mut Output<'_>) {
    let Counts {
        orphans, damaged, ..
    } = counts;
    if orphans + damaged > 0 {
        output.warn(&format!(
            "{orphans} addresses have no record, and {damaged} keys cannot be read; they are in the \
             export, and no import writes them"
        ));
    }
}

fn table(exported: &Exported) -> String {
    let columns = [
        ("FILE", Align::Left),
        ("REVISION", Align::Right),
        ("ATTACHMENTS", Align::Right),
        ("RESTS AND RESERVATIONS", Align::Right),
        ("RANGES", Align::Right),
        ("ORPHANS", Align::Right),
        ("DAMAGED", Align::Right),
    ];
    let mut table = Table::new(columns);
    let counts = exported.counts;
    table.row([
        exported.file.clone(),
        exported.revision.to_string(),
        counts.owners.to_string(),
        counts.holders.to_string(),
        counts.ranges.to_string(),
        counts.orphans.to_string(),
        counts.damaged.to_string(),
    ]);
    table.render()
}

#[cfg(test)]
mod tests;
