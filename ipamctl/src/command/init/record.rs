//! The Kubernetes cluster's memory of its store: a `ConfigMap` with the store's id.
//!
//! It is claimed before a store is created and filled in after that. So a store that is absent while
//! its id is recorded has been lost; while none is, no installation that waits for the id has used one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PostParams};
use lease_gc::pods::{Kubernetes, SourceError};

/// The key of the id in the `ConfigMap`'s data.
const STORE_ID: &str = "store_id";

const GET: &str = "get_config_map";
const CREATE: &str = "create_config_map";
const UPDATE: &str = "update_config_map";

/// Which `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FromStr for RecordName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("give NAMESPACE/NAME, such as kube-system/etcd-ipam-store"),
        }
    }
}

/// As much as a path needs; the API knows the rest.
fn is_name(text: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    text.bytes().all(may_stand) && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What the `ConfigMap` says.
pub(super) enum Record {
    /// The id of the cluster's store.
    Of(String),
    /// None yet. Whoever claimed it may create a store.
    Claimed(Box<Claim>),
}

/// A `ConfigMap` without an id, as it was read.
pub(super) struct Claim {
    map: ConfigMap,
}

/// The way to the `ConfigMap`.
pub(super) struct Recorder<'a> {
    name: &'a RecordName,
    api: Kubernetes,
}

impl<'a> Recorder<'a> {
    /// With the kubeconfig, else as the pod that this runs in. Nothing is asked yet.
    pub(super) async fn connect(
        name: &'a RecordName,
        kubeconfig: Option<&PathBuf>,
    ) -> anyhow::Result<Self> {
        let kubeconfig = kubeconfig.filter(|path| !path.as_os_str().is_empty());
        let api = Kubernetes::connect(kubeconfig.map(PathBuf::as_path), Arc::new(|_, _, _| {}));
        let api = api.await.with_context(|| {
            format!("{name} cannot be read, and nothing was created without it")
        })?;
        Ok(Self { name, api })
    }

    /// Reads the record, and makes one without an id where there is none.
    ///
    /// # Errors
    /// Where the API does not let it. Nothing must be created then.
    pub(super) async fn claim(&self) -> anyhow::Result<Record> {
        let unknown = || format!("{} cannot be claimed, and nothing was created", self.name);
        let found = self.read().await.with_context(unknown)?;
        let found = match found {
            Some(map) => map,
            None => match self.create().await {
                // Another was faster.
                Err(SourceError::Refused { code: 409, .. }) => self
                    .read()
                    .await
                    .with_context(unknown)?
                    .ok_or_else(|| anyhow!("it comes and goes"))
                    .with_context(unknown)?,
                created => created.with_context(unknown)?,
            },
        };
        Ok(match recorded(&found) {
            Some(id) => Record::Of(id.to_owned()),
            None => Record::Claimed(Box::new(Claim { map: found })),
        })
    }

    /// Records the id, if the `ConfigMap` is still as it was claimed.
    ///
    /// # Errors
    /// Where the API does not let it, or another store is recorded by now.
    pub(super) async fn write(&self, claim: Claim, id: &str) -> anyhow::Result<()> {
        let name = self.name;
        let mut map = claim.map;
        let data = map.data.get_or_insert_default();
        data.insert(STORE_ID.to_owned(), id.to_owned());
        let written = self.update(&map).await;
        if !matches!(written, Err(SourceError::Refused { code: 409, .. })) {
            return written.with_context(|| {
                format!("store {id} is there, and {name} does not name it yet; try again")
            });
        }
        let standing = self.read().await?;
        let standing = standing.as_ref().and_then(recorded);
        ensure!(
            standing == Some(id),
            "store {id} is there, and {name}, which has changed meanwhile, names {}; try again",
            standing.unwrap_or("none")
        );
        Ok(())
    }

    fn maps(&self) -> kube::Api<ConfigMap> {
        kube::Api::namespaced(self.api.client(), &self.name.namespace)
    }

    async fn read(&self) -> Result<Option<ConfigMap>, SourceError> {
        self.ask(GET, self.maps().get_opt(&self.name.name)).await
    }

    async fn create(&self) -> Result<ConfigMap, SourceError> {
        let labels = [
            ("app.kubernetes.io/name", "etcd-ipam"),
            ("app.kubernetes.io/component", "init"),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.name.clone()),
                namespace: Some(self.name.namespace.clone()),
                labels: Some(BTreeMap::from(labels)),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        };
        let how = PostParams::default();
        self.ask(CREATE, self.maps().create(&how, &map)).await
    }

    async fn update(&self, map: &ConfigMap) -> Result<(), SourceError> {
        let how = PostParams::default();
        let written = self
            .ask(UPDATE, self.maps().replace(&self.name.name, &how, map))
            .await;
        written.map(drop)
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, SourceError> {
        let request = async {
            let answer = request.await;
            answer.map_err(|error| SourceError::of_request(operation, &error))
        };
        self.api.observed(operation, request).await
    }
}

fn recorded(map: &ConfigMap) -> Option<&str> {
    let id = map.data.as_ref()?.get(STORE_ID)?;
    Some(id.as_str()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_with_its_namespace() {
        let name: RecordName = "kube-system/etcd-ipam-store".parse().unwrap();
        assert_eq!(name.to_string(), "kube-system/etcd-ipam-store");
        for text in [
            "", "store", "/store", "a/", "a/b/c", "../b", "a/..", "a/b?c",
        ] {
            assert!(text.parse::<RecordName>().is_err(), "{text}");
        }
    }
}
