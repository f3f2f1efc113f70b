//! What kustomize makes of the base and of all that is built on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::kustomize::{Kustomize, component, deploy};
use crate::objects::{Objects, SINGLE_FILE, list};
use crate::{names, types};

/// The folders below one of the kustomizations.
fn folders(of: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(deploy().join("kustomize").join(of))?;
    let mut folders: Vec<_> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    folders.sort();
    ensure!(!folders.is_empty(), "no {of}");
    Ok(folders)
}

#[test]
fn base_and_overlays_are_what_the_api_knows() -> Result<()> {
    let Some(kustomize) = Kustomize::or_skip("base_and_overlays_are_what_the_api_knows") else {
        return Ok(());
    };
    let mut all = folders("overlays")?;
    all.push(deploy().join("kustomize/base"));
    for folder in all {
        let objects = kustomize.build(&folder)?;
        types::check(&objects)?;
        names::check(&objects)?;
    }
    Ok(())
}

#[test]
fn the_single_file_is_what_kustomize_renders() -> Result<()> {
    let Some(kustomize) = Kustomize::or_skip("the_single_file_is_what_kustomize_renders") else {
        return Ok(());
    };
    let rendered = kustomize.text(&deploy().join("kustomize/overlays/single-file"))?;
    let lines = SINGLE_FILE.lines().skip_while(|line| line.starts_with('#'));
    assert!(
        lines.eq(rendered.lines()),
        "run scripts/render-manifests.sh"
    );
    assert_eq!(
        Objects::of_single_file()?,
        kustomize.build(&deploy().join("kustomize/base"))?
    );
    Ok(())
}

#[test]
fn the_single_file_is_what_the_api_knows() -> Result<()> {
    types::check(&Objects::of_single_file()?)
}

#[test]
fn every_component_goes_with_the_base() -> Result<()> {
    let Some(kustomize) = Kustomize::or_skip("every_component_goes_with_the_base") else {
        return Ok(());
    };
    let base = Objects::of_single_file()?;
    for component in folders("components")? {
        let objects = kustomize.with_components(&[&component])?;
        types::check(&objects)?;
        names::check(&objects)?;
        assert_ne!(objects, base, "{} changes nothing", component.display());
    }
    Ok(())
}

#[test]
fn a_node_may_have_other_directories_and_a_certificate_of_its_own() -> Result<()> {
    let Some(kustomize) =
        Kustomize::or_skip("a_node_may_have_other_directories_and_a_certificate_of_its_own")
    else {
        return Ok(());
    };
    let components = [component("gke"), component("node-certificates-on-host")];
    let objects = kustomize.with_components(&components.each_ref().map(PathBuf::as_path))?;
    let node = objects.get("DaemonSet", "etcd-ipam-node")?;
    let volumes = &node["spec"]["template"]["spec"]["volumes"];
    let sources: BTreeSet<_> = list(volumes)
        .filter_map(|volume| volume["hostPath"]["path"].as_str())
        .collect();
    let expected = [
        "/etc/cni/net.d",
        "/etc/etcd-ipam/tls",
        "/home/kubernetes/bin",
    ];
    assert_eq!(sources, expected.into(), "{volumes:#}");
    // A volume has one source.
    assert!(!volumes.to_string().contains("secret"), "{volumes:#}");
    Ok(())
}

#[test]
fn rules_and_dashboard_are_those_of_the_files() -> Result<()> {
    let Some(kustomize) = Kustomize::or_skip("rules_and_dashboard_are_those_of_the_files") else {
        return Ok(());
    };
    let components = [component("prometheus-rules"), component("dashboard")];
    let objects = kustomize.with_components(&components.each_ref().map(PathBuf::as_path))?;
    let read = |name: &str| fs::read_to_string(deploy().join("observability").join(name));
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")?)?;
    let rule = objects.get("PrometheusRule", "etcd-ipam")?;
    assert_eq!(rule["spec"], rules, "run scripts/render-manifests.sh");
    let dashboard = objects.setting("etcd-ipam-dashboard", "etcd-ipam.json")?;
    assert_eq!(dashboard, read("dashboard.json")?);
    Ok(())
}
