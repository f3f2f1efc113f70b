//! `ipamctl node report`: what this node's journal says that it holds, written into the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use ipam_plugin::local::disk::Disk;
use ipam_plugin::local::journal::{Entry, Journal};
use ipam_plugin::local::{identity, memory};
use serde::Serialize;
use serde_json::Map;
use store::clock::Clock;
use store::clock::random_id;
use store::record::{Boot, Claim, HeldAddress, ReportRecord, SCHEMA};
use store::txn::Etcd;

use super::here::Here;
use crate::command::{Context, Verdict};
use crate::output::{Align, Output, Table};
use crate::text::shortened;

/// What `--help` says.
pub const ABOUT: &str = "\
Write into the store what this node's journal says that it holds.

The journal knows every address that the node was given since it booted and has not released, \
whatever the store has forgotten. A recovery after a restored etcd reads the report. It is written \
whatever the state of the store, frozen or restored, but only into the store in which the addresses \
were taken; it takes the place of an earlier one. To be run on the node, as root.

The exit status is 3 if a file of the journal cannot be read: the report is written, and says so.

With -o json: an array of objects with cluster, node, key, bytes, written and report; more than one \
where the node's pods were given addresses under several names of cluster or node. report has v, id, \
store_id, machine_id, boot_id, started_ms, reported, seen (epoch and revision: the furthest that the \
node has seen the store), unreadable, plugin and claims: objects with network, container, interface, \
seen (of the commit) and record (the owner record, see docs/keyspace.md).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl node report --dry-run        # what this node holds
  ipamctl node report";

/// How many characters of a container's ID a table shows.
const CONTAINER_WIDTH: usize = 12;

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Only show the report
    #[arg(long)]
    pub dry_run: bool,

    /// The node's name, where its file does not say it
    #[arg(long, env = "NODENAME", value_name = "NAME")]
    pub node_name: Option<String>,
}

/// One report, and where it went. The fields' names are those of the JSON.
#[derive(Serialize)]
struct Made {
    cluster: String,
    node: String,
    key: String,
    bytes: usize,
    written: bool,
    report: ReportRecord,
}

/// What a journal says about one store.
struct Claims {
    /// By cluster and node.
    by_name: BTreeMap<(String, String), Vec<Claim>>,
    unreadable: Vec<PathBuf>,
    of_another_store: usize,
    of_another_boot: usize,
}

/// Reports.
///
/// # Errors
/// Where the journal or the store cannot be reached, or another store is there.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    here: &Here,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let state_dir = &here.state_dir;
    ensure!(
        state_dir.is_dir(),
        "there is no state directory {0}, so nobody knows what this node holds; is it mounted here? \
         If the node has had no pod of ours since it booted, make it (mkdir -m 700 {0}) and report \
         again",
        state_dir.display()
    );
    let store_id = match &here.store_id {
        Some(known) if options.dry_run => known.clone(),
        known => store_id(context, known.as_deref()).await?,
    };
    let boot = identity::boot();
    let (entries, unreadable) = Journal::new(Disk, state_dir).entries();
    let mut claims = sorted(entries, unreadable, &store_id, &boot);
    tell(&claims, output);
    // A node that holds nothing says so.
    claims
        .by_name
        .entry((here.cluster.clone(), here.node.clone()))
        .or_default();

    let furthest = memory::furthest(&Disk, state_dir, &store_id).unwrap_or_default();
    let reported = humantime::format_rfc3339_seconds(context.store.clock().wall()).to_string();
    let mut reports = Vec::new();
    for ((cluster, node), claims_of_it) in claims.by_name {
        let seen = claims_of_it.iter().map(|claim| claim.seen);
        let report = ReportRecord {
            v: SCHEMA,
            id: random_id(),
            store_id: store_id.clone(),
            boot: boot.clone(),
            reported: reported.clone(),
            seen: seen.fold(furthest, Ord::max),
            claims: claims_of_it,
            unreadable: claims.unreadable.len().try_into()?,
            plugin: env!("CARGO_PKG_VERSION").to_owned(),
            other: Map::new(),
        };
        let bytes = report.to_json()?.len();
        let store = &context.store;
        if !options.dry_run {
            let written = store.report(&cluster, &node, &report, context.deadline());
            written.await?;
        }
        reports.push(Made {
            key: store.keys().report(&cluster, &node),
            cluster,
            node,
            bytes,
            written: !options.dry_run,
            report,
        });
    }
    output.result(&reports, |reports| table(reports))?;
    for Made {
        key,
        bytes,
        written,
        report,
        ..
    } in &reports
    {
        let done = if *written { "reported" } else { "would report" };
        let count = report.claims.len();
        output.note(&format!(
            "{done} {count} attachments in {bytes} bytes to {key}"
        ));
    }
    Ok(if claims.unreadable.is_empty() {
        Verdict::Done
    } else {
        Verdict::Negative
    })
}

/// The id of the store that is there, which must be the known one.
async fn store_id<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    known: Option<&str>,
) -> anyhow::Result<String> {
    let found = context.store.birth_certificate(context.deadline()).await?;
    let found = found.with_context(|| {
        format!(
            "there is no store under the prefix {}, so there is nothing to report to",
            context.prefix
        )
    })?;
    let found = found.context("the store's birth certificate cannot be read; restore its value")?;
    match known {
        Some(known) if known != found.id => bail!(
            "this is store {}, and the node belongs to store {known}; nothing was reported",
            found.id
        ),
        _ => Ok(found.id),
    }
}

fn sorted(entries: Vec<Entry>, unreadable: Vec<PathBuf>, store_id: &str, boot: &Boot) -> Claims {
    let mut claims = Claims {
        by_name: BTreeMap::new(),
        unreadable,
        of_another_store: 0,
        of_another_boot: 0,
    };
    for entry in entries {
        let then = &entry.record.boot.id;
        if entry.store_id != store_id {
            claims.of_another_store += 1;
        } else if *then != boot.id && !then.is_empty() && !boot.id.is_empty() {
            claims.of_another_boot += 1;
        } else {
            let name = (entry.place.cluster, entry.place.node);
            claims.by_name.entry(name).or_default().push(Claim {
                network: entry.name.network,
                container: entry.name.container,
                interface: entry.name.interface,
                seen: entry.seen,
                record: entry.record,
            });
        }
    }
    claims
}

fn tell(claims: &Claims, output: &mut Output<'_>) {
    for path in &claims.unreadable {
        output.warn(&format!(
            "{} cannot be read: the node may hold more than is reported",
            path.display()
        ));
    }
    if claims.of_another_store > 0 {
        output.note(&format!(
            "{} attachments are left out: their addresses are of another store",
            claims.of_another_store
        ));
    }
    if claims.of_another_boot > 0 {
        output.warn(&format!(
            "{} attachments of an earlier boot are left out; the state directory should not \
             outlive a boot",
            claims.of_another_boot
        ));
    }
}

fn table(reports: &[Made]) -> String {
    let columns = [
        "NETWORK",
        "CONTAINER",
        "INTERFACE",
        "NAMESPACE/POD",
        "ADDRESSES",
        "SINCE",
    ];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for claim in reports.iter().flat_map(|report| &report.report.claims) {
        let record = &claim.record;
        table.row([
            claim.network.clone(),
            shortened(&claim.container, CONTAINER_WIDTH),
            claim.interface.clone(),
            format!("{}/{}", record.pod.namespace, record.pod.name),
            addresses(&record.addresses),
            record.created.clone(),
        ]);
    }
    table.render()
}

/// Addresses as people read them.
pub(super) fn addresses(held: &[HeldAddress]) -> String {
    let texts = held.iter().map(|held| held.address.to_string());
    texts.collect::<Vec<_>>().join(",")
}
