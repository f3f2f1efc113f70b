//! A Pod object.

use serde::Deserialize;

use super::network_status::{address, named};
use crate::pods::{NamedAddress, Pod};

/// A pod, read from a Pod object of the API. One without a namespace, a name or a uid is an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Object")]
pub struct ListedPod {
    /// The pod.
    pub pod: Pod,
    /// Whether its network-status annotation or an address of its status cannot be read.
    pub unreadable: bool,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Option<Spec>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    deletion_timestamp: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "kubernetes.io/config.mirror")]
    mirror: Option<String>,
    #[serde(rename = "kubernetes.io/config.hash")]
    hash: Option<String>,
    #[serde(rename = "k8s.v1.cni.cncf.io/network-status")]
    network_status: Option<String>,
    /// What it was called before Multus 3.7.
    #[serde(rename = "k8s.v1.cni.cncf.io/networks-status")]
    old_network_status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Deserialize)]
struct PodIp {
    ip: Option<String>,
}

impl TryFrom<Object> for ListedPod {
    type Error = String;

    fn try_from(object: Object) -> Result<Self, String> {
        let Metadata {
            namespace,
            name,
            uid,
            deletion_timestamp,
            annotations,
        } = object.metadata;
        let namespace = namespace.unwrap_or_default();
        let name = name.unwrap_or_default();
        let uid = uid.unwrap_or_default();
        if namespace.is_empty() || name.is_empty() || uid.is_empty() {
            return Err(format!(
                "a pod needs a namespace, a name and a uid, not {namespace:?}, {name:?}, {uid:?}"
            ));
        }
        let annotations = annotations.unwrap_or_default();
        let status = object.status.unwrap_or_default();
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        // An old annotation beside the new one is what an earlier Multus left behind.
        let network_status = annotations.network_status.as_ref();
        let network_status = network_status.or(annotations.old_network_status.as_ref());
        let (mut addresses, mut readable) =
            network_status.map_or((Vec::new(), true), |text| named(text));
        readable &= add_pod_ips(&mut addresses, status);
        let mirrors = [annotations.mirror, annotations.hash];
        Ok(Self {
            pod: Pod {
                namespace,
                name,
                uid,
                mirrors: mirrors.into_iter().flatten().collect(),
                node: object
                    .spec
                    .and_then(|spec| spec.node_name)
                    .unwrap_or_default(),
                finished,
                terminating: deletion_timestamp.is_some(),
                addresses,
            },
            unreadable: !readable,
        })
    }
}

/// Adds the addresses of the status that the network status does not have; whether all could be
/// read.
fn add_pod_ips(addresses: &mut Vec<NamedAddress>, status: Status) -> bool {
    let pod_ips = status.pod_ips.unwrap_or_default().into_iter();
    let texts = pod_ips.filter_map(|pod_ip| pod_ip.ip).chain(status.pod_ip);
    let mut readable = true;
    for text in texts.filter(|text| !text.is_empty()) {
        let Some(address) = address(&text) else {
            readable = false;
            continue;
        };
        if !addresses.iter().any(|named| named.address == address) {
            addresses.push(NamedAddress {
                address,
                attachment: None,
            });
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTUS: &str = r#"{
      "apiVersion": "v1",
      "kind": "Pod",
      "metadata": {
        "annotations": {
          "k8s.v1.cni.cncf.io/network-status": "[{\n    \"name\": \"cbr0\",\n    \"interface\": \"eth0\",\n    \"ips\": [\n        \"10.244.1.73\"\n    ],\n    \"mac\": \"0a:58:0a:f4:01:49\",\n    \"default\": true,\n    \"dns\": {}\n},{\n    \"name\": \"default/storage\",\n    \"interface\": \"net1\",\n    \"ips\": [\n        \"192.168.20.7\"\n    ],\n    \"dns\": {}\n}]",
          "k8s.v1.cni.cncf.io/networks": "default/storage"
        },
        "creationTimestamp": "2026-11-20T12:00:00Z",
        "generateName": "web-5d9c-",
        "labels": {"app": "web"},
        "managedFields": [{"fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:annotations": {}}}}],
        "name": "web-5d9c-x2x8p",
        "namespace": "shop",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d9c", "uid": "other"}],
        "resourceVersion": "4711",
        "uid": "0b5e8a52-3d0e-4a7e-8f29-3c1a3a1f3c11"
      },
      "spec": {
        "containers": [{"name": "web", "image": "nginx", "env": [{"name": "uid", "value": "x"}]}],
        "nodeName": "worker-1",
        "tolerations": [{"effect": "NoExecute", "tolerationSeconds": 300}]
      },
      "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "hostIP": "172.18.0.3",
        "phase": "Running",
        "podIP": "10.244.1.73",
        "podIPs": [{"ip": "10.244.1.73"}, {"ip": "fd00:10::49"}],
        "qosClass": "BestEffort"
      }
    }"#;

    fn read(json: &str) -> ListedPod {
        serde_json::from_str(json).unwrap()
    }

    fn with_metadata(metadata: &str) -> String {
        format!(r#"{{"metadata":{{"namespace":"n","name":"p","uid":"u"{metadata}}}}}"#)
    }

    fn named(address: &str, attachment: Option<(&str, &str)>) -> NamedAddress {
        NamedAddress {
            address: address.parse().unwrap(),
            attachment: attachment.map(|(name, ifname)| (name.to_owned(), ifname.to_owned())),
        }
    }

    #[test]
    fn a_whole_object_is_reduced_to_what_is_needed() {
        let listed = read(MULTUS);
        assert!(!listed.unreadable);
        let expected = Pod {
            namespace: "shop".to_owned(),
            name: "web-5d9c-x2x8p".to_owned(),
            uid: "0b5e8a52-3d0e-4a7e-8f29-3c1a3a1f3c11".to_owned(),
            mirrors: Vec::new(),
            node: "worker-1".to_owned(),
            finished: false,
            terminating: false,
            addresses: vec![
                named("10.244.1.73", Some(("cbr0", "eth0"))),
                named("192.168.20.7", Some(("default/storage", "net1"))),
                named("fd00:10::49", None),
            ],
        };
        assert_eq!(listed.pod, expected);
    }

    #[test]
    fn a_mirror_pod_says_whose_mirror_it_is() {
        let pod = read(&with_metadata(
            r#","annotations":{"kubernetes.io/config.hash":"h","kubernetes.io/config.mirror":"m",
               "kubernetes.io/config.seen":"2026-11-20T12:00:00Z","kubernetes.io/config.source":"file"}"#,
        ));
        assert_eq!(pod.pod.mirrors, ["m", "h"]);
    }

    #[test]
    fn a_pod_of_which_nothing_is_known_yet_is_a_pod() {
        for json in [
            with_metadata(""),
            with_metadata(r#","annotations":null,"deletionTimestamp":null"#),
            with_metadata("").replace("}}", r#"},"spec":null,"status":null}"#),
            with_metadata("").replace("}}", r#"},"spec":{},"status":{"podIPs":null,"podIP":""}}"#),
        ] {
            let listed = read(&json);
            assert!(!listed.unreadable, "{json}");
            let expected = Pod {
                namespace: "n".to_owned(),
                name: "p".to_owned(),
                uid: "u".to_owned(),
                ..Pod::default()
            };
            assert_eq!(listed.pod, expected, "{json}");
        }
    }

    #[test]
    fn only_two_phases_are_final() {
        for (phase, finished) in [
            ("Pending", false),
            ("Running", false),
            ("Unknown", false),
            ("Succeeded", true),
            ("Failed", true),
        ] {
            let status = format!(r#"}},"status":{{"phase":"{phase}"}}}}"#);
            let pod = read(&with_metadata("").replace("}}", &status)).pod;
            assert_eq!(pod.finished, finished, "{phase}");
        }
    }

    #[test]
    fn any_deletion_time_makes_a_pod_terminating() {
        assert!(
            read(&with_metadata(r#","deletionTimestamp":"tomorrow""#))
                .pod
                .terminating
        );
    }

    #[test]
    fn an_annotation_that_cannot_be_read_names_nothing_and_is_noted() {
        let pod = read(&with_metadata(
            r#","annotations":{"k8s.v1.cni.cncf.io/network-status":"[{\"ips\":[\"10.0.0.1\"]",
               "k8s.v1.cni.cncf.io/networks-status":"[{\"ips\":[\"10.0.0.2\"]}]"}"#,
        ));
        assert!(pod.unreadable);
        assert_eq!(pod.pod.addresses, []);
    }

    #[test]
    fn the_old_annotation_counts_where_the_new_one_is_absent() {
        let pod = read(&with_metadata(
            r#","annotations":{"k8s.v1.cni.cncf.io/networks-status":"[{\"name\":\"n\",\"ips\":[\"10.0.0.2\"]}]"}"#,
        ));
        assert_eq!(pod.pod.addresses, [named("10.0.0.2", Some(("n", "")))]);
    }

    #[test]
    fn a_pod_without_an_identity_is_an_error() {
        for json in [
            "{}",
            r#"{"metadata":null}"#,
            r#"{"metadata":{"namespace":"n","name":"p"}}"#,
            r#"{"metadata":{"namespace":"n","name":"p","uid":""}}"#,
            r#"{"metadata":{"namespace":"n","uid":"u"}}"#,
            r#"{"metadata":{"name":"p","uid":"u"}}"#,
            r#"{"metadata":{"namespace":"n","name":"p","uid":7}}"#,
        ] {
            assert!(serde_json::from_str::<ListedPod>(json).is_err(), "{json}");
        }
    }
}
