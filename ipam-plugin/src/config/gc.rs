//! What the GC verb is told: which attachments are still wanted.

use serde::Deserialize;
use serde_json::Value;

use super::json::{Object, canonical, kind, raw};
use super::section::Flag;
use crate::cni::error::CniError;

/// An attachment that the runtime still wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValidAttachment {
    /// The container's ID.
    pub container: String,
    /// The interface's name.
    pub interface: String,
}

/// The keys of a network's configuration that the GC verb looks at, as they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GcKeys {
    attachments: Option<Value>,
    disabled: Option<Value>,
}

impl GcKeys {
    /// Takes them from a configuration in which `null` is still to be seen. The specification's
    /// key wins over the one that stood in its text before an erratum; libcni writes both.
    pub(super) fn take(config: &Object) -> Self {
        let keys = ["cni.dev/valid-attachments", "cni.dev/attachments"];
        let lists = keys.into_iter().filter_map(|key| raw(config, key));
        let given = lists.clone().find(|list| !list.is_null());
        let attachments = given.or_else(|| lists.into_iter().next());
        Self {
            attachments: attachments.cloned(),
            disabled: raw(config, "disableGC")
                .filter(|flag| !flag.is_null())
                .cloned(),
        }
    }

    /// The attachments that are still wanted. `None` where the key is absent: then nothing may be
    /// released. `null` is an empty list. Code 6 where anything cannot be read, because what is
    /// not understood might be wanted.
    pub(super) fn valid_attachments(&self) -> Result<Option<Vec<ValidAttachment>>, CniError> {
        match &self.attachments {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Vec::new())),
            Some(Value::Array(list)) => list
                .iter()
                .map(attachment)
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(CniError::decode(format!(
                "cni.dev/valid-attachments must be a list, and it is {}",
                kind(other)
            ))),
        }
    }

    /// Whether the network asks for no garbage collection.
    pub(super) fn disabled(&self) -> Result<bool, CniError> {
        let flag = self.disabled.clone().map(Flag::deserialize).transpose();
        flag.map(|flag| flag.is_some_and(Flag::is_set))
            .map_err(|error| CniError::decode(format!("disableGC: {error}")))
    }
}

fn attachment(value: &Value) -> Result<ValidAttachment, CniError> {
    #[derive(Deserialize)]
    struct Entry {
        #[serde(rename = "containerID")]
        container: String,
        ifname: String,
    }
    let entry = match value {
        Value::Object(object) => Value::Object(canonical(object.clone())),
        other => other.clone(),
    };
    Entry::deserialize(entry)
        .map(|entry| ValidAttachment {
            container: entry.container,
            interface: entry.ifname,
        })
        .map_err(|error| CniError::decode(format!("cni.dev/valid-attachments: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(config: Value) -> GcKeys {
        let Value::Object(object) = config else {
            panic!("not an object")
        };
        GcKeys::take(&object)
    }

    fn containers(config: Value) -> Option<Vec<String>> {
        let list = keys(config).valid_attachments().unwrap()?;
        Some(list.into_iter().map(|valid| valid.container).collect())
    }

    #[test]
    fn absent_is_not_empty() {
        assert_eq!(containers(json!({})), None);
        assert_eq!(
            containers(json!({"cni.dev/valid-attachments": null})),
            Some(vec![])
        );
        assert_eq!(containers(json!({"cni.dev/attachments": []})), Some(vec![]));
    }

    #[test]
    fn either_key_is_read_and_the_specifications_wins() {
        let list = |id: &str| json!([{"containerID": id, "ifname": "eth0"}]);
        let new = json!({"cni.dev/valid-attachments": list("a"), "cni.dev/attachments": list("b")});
        assert_eq!(containers(new).unwrap(), ["a"]);
        assert_eq!(
            containers(json!({"cni.dev/attachments": list("b")})).unwrap(),
            ["b"]
        );
        let null = json!({"cni.dev/valid-attachments": null, "cni.dev/attachments": list("b")});
        assert_eq!(containers(null).unwrap(), ["b"]);
        let case = json!({"CNI.dev/Valid-Attachments": [{"ContainerId": "c", "IfName": "eth0"}]});
        assert_eq!(containers(case).unwrap(), ["c"]);
    }

    #[test]
    fn what_cannot_be_read_frees_nothing() {
        for list in [
            json!({}),
            json!("x"),
            json!([1]),
            json!([{"containerID": "a"}]),
            json!([null]),
        ] {
            let error = keys(json!({"cni.dev/valid-attachments": list})).valid_attachments();
            assert_eq!(error.unwrap_err().code().number(), 6);
        }
    }

    #[test]
    fn garbage_collection_can_be_switched_off() {
        for (flag, meant) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!(null), false),
        ] {
            assert_eq!(keys(json!({"disableGC": flag})).disabled(), Ok(meant));
        }
        assert!(keys(json!({"disableGC": 1})).disabled().is_err());
    }
}
