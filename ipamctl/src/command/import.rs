//! `ipamctl import`: what another store or another plugin has given out becomes taken here.

mod archived;
mod compare;
mod foreign;
mod host_local;
mod input;
mod report;
mod whereabouts;
mod whereabouts_etcd;
mod write;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use ipam_plugin::config::NetworkConfig;
use lease_gc::pods::Source as _;
use store::clock::Clock;
use store::import::{ImportError, Terms};
use store::key::DEFAULT_PREFIX;
use store::txn::Etcd;

use self::compare::compare;
use self::foreign::Foreign;
use self::input::Input;
use self::report::{Outcome, Report};
use super::{Context, Verdict};
use crate::network::{self, Defaults};
use crate::output::Output;
use crate::pods::PodsFlags;

/// What `--help` says.
pub const ABOUT: &str = "\
Take over what another store, Whereabouts or host-local has given out, so that it is taken here, too.

The whole input is read and checked first, then compared with the store. What is there already is left \
as it is, so an import that was interrupted is resumed by running it again. With a conflict nothing is \
written, unless --skip-conflicts leaves the conflicts out. An attachment is written with all its \
addresses in one transaction, and only where all of them are free. A store that was \
restored or is not initialised takes no import; a frozen one only with --frozen.

--from ipamctl: files that `ipamctl export` wrote. Records are written as they were.

--from whereabouts: the JSON of `kubectl get ippools.whereabouts.cni.cncf.io,\
overlappingrangeipreservations.whereabouts.cni.cncf.io -A -o json`. --from whereabouts-etcd: what \
`etcdctl get --prefix /whereabouts/` prints of the etcd of Whereabouts 0.5, with -w json or without. \
Neither knows nodes and pods' uids, so they are taken from the living pods: from the one that an \
allocation names or, where it names none, that names the address in its network status. Read the pods \
after Whereabouts' objects. An allocation whose pod is gone has leaked and is left out. Addresses of the \
ranges that living pods name, and that neither the input nor the store has for anybody alive, are \
adopted, as the collector would.

--from host-local: a network's directory, such as /var/lib/cni/networks/lan, on the node itself.

Except from ipamctl, --config names the configuration that the network has from now on: a CNI \
configuration, a list, or a NetworkAttachmentDefinition in JSON. It gives the network's name, ranges, \
address space, gateways and cool-down, by the plugin's own code; addresses outside of its ranges are \
left out. Only under that network's name does a DEL find what was imported.

The exit status is 3 if there are conflicts, or if something was left out that may be in use.

With -o json: an object with from, store_id, outcome (planned: a dry run; done; refused: conflicts, so \
nothing was written), attachments, adopted, addresses, kept (rests, reservations, quarantines), ranges \
and clusters, each with new (written, or to be written) and present (there already), conflicts (what, \
origin in the input, because) and left_out (the same, and whether it matters).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl import --from whereabouts --config nad.json --kubeconfig ~/.kube/config --dry-run wb.json
  ipamctl import --from host-local --config lan.conf /var/lib/cni/networks/lan
  ipamctl import --from ipamctl --prefix /etcd-ipam-2 ipam-2026-11-21.jsonl";

/// The plugin's file name, unless somebody gives it another.
const PLUGIN: &str = "etcd-ipam";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Who gave out what is imported
    #[arg(long, value_name = "PROGRAM")]
    pub from: From,

    /// The network's new CNI configuration
    #[arg(long, value_name = "FILE", required_if_eq_any([
        ("from", "whereabouts"), ("from", "whereabouts-etcd"), ("from", "host-local"),
    ]))]
    pub config: Option<PathBuf>,

    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Import what has no conflict
    #[arg(long)]
    pub skip_conflicts: bool,

    /// Import into a store that is frozen, and only as long as it stays so
    #[arg(long)]
    pub frozen: bool,

    /// From Whereabouts: only this pool; may be given again [default: those in the ranges of the
    /// configuration]
    #[arg(long, value_name = "NAME")]
    pub pool: Vec<String>,

    /// From host-local: the node's name [default: as the plugin finds it]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,

    /// What to import; `-` is standard input
    #[arg(value_name = "FILE-OR-DIR", required = true)]
    pub inputs: Vec<PathBuf>,

    /// Which pods live.
    #[command(flatten)]
    pub pods: PodsFlags,
}

/// Who gave out what is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// `ipamctl export`
    Ipamctl,
    /// Whereabouts' objects in Kubernetes
    Whereabouts,
    /// Whereabouts 0.5 with etcd
    WhereaboutsEtcd,
    /// The files of the reference plugin host-local, on one node
    HostLocal,
}

impl From {
    const fn name(self) -> &'static str {
        match self {
            Self::Ipamctl => "ipamctl",
            Self::Whereabouts => "whereabouts",
            Self::WhereaboutsEtcd => "whereabouts-etcd",
            Self::HostLocal => "host-local",
        }
    }
}

/// Imports.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    defaults: &Defaults,
) -> anyhow::Result<Verdict> {
    let config = match &options.config {
        None => None,
        Some(_) if options.from == From::Ipamctl => bail!(
            "an export says itself which networks it is of; leave --config out, or see --from"
        ),
        Some(path) => Some(network::read(path, defaults, output)?),
    };
    let terms = terms(context, output, options).await?;
    let input = match &config {
        None => archived::read(context, output, options, &terms)?,
        Some(config) => {
            same_store(context, config, &terms)?;
            let kind = config.section().r#type.as_deref();
            if let Some(kind) = kind.filter(|kind| *kind != PLUGIN) {
                output.warn(&format!(
                    "the configuration's ipam.type is {kind}, not {PLUGIN}; is it the network's new \
                     one?"
                ));
            }
            foreign(context, output, options, config).await?
        }
    };
    let ranges = input.ranges.clone();
    let mut plan = compare(context, output, input).await?;
    let refused = !plan.conflicts.is_empty() && !options.skip_conflicts;
    let outcome = match (options.dry_run, refused) {
        (true, _) => Outcome::Planned,
        (false, true) => Outcome::Refused,
        (false, false) => Outcome::Done,
    };
    let mut report = Report::of(
        options.from.name(),
        terms.store_id.clone(),
        outcome,
        &mut plan,
    );
    if outcome == Outcome::Done {
        let taken = write::write(context, output, plan.new, &terms).await?;
        report.taken_meanwhile(taken);
        for range in &ranges {
            context
                .store
                .register_range(range, context.deadline())
                .await
                .context("all is imported, but a range could not be registered for listings")?;
        }
    }
    report.print(output)?;
    if report.is_clean() {
        Ok(Verdict::Done)
    } else {
        Ok(Verdict::Negative)
    }
}

/// Whether the store may be written, and as what.
async fn terms<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Terms> {
    let terms = context.store.import_terms(context.deadline()).await;
    let terms = terms.map_err(|error| match error {
        ImportError::Refused(refusal) => anyhow::anyhow!("nothing is imported: {refusal}"),
        error => error.into(),
    })?;
    match (terms.frozen(), options.frozen) {
        (Some(reason), false) if options.dry_run => output.warn(&format!(
            "the store is frozen, so nothing could be imported without --frozen: {reason}"
        )),
        (Some(reason), false) => bail!(
            "nothing is imported: the store is frozen: {reason}; if it is you who froze it for \
             this import, add --frozen"
        ),
        (None, true) => bail!(
            "nothing is imported: --frozen was given, and the store is not frozen (ipamctl freeze)"
        ),
        (Some(_), true) | (None, false) => {}
    }
    Ok(terms)
}

/// An import into another store than the one from which the network's ADDs allocate protects nothing.
fn same_store<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    config: &NetworkConfig,
    terms: &Terms,
) -> anyhow::Result<()> {
    let etcd = config.etcd();
    if let Some(expected) = etcd.store_id().filter(|id| *id != terms.store_id) {
        bail!(
            "the network {} allocates from the store {expected}, and this is {}; see --endpoints \
             and --prefix",
            config.name(),
            terms.store_id
        );
    }
    let own = config.network_etcd();
    let says_where = own.has_endpoints() || own.prefix() != DEFAULT_PREFIX;
    if says_where && etcd.prefix() != context.prefix {
        bail!(
            "the network {} allocates below the prefix {}, and this is {}; see --prefix",
            config.name(),
            etcd.prefix(),
            context.prefix
        );
    }
    let cluster = config.section().cluster();
    if cluster != context.cluster {
        bail!(
            "the network {} is of the cluster {cluster}, and the command is told of {}; add \
             --cluster {cluster}",
            config.name(),
            context.cluster
        );
    }
    Ok(())
}

async fn foreign<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    config: &NetworkConfig,
) -> anyhow::Result<Input> {
    let mut foreign = Foreign::new(config)?;
    match options.from {
        From::HostLocal => host_local::read(&mut foreign, output, options)?,
        From::WhereaboutsEtcd => whereabouts_etcd::read(&mut foreign, &options.inputs)?,
        From::Whereabouts | From::Ipamctl => whereabouts::read(&mut foreign, options)?,
    }
    // Read after the allocations: whoever was given one before is then seen, unless it is gone.
    let reading = match options.pods.source(context, output).await? {
        Some(source) => Some(source.read().await?),
        None => None,
    };
    if let Some(reading) = &reading {
        reading.plausible(true)?;
        if reading.unreadable_annotations > 0 {
            output.warn(&format!(
                "{} pods have a network status that cannot be read, so it is not known which \
                 addresses they name",
                reading.unreadable_annotations
            ));
        }
    }
    let living = reading.as_ref().map(|reading| reading.living.as_ref());
    foreign.resolve(context, options, living).await
}

#[cfg(test)]
mod tests;
