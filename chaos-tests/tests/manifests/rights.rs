//! Rights in Kubernetes: what is granted is what is documented, and the documentation's own test
//! holds that to what is used.

use std::collections::BTreeSet;

use anyhow::Result;
use chaos_tests::documented;
use serde_json::Value;

use crate::objects::{Objects, list, name, texts};

/// What the roles of this name grant: API group, resource and verb.
pub(crate) fn granted(objects: &Objects, role: &str) -> BTreeSet<[String; 3]> {
    let roles = objects.iter().filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        ["ClusterRole", "Role"].contains(&kind) && name(object) == role
    });
    let mut granted = BTreeSet::new();
    for rule in roles.flat_map(|role| list(&role["rules"])) {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    granted.insert([group, resource, verb].map(str::to_owned));
                }
            }
        }
    }
    granted
}

/// The rules of the role of this kind, name and namespace.
fn rules<'a>(objects: &'a Objects, kind: &str, role: &str, namespace: &str) -> Vec<&'a Value> {
    let roles = objects.of_kind(kind).filter(|object| {
        let found = object["metadata"]["namespace"].as_str().unwrap_or_default();
        name(object) == role && found == namespace
    });
    roles.flat_map(|role| list(&role["rules"])).collect()
}

#[test]
fn the_collector_may_do_what_is_documented_and_nothing_else() -> Result<()> {
    let objects = Objects::of_single_file()?;
    let role = "etcd-ipam-lease-gc";
    assert_eq!(granted(&objects, role), documented::collector_verbs()?);
    // In all namespaces only what must be; the rest where it is.
    let everywhere = rules(&objects, "ClusterRole", role, "");
    let everywhere: BTreeSet<_> = everywhere
        .iter()
        .flat_map(|rule| texts(&rule["resources"]))
        .collect();
    assert_eq!(everywhere, ["events", "nodes", "pods"].into());
    let [namespace] = rules(&objects, "Role", role, "kube-system")[..] else {
        panic!("more than its namespace: {objects:?}");
    };
    assert_eq!(namespace["resourceNames"][0], "kube-system");
    assert_eq!(rules(&objects, "Role", role, "kube-node-lease").len(), 1);
    Ok(())
}

#[test]
fn the_job_may_write_down_the_store_and_nothing_else() -> Result<()> {
    let objects = Objects::of_single_file()?;
    let role = "etcd-ipam-init";
    let verbs = ["create", "get", "update"].map(|verb| ["", "configmaps", verb]);
    let verbs = verbs.map(|right| right.map(str::to_owned));
    assert_eq!(granted(&objects, role), verbs.into());
    for rule in rules(&objects, "Role", role, "kube-system") {
        let names: Vec<_> = texts(&rule["resourceNames"]).collect();
        match texts(&rule["verbs"]).collect::<Vec<_>>()[..] {
            // Kubernetes cannot restrict the name of what is created.
            ["create"] => assert!(names.is_empty(), "{rule}"),
            _ => assert_eq!(names, ["etcd-ipam-store"], "{rule}"),
        }
    }
    Ok(())
}

#[test]
fn the_installer_asks_kubernetes_for_nothing() -> Result<()> {
    let objects = Objects::of_single_file()?;
    assert!(granted(&objects, "etcd-ipam-node").is_empty());
    Ok(())
}
