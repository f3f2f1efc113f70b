//! A Node object.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::pods::{Node, Readiness};

/// The taint by which an operator says that a node is off:
/// <https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown>
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// A node, read from a Node object of the API. One without a name is an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Object")]
pub struct ListedNode {
    /// The node.
    pub node: Node,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Option<Spec>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Metadata {
    name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Spec {
    taints: Option<Vec<Taint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taint {
    key: Option<String>,
    #[serde(default, deserialize_with = "time")]
    time_added: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    conditions: Option<Vec<Condition>>,
    node_info: Option<Info>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "time")]
    last_transition_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    last_heartbeat_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
struct Info {
    #[serde(rename = "machineID")]
    machine_id: Option<String>,
    #[serde(rename = "bootID")]
    boot_id: Option<String>,
}

impl TryFrom<Object> for ListedNode {
    type Error = &'static str;

    fn try_from(object: Object) -> Result<Self, &'static str> {
        let name = object.metadata.name.unwrap_or_default();
        if name.is_empty() {
            return Err("a node needs a name");
        }
        let taints = object.spec.unwrap_or_default().taints.unwrap_or_default();
        let taints = taints.into_iter();
        let out_of_service = taints.filter(|taint| taint.key.as_deref() == Some(OUT_OF_SERVICE));
        // It can be there once for each effect: then the earliest counts, and one without a time
        // before any other.
        let out_of_service = out_of_service.map(|taint| taint.time_added).min();
        let status = object.status.unwrap_or_default();
        let info = status.node_info.unwrap_or_default();
        let mut conditions = status.conditions.unwrap_or_default().into_iter();
        let ready = conditions.find(|condition| condition.r#type.as_deref() == Some("Ready"));
        Ok(Self {
            node: Node {
                name,
                machine_id: info.machine_id.unwrap_or_default(),
                boot_id: info.boot_id.unwrap_or_default(),
                readiness: ready.as_ref().map(readiness).unwrap_or_default(),
                reported: ready.and_then(|condition| condition.last_heartbeat_time),
                out_of_service,
            },
        })
    }
}

fn readiness(condition: &Condition) -> Readiness {
    Readiness {
        ready: condition.status.as_deref() == Some("True"),
        since: condition.last_transition_time,
    }
}

/// A time in RFC 3339; anything else is no time.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &str = r#"{
      "apiVersion": "v1",
      "kind": "Node",
      "metadata": {"name": "worker-1", "uid": "6f1c", "labels": {}, "annotations": {}},
      "spec": {
        "podCIDR": "10.244.1.0/24",
        "taints": [
          {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "timeAdded": "2026-11-20T11:00:00Z"},
          {"effect": "NoExecute", "key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "timeAdded": "2026-11-20T12:00:00Z"}
        ]
      },
      "status": {
        "addresses": [{"address": "172.18.0.3", "type": "InternalIP"}],
        "conditions": [
          {"type": "MemoryPressure", "status": "False", "lastTransitionTime": "2026-11-01T00:00:00Z"},
          {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
           "lastHeartbeatTime": "2026-11-20T10:58:00Z", "lastTransitionTime": "2026-11-20T11:00:00Z"}
        ],
        "images": [{"names": ["registry.k8s.io/pause:3.10"], "sizeBytes": 1}],
        "nodeInfo": {
          "architecture": "amd64", "bootID": "b7e2", "kubeletVersion": "v1.33.1",
          "machineID": "3a41", "systemUUID": "77"
        }
      }
    }"#;

    fn read(json: &str) -> ListedNode {
        serde_json::from_str(json).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_whole_object_is_reduced_to_what_is_needed() {
        let listed = read(WORKER);
        let expected = Node {
            name: "worker-1".to_owned(),
            machine_id: "3a41".to_owned(),
            boot_id: "b7e2".to_owned(),
            readiness: Readiness {
                ready: false,
                since: Some(time("2026-11-20T11:00:00Z")),
            },
            reported: Some(time("2026-11-20T10:58:00Z")),
            out_of_service: Some(Some(time("2026-11-20T12:00:00Z"))),
        };
        assert_eq!(listed.node, expected);
    }

    #[test]
    fn only_true_is_ready() {
        for (status, ready) in [
            (r#""True""#, true),
            (r#""False""#, false),
            (r#""Unknown""#, false),
            (r#""true""#, false),
            ("null", false),
        ] {
            let node = read(&format!(
                r#"{{"metadata":{{"name":"n"}},
                    "status":{{"conditions":[{{"type":"Ready","status":{status}}}]}}}}"#
            ));
            assert_eq!(node.node.readiness.ready, ready, "{status}");
        }
    }

    #[test]
    fn a_node_of_which_nothing_is_known_yet_is_a_node() {
        let expected = Node {
            name: "n".to_owned(),
            ..Node::default()
        };
        for json in [
            r#"{"metadata":{"name":"n"}}"#,
            r#"{"metadata":{"name":"n"},"spec":null,"status":null}"#,
            r#"{"metadata":{"name":"n"},"spec":{"taints":null},
                "status":{"conditions":null,"nodeInfo":null}}"#,
        ] {
            assert_eq!(read(json).node, expected, "{json}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_unknown() {
        for time in [r#""yesterday""#, "null", "12", "{}"] {
            let node = read(&format!(
                r#"{{"metadata":{{"name":"n"}},
                    "spec":{{"taints":[{{"key":"{OUT_OF_SERVICE}","timeAdded":{time}}}]}},
                    "status":{{"conditions":[
                        {{"type":"Ready","status":"True","lastTransitionTime":{time}}}]}}}}"#
            ));
            assert_eq!(node.node.readiness.since, None, "{time}");
            assert_eq!(node.node.out_of_service, Some(None), "{time}");
        }
    }

    #[test]
    fn of_several_taints_the_earliest_counts() {
        let node = |first: &str, second: &str| {
            read(&format!(
                r#"{{"metadata":{{"name":"n"}},"spec":{{"taints":[
                    {{"key":"{OUT_OF_SERVICE}","effect":"NoExecute"{first}}},
                    {{"key":"{OUT_OF_SERVICE}","effect":"NoSchedule"{second}}}]}}}}"#
            ))
            .node
        };
        let early = r#","timeAdded":"2026-11-20T11:00:00Z""#;
        let late = r#","timeAdded":"2026-11-20T12:00:00Z""#;
        let earlier = Some(Some(time("2026-11-20T11:00:00Z")));
        assert_eq!(node(late, early).out_of_service, earlier);
        assert_eq!(node(early, late).out_of_service, earlier);
        assert_eq!(node(early, "").out_of_service, Some(None));
    }

    #[test]
    fn a_node_without_a_name_is_an_error() {
        for json in ["{}", r#"{"metadata":{}}"#, r#"{"metadata":{"name":""}}"#] {
            assert!(serde_json::from_str::<ListedNode>(json).is_err(), "{json}");
        }
    }
}
