//! One network, explained: what an ADD would claim there, and what it would come to.

use anyhow::bail;
use ipam_plugin::cni::args::Args;
use ipam_plugin::config::Wanted;
use ipam_plugin::verb::allocate_error;
use store::allocate::{AllocateError, Preview};
use store::claim::{Claim, Order};
use store::clock::Clock;
use store::inspect::Owner;
use store::names::Attachment;
use store::txn::Etcd;

use super::definition::PLUGIN;
use super::layers::{Layers, Place, Target};
use super::occupancy::{Tally, holders, tally};
use super::report::{ClaimSeen, Explained, Held, Outcome};
use super::settings::settings;
use crate::command::Context;

/// An ADD that somebody wonders about.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What would stand on its standard input.
    pub(super) config: Vec<u8>,
    /// What would stand in its environment.
    pub(super) args: Args,
    /// Container and interface, where those are known. An unknown one holds nothing.
    pub(super) attachment: Option<(String, String)>,
    /// The node that it would be on and who says so, where the settings do not.
    pub(super) node: Option<(String, &'static str)>,
    /// The interface, of which the pod may have allocations there already.
    pub(super) interface: Option<String>,
}

impl Asked {
    /// An ADD with this configuration.
    pub(super) fn of(config: Vec<u8>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }
}

/// Explains one ADD.
///
/// # Errors
/// Where it cannot be told what it would come to.
pub(super) async fn explain<E: Etcd, C: Clock>(
    place: &Place,
    open: &impl Fn(Target) -> anyhow::Result<Context<E, C>>,
    asked: Asked,
) -> anyhow::Result<Explained> {
    let mut explained = Explained {
        interface: asked.interface.clone(),
        ..Explained::default()
    };
    let layers = match place.read(&asked.config) {
        Ok(layers) => layers,
        Err(error) => {
            explained.verdict = Outcome::failed(&error);
            return Ok(explained);
        }
    };
    let section = layers.config.section();
    let named = asked
        .node
        .as_ref()
        .map(|(node, from)| (node.as_str(), *from));
    let node = named.map(|(node, _)| node).or(section.node_name());
    let target = place.target(&layers, node);
    layers.config.name().clone_into(&mut explained.network);
    explained.settings = settings(place, &layers, &target, named);
    explained.warnings = layers.config.warnings();
    explained.warnings.extend(layers.warnings.iter().cloned());
    let wanted = match layers.config.wanted(PLUGIN, &asked.args) {
        Ok(wanted) => wanted,
        Err(error) => {
            explained.verdict = Outcome::failed(&error);
            return Ok(explained);
        }
    };
    if !target.access.has_endpoints() {
        bail!(
            "neither the network {} nor a node's file says where etcd is; use the flag --endpoints, \
             or name the node's file with --node-config",
            explained.network
        );
    }
    let attachment = match (&asked.attachment, node) {
        (Some((container, interface)), Some(node)) => Some(Attachment {
            cluster: target.cluster.clone(),
            node: node.to_owned(),
            network: layers.config.name().to_owned(),
            container: container.clone(),
            interface: interface.clone(),
        }),
        (Some(_), None) => bail!("the container's node is not known; name it with --node"),
        (None, _) => None,
    };
    let context = open(target)?;
    ask(&context, &wanted, attachment.as_ref(), &mut explained).await?;
    if let Some(node) = node {
        holds(&context, &asked, &layers, node, &mut explained).await?;
    }
    Ok(explained)
}

/// Asks the store what the ADD would come to, and how full it is.
async fn ask<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    wanted: &Wanted,
    attachment: Option<&Attachment>,
    explained: &mut Explained,
) -> anyhow::Result<()> {
    let Wanted { claims, order, .. } = wanted;
    let preview = context
        .store
        .preview(attachment, claims, context.deadline())
        .await;
    let mut tallies = Vec::with_capacity(claims.len());
    for claim in claims {
        tallies.push(tally(context, claim).await?);
    }
    let mut rows = Vec::new();
    match preview {
        Ok((admitted, preview)) => {
            explained.store = Some(admitted.store_id);
            explained.verdict = match preview {
                Preview::Held(record) => Outcome::holds(&record.addresses),
                // What is left to chance is not foretold.
                Preview::Free(_) if *order == Order::Spread && has_pool(claims) => {
                    Outcome::allocates(&[])
                }
                Preview::Free(free) => {
                    rows = free;
                    Outcome::allocates(rows.first().map_or(&[], Vec::as_slice))
                }
            };
        }
        // What cannot be reached from here may be reached from a node.
        Err(AllocateError::Etcd(error)) => return Err(error.into()),
        Err(error) => {
            explained.verdict = Outcome::failed(&allocate_error(&error));
            let need = u128::try_from(claims.len()).unwrap_or(u128::MAX);
            let short = claims
                .iter()
                .zip(&tallies)
                .filter(|(claim, tally)| is_short(&error, claim, tally, need))
                .map(|(claim, _)| claim);
            let short: Vec<_> = short.collect();
            if !short.is_empty() {
                explained.holders = Some(holders(context, short).await?);
            }
        }
    }
    let claims = claims.iter().zip(tallies).enumerate();
    explained.claims = claims
        .map(|(index, (claim, tally))| {
            let first = rows.iter().filter_map(|row| row.get(index));
            ClaimSeen::new(claim, &tally, first)
        })
        .collect();
    Ok(())
}

/// Whether what a claim wants is what the ADD lacks.
fn is_short(error: &AllocateError, claim: &Claim, tally: &Tally, need: u128) -> bool {
    match (error, claim) {
        (AllocateError::Exhausted { .. }, Claim::Any(_)) => tally.free() < need,
        (AllocateError::Taken { .. }, Claim::Exact(_)) => tally.free() == 0,
        _ => false,
    }
}

fn has_pool(claims: &[Claim]) -> bool {
    claims.iter().any(|claim| matches!(claim, Claim::Any(_)))
}

/// Finds what the pod holds on its interface of this network.
async fn holds<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    asked: &Asked,
    layers: &Layers,
    node: &str,
    explained: &mut Explained,
) -> anyhow::Result<()> {
    let Some(interface) = &asked.interface else {
        return Ok(());
    };
    let store = &context.store;
    let network = layers.config.name();
    let (owners, _) = store
        .owners_on_node(&context.cluster, node, network, context.deadline())
        .await?;
    let pod = &asked.args.pod;
    let is_its = |owner: &Owner| {
        let record = &owner.record.pod;
        let uid = record.uid.is_empty() || record.uid == pod.uid;
        uid && record.namespace == pod.namespace
            && record.name == pod.name
            && owner.attachment.interface == *interface
    };
    let now = store.clock().wall();
    let its = owners.into_iter().filter(is_its);
    explained.holds = its.map(|owner| Held::new(owner, now)).collect();
    Ok(())
}
