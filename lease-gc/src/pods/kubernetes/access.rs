//! Where the API is and how to be let in.

use std::path::Path;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::{Client, config};

use crate::pods::SourceError;

/// A client that repeats nothing by itself.
pub(crate) async fn connect(kubeconfig: Option<&Path>) -> Result<Client, SourceError> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path)
            .await
            .map_err(|error| SourceError::of_kubeconfig(path, &error))?,
        None => Config::incluster().map_err(|error| {
            SourceError::Access(format!("{error}; outside of a pod, name a kubeconfig"))
        })?,
    };
    config.default_retry = false;
    if config.cluster_url.scheme_str() == Some("http") && config.root_cert.is_none() {
        // Else the authorities of the system would be read, and there would have to be some.
        config.root_cert = Some(Vec::new());
    }
    // A kubeconfig can name a command that says the credentials.
    let client = tokio::task::spawn_blocking(|| Client::try_from(config)).await;
    let client = client.map_err(|error| SourceError::Access(error.to_string()))?;
    client.map_err(|error| SourceError::of_access(&error))
}

async fn from_file(path: &Path) -> Result<Config, config::KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}
