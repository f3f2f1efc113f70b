//! That what is named is there.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::objects::{Objects, containers, list, name, texts};

/// What the Job writes when it has created the store.
const STORE: [&str; 2] = ["etcd-ipam-store", "store_id"];

/// Fails if anything names what is not there.
pub(crate) fn check(objects: &Objects) -> Result<()> {
    for (workload, pod) in objects.workloads() {
        let explain = || format!("{} {}", workload["kind"], name(workload));
        check_pod(objects, workload, pod).with_context(explain)?;
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        // A Job has none.
        let selector = &workload["spec"]["selector"]["matchLabels"];
        ensure!(is_within(selector, labels), "{}: {selector}", explain());
    }
    for binding in ["ClusterRoleBinding", "RoleBinding"] {
        for binding in objects.of_kind(binding) {
            let role = &binding["roleRef"];
            let [kind, role] = [&role["kind"], &role["name"]].map(|text| text.as_str());
            let role = objects.get(kind.context("no kind")?, role.context("no role")?);
            // Roles of one name are in several namespaces; then the binding's is the one.
            let is_there = role.is_ok()
                || objects.of_kind("Role").any(|role| {
                    role["metadata"]["namespace"] == binding["metadata"]["namespace"]
                        && name(role) == binding["roleRef"]["name"]
                });
            ensure!(is_there, "no role: {binding:#}");
            for subject in list(&binding["subjects"]) {
                let account = subject["name"].as_str().context("no name")?;
                let account = objects.get("ServiceAccount", account)?;
                let is_same = account["metadata"]["namespace"] == subject["namespace"];
                ensure!(is_same, "another namespace: {binding:#}");
            }
        }
    }
    for (kind, selector, ports) in [
        (
            "NetworkPolicy",
            "/spec/podSelector/matchLabels",
            "/spec/ingress",
        ),
        ("PodDisruptionBudget", "/spec/selector/matchLabels", ""),
        ("Service", "/spec/selector", "/spec"),
        ("PodMonitor", "/spec/selector/matchLabels", ""),
    ] {
        for object in objects.of_kind(kind) {
            let selector = object.pointer(selector).context("no selector")?;
            let chosen = objects.workloads().filter(|(workload, _)| {
                is_within(
                    selector,
                    &workload["spec"]["template"]["metadata"]["labels"],
                )
            });
            let chosen: Vec<_> = chosen.map(|(_, pod)| pod).collect();
            ensure!(chosen.len() == 1, "chooses {}: {object:#}", chosen.len());
            for port in named_ports(object.pointer(ports).unwrap_or(object)) {
                ensure!(has_port(chosen[0], &port), "no port {port}: {object:#}");
            }
        }
    }
    Ok(())
}

fn check_pod(objects: &Objects, workload: &Value, pod: &Value) -> Result<()> {
    if let Some(account) = pod["serviceAccountName"].as_str() {
        let account = objects.get("ServiceAccount", account)?;
        let is_bound = ["ClusterRoleBinding", "RoleBinding"].iter().any(|kind| {
            objects.of_kind(kind).any(|binding| {
                list(&binding["subjects"]).any(|subject| subject["name"] == name(account))
            })
        });
        ensure!(
            pod["automountServiceAccountToken"] == is_bound,
            "a token is for those who use it, and {} has rights: {is_bound}",
            name(account)
        );
        ensure!(account["automountServiceAccountToken"] == false);
    } else {
        ensure!(pod["automountServiceAccountToken"] == false, "a token");
    }
    let volumes = |list_: &Value| -> BTreeSet<String> {
        let names = list(list_).filter_map(|volume| volume["name"].as_str());
        names.map(str::to_owned).collect()
    };
    let mut mounted = BTreeSet::new();
    for container in containers(pod) {
        mounted.extend(volumes(&container["volumeMounts"]));
        for variable in list(&container["env"]) {
            let reference = &variable["valueFrom"]["configMapKeyRef"];
            if reference.is_null() {
                continue;
            }
            let [map, key] =
                [&reference["name"], &reference["key"]].map(|text| text.as_str().unwrap_or(""));
            ensure!(reference.get("optional").is_none(), "{variable}");
            if [map, key] != STORE {
                objects.setting(map, key)?;
            }
        }
        for source in list(&container["envFrom"]) {
            let map = source["configMapRef"]["name"].as_str();
            objects.get("ConfigMap", map.context("not from a ConfigMap")?)?;
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            let port = &container[probe]["httpGet"]["port"];
            if let Some(port) = port.as_str() {
                ensure!(has_port(pod, port), "{probe}: no port {port}");
            }
        }
    }
    for volume in list(&pod["volumes"]) {
        let Some(map) = volume["configMap"]["name"].as_str() else {
            continue;
        };
        for item in list(&volume["configMap"]["items"]) {
            objects.setting(map, item["key"].as_str().unwrap_or_default())?;
        }
    }
    let mut there = volumes(&pod["volumes"]);
    for claim in list(&workload["spec"]["volumeClaimTemplates"]) {
        there.insert(name(claim).to_owned());
    }
    ensure!(there == mounted, "{there:?} and {mounted:?}");
    Ok(())
}

fn has_port(pod: &Value, name: &str) -> bool {
    containers(pod).any(|container| list(&container["ports"]).any(|port| port["name"] == name))
}

/// The ports below a value that are named and not numbered.
fn named_ports(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(port) if ["port", "targetPort"].contains(&key.as_str()) => {
                        found.push(port.clone());
                    }
                    field => found.extend(named_ports(field)),
                }
            }
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| found.extend(named_ports(element))),
        _ => {}
    }
    found
}

/// Whether all labels of a selector are among these.
fn is_within(selector: &Value, labels: &Value) -> bool {
    let mut wanted = selector.as_object().into_iter().flatten();
    wanted.all(|(key, value)| labels[key] == *value)
}

#[test]
fn names_lead_somewhere() -> Result<()> {
    let objects = Objects::of_single_file()?;
    check(&objects)?;
    let job = objects.get("Job", "etcd-ipam-init")?;
    let [map, _] = STORE;
    let record = format!("--record-in=kube-system/{map}");
    let init = &job["spec"]["template"]["spec"]["containers"][0];
    assert!(
        texts(&init["args"]).any(|argument| argument == record),
        "{init:#}"
    );
    // What the Job writes is nobody else's: applying would take it back.
    assert!(!objects.has("ConfigMap", map));
    Ok(())
}

#[test]
fn one_image_serves_all() -> Result<()> {
    let objects = Objects::of_single_file()?;
    let images: BTreeSet<_> = objects
        .containers()
        .map(|(_, container)| container["image"].to_string())
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(images, [format!("\"etcd-ipam:{version}\"")].into());
    Ok(())
}

#[test]
fn containers_are_confined_and_say_what_they_need() -> Result<()> {
    let objects = Objects::of_single_file()?;
    for (pod, container) in objects.containers() {
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{container:#}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{container:#}");
        assert_eq!(context["capabilities"]["drop"][0], "ALL", "{container:#}");
        assert_ne!(context["privileged"], true, "{container:#}");
        let seccomp = &pod["securityContext"]["seccompProfile"]["type"];
        assert_eq!(seccomp, "RuntimeDefault", "{pod:#}");
        let requests = &container["resources"]["requests"];
        assert_eq!(requests["cpu"], "100m", "{container:#}");
        assert_eq!(requests["memory"], "50Mi", "{container:#}");
        // Only what writes on the host is root.
        let writes = list(&pod["volumes"]).any(|volume| volume.get("hostPath").is_some());
        let user = &pod["securityContext"];
        if writes {
            assert_eq!(user["runAsUser"], 0, "{pod:#}");
        } else {
            assert_eq!(user["runAsNonRoot"], true, "{pod:#}");
            assert_eq!(user["runAsUser"], 65532, "{pod:#}");
        }
    }
    Ok(())
}
