//! A pod, explained: every network that it asks for.

use anyhow::{Context as _, bail};
use ipam_plugin::cni::args::Args;
use lease_gc::pods::{NetworkRequest, Opened, SourceError};
use store::clock::Clock;
use store::record::Pod;
use store::txn::Etcd;

use super::PodName;
use super::annotation::{Selection, selections};
use super::definition::{self, PLUGIN};
use super::layers::{Place, Target};
use super::network::{Asked, explain as explain_network};
use super::report::{Explained, Outcome, PodSeen, Report};
use crate::command::Context;
use crate::pods::PodsFlags;

/// Explains the networks of a pod.
///
/// # Errors
/// Where there is no such pod, or it cannot be told what an ADD would come to.
pub(super) async fn explain<E: Etcd, C: Clock>(
    place: &Place,
    open: &impl Fn(Target) -> anyhow::Result<Context<E, C>>,
    pods: &PodsFlags,
    name: &PodName,
) -> anyhow::Result<Report> {
    let PodName {
        namespace,
        name: pod,
    } = name;
    let Some(source) = pods.open().await? else {
        bail!(
            "where the pod {namespace}/{pod} is described is not known: give --kubeconfig (or \
             KUBECONFIG), or --pods-from with the JSON of `kubectl get \
             pods,nodes,network-attachment-definitions -A -o json`"
        );
    };
    let request = source.network_request(namespace, pod).await?;
    let request =
        request.with_context(|| format!("there is no pod {pod} in the namespace {namespace}"))?;
    let mut report = Report {
        problem: None,
        networks: Vec::new(),
        pod: Some(PodSeen {
            namespace: namespace.clone(),
            name: pod.clone(),
            uid: request.uid.clone(),
            node: request.node.clone(),
        }),
    };
    let selected = request.networks.as_deref().unwrap_or_default();
    match selections(selected, namespace) {
        Ok(selected) if selected.is_empty() => {
            report.problem = Some(
                "it asks for no network beside the cluster's own: its annotation \
                 k8s.v1.cni.cncf.io/networks is missing or empty"
                    .to_owned(),
            );
        }
        Ok(selected) => {
            for one in selected {
                let explained = network(place, open, &source, name, &request, &one).await?;
                report.networks.push(explained);
            }
        }
        Err(reason) => {
            report.problem = Some(format!(
                "its annotation k8s.v1.cni.cncf.io/networks cannot be read, so that it gets no \
                 network at all: {reason}"
            ));
        }
    }
    Ok(report)
}

async fn network<E: Etcd, C: Clock>(
    place: &Place,
    open: &impl Fn(Target) -> anyhow::Result<Context<E, C>>,
    source: &Opened,
    pod: &PodName,
    request: &NetworkRequest,
    selection: &Selection,
) -> anyhow::Result<Explained> {
    let Selection {
        namespace, name, ..
    } = selection;
    let definition = format!("{namespace}/{name}");
    let unasked = |verdict| Explained {
        network: name.clone(),
        definition: Some(definition.clone()),
        interface: Some(selection.interface.clone()),
        verdict,
        ..Explained::default()
    };
    let found = match source.network_definition(namespace, name).await {
        // A name that none can have.
        Err(SourceError::Name(_)) => None,
        found => found.with_context(|| {
            format!("the NetworkAttachmentDefinition {definition} cannot be read")
        })?,
    };
    let Some(found) = found else {
        return Ok(unasked(Outcome::undefined(&definition)));
    };
    let Some(config) = found.config else {
        return Ok(unasked(Outcome::foreign(
            "its definition has no configuration; the nodes have it in a file, which --config takes",
        )));
    };
    let chosen = definition::of_text(config.as_bytes(), Some(selection));
    match chosen.ipam.as_deref() {
        // Its reader says what is wrong.
        None | Some(PLUGIN) => {}
        Some("") => {
            let reason = "its plugin asks nobody for addresses (no ipam.type)";
            return Ok(unasked(Outcome::foreign(reason)));
        }
        Some(other) => {
            let reason = format!("its addresses come from {other} (ipam.type)");
            return Ok(unasked(Outcome::foreign(&reason)));
        }
    }
    let asked = Asked {
        args: Args {
            ips: selection.ips.clone(),
            pod: Pod {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                uid: request.uid.clone(),
            },
        },
        node: Some((request.node.clone(), "pod")).filter(|(node, _)| !node.is_empty()),
        interface: Some(selection.interface.clone()),
        ..Asked::of(chosen.config)
    };
    let explained = explain_network(place, open, asked).await?;
    Ok(Explained {
        definition: Some(definition),
        ..explained
    })
}
