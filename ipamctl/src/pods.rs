//! Which pods live, for the commands that must know: from the Kubernetes API or from a file.

mod life;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use lease_gc::pods::{File, Kubernetes, Opened, Source as _};
use store::clock::Clock;
use store::txn::Etcd;

pub use self::life::{Life, Lives, is_younger};

use crate::command::Context;
use crate::output::Output;

/// Where it is known from which pods live.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct PodsFlags {
    /// How to reach the API of the cluster; one file
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Read the JSON of `kubectl get pods,nodes -A -o json` instead of the API
    #[arg(long, value_name = "FILE")]
    pub pods_from: Option<PathBuf>,
}

impl PodsFlags {
    /// The source of pods; `None` where none is given.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not of the cluster that the store knows under the context's
    /// name: judged by another cluster's pods every allocation would look dead.
    pub async fn source<E: Etcd, C: Clock>(
        &self,
        context: &Context<E, C>,
        output: &mut Output<'_>,
    ) -> anyhow::Result<Option<Opened>> {
        let Some(source) = self.open().await? else {
            return Ok(None);
        };
        let cluster = &context.cluster;
        let store = &context.store;
        let known = store.identity(cluster, context.deadline()).await?;
        let found = source.cluster_uid().await?;
        match (known, found) {
            (Some(known), Some(found)) if known != found => bail!(
                "these are the pods of another Kubernetes cluster: its namespace kube-system has \
                 the uid {found}, and that of the cluster {cluster} has {known}"
            ),
            (Some(_), Some(_)) => {}
            (_, None) => output.warn(&format!(
                "the file of pods does not hold the namespace kube-system, so it is not known \
                 whether they are those of the cluster {cluster}"
            )),
            (None, Some(_)) => output.warn(&format!(
                "no collector has recorded yet which Kubernetes cluster is called {cluster}, so it \
                 is not known whether these pods are its"
            )),
        }
        Ok(Some(source))
    }

    /// The same, whatever cluster it is of.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn open(&self) -> anyhow::Result<Option<Opened>> {
        if let Some(path) = &self.pods_from {
            return Ok(Some(Opened::File(File::open(path).await?)));
        }
        let path = match &self.kubeconfig {
            Some(path) if !path.as_os_str().is_empty() => path,
            _ => return Ok(None),
        };
        let api = Kubernetes::connect(Some(path), Arc::new(|_, _, _| {})).await;
        let api = api.context(
            "the Kubernetes API cannot be used (--kubeconfig or KUBECONFIG names one file)",
        )?;
        Ok(Some(Opened::Kubernetes(api)))
    }
}
