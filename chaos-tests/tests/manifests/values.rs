//! The chart's values: each has a description, the same in `values.yaml` and in the schema, and the
//! schema refuses what cannot work.

use std::fs;

use anyhow::{Context as _, Result, anyhow, ensure};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::chart::{defaults, folder, values};

fn schema() -> Result<Value> {
    let text = fs::read_to_string(folder().join("values.schema.json"))?;
    Ok(serde_json::from_str(&text)?)
}

/// Whether the schema allows these values, or why not.
pub(crate) fn allowed(values: &Value) -> Result<Result<(), String>> {
    let mut compiler = Compiler::new();
    compiler
        .add_resource("values", schema()?)
        .map_err(|error| anyhow!("{error}"))?;
    let mut schemas = Schemas::new();
    let index = compiler
        .compile("values", &mut schemas)
        .map_err(|error| anyhow!("{error:#}"))?;
    Ok(schemas
        .validate(values, index)
        .map_err(|error| error.to_string()))
}

#[test]
fn the_schema_allows_the_defaults_once_etcd_is_named() -> Result<()> {
    let mut values = values()?;
    assert_eq!(allowed(&values)?, Ok(()));
    // What Helm gives a chart that another one depends on.
    values["global"] = json!({"imageRegistry": "registry.example"});
    assert_eq!(allowed(&values)?, Ok(()));
    let error = allowed(&defaults()?)?.err().context("endpoints may lack")?;
    assert!(error.contains("/etcd/endpoints"), "{error}");
    Ok(())
}

#[test]
fn the_schema_refuses_what_cannot_work() -> Result<()> {
    for (path, wrong) in [
        ("/image/digest", json!("0123")),
        ("/image/repository", json!("")),
        ("/image/registry", json!("registry.example/")),
        ("/imagePullSecrets", json!(["puller"])),
        ("/etcd/endpoints", json!("https://10.0.0.1:2379")),
        ("/etcd/endpoints/0", json!("http://10.0.0.1:2379")),
        ("/etcd/prefix", json!("etcd-ipam/")),
        ("/node/binDir", json!("opt/cni/bin")),
        ("/node/settings", json!({"log_file": "/log"})),
        ("/leaseGc/replicas", json!(0)),
        ("/leaseGc/settings", json!({"cron-schedule": "* * * * *"})),
        ("/leaseGc/settings/LEASE_GC_DRY_RUN", json!(false)),
        ("/networkPolicy/enabled", json!("yes")),
        ("/podMonitor", json!({"enable": true})),
    ] {
        let mut values = values()?;
        *values.pointer_mut(path).with_context(|| path.to_owned())? = wrong.clone();
        let refused = allowed(&values)?.is_err();
        assert!(refused, "allowed: {path}: {wrong}");
    }
    let mut values = values()?;
    values["replicas"] = 2.into();
    assert!(allowed(&values)?.is_err(), "an unknown value is allowed");
    Ok(())
}

/// The values of the file, by their paths, with the comments above them.
fn described(yaml: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    for line in yaml.lines() {
        let text = line.trim_start();
        if let Some(said) = text.strip_prefix("# ") {
            comment.push(said);
        } else if let Some((key, _)) = text.split_once(':') {
            path.truncate((line.len() - text.len()) / 2);
            path.push(key);
            if !comment.is_empty() {
                let pointer = path.iter().map(|key| format!("/properties/{key}"));
                found.push((pointer.collect(), comment.join(" ")));
                comment.clear();
            }
        }
    }
    found
}

/// The paths and descriptions of the schema's values that hold no further ones of ours.
fn leaves(schema: &Value, path: &str, found: &mut Vec<(String, String)>) -> Result<()> {
    if let Some(fields) = schema["properties"].as_object() {
        ensure!(schema["additionalProperties"] == false, "{path} is open");
        for (name, field) in fields {
            leaves(field, &format!("{path}/properties/{name}"), found)?;
        }
    } else {
        let description = schema["description"].as_str();
        let description = description.with_context(|| format!("{path} is not described"))?;
        found.push((path.to_owned(), description.to_owned()));
    }
    Ok(())
}

#[test]
fn every_value_is_described_and_in_one_way() -> Result<()> {
    let yaml = fs::read_to_string(folder().join("values.yaml"))?;
    let mut in_values = described(&yaml);
    let mut in_schema = Vec::new();
    leaves(&schema()?, "", &mut in_schema)?;
    in_values.sort();
    in_schema.sort();
    assert_eq!(in_values, in_schema);
    Ok(())
}
