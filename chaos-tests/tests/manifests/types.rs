//! Objects as the API's types have them: what a type does not know is lost on the way, and shows.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::objects::Objects;

/// Fails unless every object is all that its type has, and nothing else.
pub(crate) fn check(objects: &Objects) -> Result<()> {
    for object in objects.iter() {
        let read = read(object).with_context(|| format!("{object:#}"))?;
        ensure!(read == *object, "lost on the way:\n{object:#}\n{read:#}");
    }
    Ok(())
}

/// An object of the Prometheus Operator.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Custom<Spec> {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: Spec,
}

/// Of a [`PodMonitor`](https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor)
/// what is used here.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodMonitorSpec {
    selector: LabelSelector,
    pod_metrics_endpoints: Vec<PodMetricsEndpoint>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodMetricsEndpoint {
    port: String,
    path: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PrometheusRuleSpec {
    groups: Vec<RuleGroup>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RuleGroup {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, deny_unknown_fields)]
enum Rule {
    Record {
        record: String,
        expr: String,
    },
    Alert {
        alert: String,
        expr: String,
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        wait: Option<String>,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    },
}

/// The object, after it was of its type.
fn read(object: &Value) -> Result<Value> {
    let kind = [&object["apiVersion"], &object["kind"]].map(|part| part.as_str());
    match kind.map(Option::unwrap_or_default) {
        ["v1", "ConfigMap"] => through::<ConfigMap>(object),
        ["v1", "Pod"] => through::<Pod>(object),
        ["v1", "Secret"] => through::<Secret>(object),
        ["v1", "Service"] => through::<Service>(object),
        ["v1", "ServiceAccount"] => through::<ServiceAccount>(object),
        ["apps/v1", "DaemonSet"] => through::<DaemonSet>(object),
        ["apps/v1", "Deployment"] => through::<Deployment>(object),
        ["apps/v1", "StatefulSet"] => through::<StatefulSet>(object),
        ["batch/v1", "Job"] => through::<Job>(object),
        ["networking.k8s.io/v1", "NetworkPolicy"] => through::<NetworkPolicy>(object),
        ["policy/v1", "PodDisruptionBudget"] => through::<PodDisruptionBudget>(object),
        ["rbac.authorization.k8s.io/v1", "ClusterRole"] => through::<ClusterRole>(object),
        ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"] => {
            through::<ClusterRoleBinding>(object)
        }
        ["rbac.authorization.k8s.io/v1", "Role"] => through::<Role>(object),
        ["rbac.authorization.k8s.io/v1", "RoleBinding"] => through::<RoleBinding>(object),
        ["monitoring.coreos.com/v1", "PodMonitor"] => through::<Custom<PodMonitorSpec>>(object),
        ["monitoring.coreos.com/v1", "PrometheusRule"] => {
            through::<Custom<PrometheusRuleSpec>>(object)
        }
        [version, kind] => bail!("nobody here knows {version} {kind}"),
    }
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value> {
    Ok(serde_json::to_value(T::deserialize(object)?)?)
}

#[test]
fn a_field_that_no_type_has_is_found() -> Result<()> {
    let good = "
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {b: c}
";
    check(&Objects::parse(good)?)?;
    for (right, wrong) in [("data:", "dada:"), ("{name: a}", "{nane: a}")] {
        assert!(check(&Objects::parse(&good.replace(right, wrong))?).is_err());
    }
    assert!(check(&Objects::parse(&good.replace("ConfigMap", "Map"))?).is_err());
    Ok(())
}
