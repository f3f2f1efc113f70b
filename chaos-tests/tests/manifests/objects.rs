//! Objects of Kubernetes, as YAML has them.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The file that people apply.
pub(crate) const SINGLE_FILE: &str = include_str!("../../../deploy/etcd-ipam.yaml");

/// The kinds that run pods.
const WORKLOADS: [&str; 5] = ["DaemonSet", "Deployment", "Job", "Pod", "StatefulSet"];

/// What is applied together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objects(Vec<Value>);

impl Objects {
    /// Those of the file that people apply.
    pub(crate) fn of_single_file() -> Result<Self> {
        Self::parse(SINGLE_FILE)
    }

    /// Those of several documents, in the order of their kinds and names.
    pub(crate) fn parse(yaml: &str) -> Result<Self> {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(yaml)?;
        ensure!(!objects.is_empty(), "no object in: {yaml}");
        objects.sort_by_key(identity);
        let twice = objects
            .windows(2)
            .find(|pair| identity(&pair[0]) == identity(&pair[1]));
        ensure!(twice.is_none(), "there twice: {twice:?}");
        Ok(Self(objects))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// All of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.iter().filter(move |object| object["kind"] == kind)
    }

    /// The one of a kind and a name.
    pub(crate) fn get(&self, kind: &str, name: &str) -> Result<&Value> {
        let mut found = self
            .of_kind(kind)
            .filter(|object| self::name(object) == name);
        let one = found.next().with_context(|| format!("no {kind} {name}"))?;
        ensure!(found.next().is_none(), "more than one {kind} {name}");
        Ok(one)
    }

    /// Whether there is one.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.of_kind(kind).any(|object| self::name(object) == name)
    }

    /// What runs pods: the object, and the specification of its pods.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = (&Value, &Value)> {
        let workloads = self.iter().filter(|object| {
            let kind = object["kind"].as_str();
            kind.is_some_and(|kind| WORKLOADS.contains(&kind))
        });
        workloads.map(|object| {
            let template = &object["spec"]["template"];
            let pod = if template.is_null() { object } else { template };
            (object, &pod["spec"])
        })
    }

    /// Every container, with the specification of its pod.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.workloads()
            .flat_map(|(_, pod)| containers(pod).map(move |container| (pod, container)))
    }

    /// What a `ConfigMap` says for a key.
    pub(crate) fn setting(&self, config_map: &str, key: &str) -> Result<&str> {
        let data = &self.get("ConfigMap", config_map)?["data"];
        let value = data[key].as_str();
        value.with_context(|| format!("no {key} in the ConfigMap {config_map}"))
    }
}

/// An object's name.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// The containers of a pod, those first that run first.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(&pod["initContainers"]).chain(list(&pod["containers"]))
}

/// The elements of an array; none where there is none.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of an array.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

fn identity(object: &Value) -> [String; 4] {
    let metadata = &object["metadata"];
    [
        &object["apiVersion"],
        &object["kind"],
        &metadata["namespace"],
        &metadata["name"],
    ]
    .map(|part| part.as_str().unwrap_or_default().to_owned())
}
