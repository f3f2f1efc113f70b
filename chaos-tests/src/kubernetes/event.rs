//! Events, as clients write them (`events.k8s.io/v1`).
//!
//! The checks are those of the API server that a client can fail: an event that it would refuse is
//! refused here.

use std::sync::Arc;

use serde_json::Value;

use super::object::Object;
use super::request::Target;
use super::resource::Resource;
use super::state::State;
use super::status::Refusal;
use crate::random::hex;

/// The longest `note` (bytes).
const LONGEST_NOTE: usize = 1024;

/// The longest of the other texts (bytes).
const LONGEST_TEXT: usize = 128;

/// Creates an event.
pub(super) fn create(
    state: &mut State,
    target: &Target,
    mut event: Value,
) -> Result<Arc<Object>, Refusal> {
    let (namespace, _) = target.key();
    if !state.has_namespace(&namespace) {
        return Err(Refusal::not_found("namespaces", &namespace));
    }
    let metadata = &mut event["metadata"];
    if metadata["name"].is_null()
        && let Some(stem) = metadata["generateName"].as_str()
    {
        metadata["name"] = format!("{stem}{:.5}", hex()).into();
    }
    if metadata["namespace"].is_null() {
        metadata["namespace"] = namespace.clone().into();
    }
    check(&event, &namespace)?;
    let name = event["metadata"]["name"].as_str().unwrap_or_default();
    let key = (namespace, name.to_owned());
    if state.cluster.get(Resource::Events, &key).is_some() {
        return Err(Refusal::new(
            409,
            format!("events \"{name}\" already exists"),
        ));
    }
    put(state, event)
}

/// Merges a patch into an event ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
pub(super) fn patch(
    state: &mut State,
    target: &Target,
    patch: &Value,
) -> Result<Arc<Object>, Refusal> {
    let (namespace, name) = target.key();
    let found = state.cluster.get(Resource::Events, &target.key());
    let found = found.ok_or_else(|| Refusal::not_found("events", &name))?;
    let mut event = found.value().map_err(|_| Refusal::of(500))?;
    merge(&mut event, patch);
    check(&event, &namespace)?;
    put(state, event)
}

fn put(state: &mut State, event: Value) -> Result<Arc<Object>, Refusal> {
    let put = state.put(Resource::Events, event);
    put.map_err(|error| Refusal::new(400, error.to_string()))
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, value) in patch {
        if !value.is_null() {
            merge(&mut target[name.as_str()], value);
        } else if let Some(fields) = target.as_object_mut() {
            fields.remove(name);
        }
    }
}

/// What `ValidateEventCreate` of the API server asks for.
fn check(event: &Value, namespace: &str) -> Result<(), Refusal> {
    let name = event["metadata"]["name"].as_str().unwrap_or_default();
    let invalid = |field: &str, why: &str| {
        let message = format!("Event.events.k8s.io \"{name}\" is invalid: {field}: {why}");
        Err(Refusal::new(422, message))
    };
    if event["metadata"]["namespace"] != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on \
                       the request";
        return Err(Refusal::new(400, message));
    }
    for field in [
        "reason",
        "action",
        "reportingController",
        "reportingInstance",
    ] {
        match event[field].as_str().unwrap_or_default() {
            "" => return invalid(field, "Required value"),
            text if text.len() > LONGEST_TEXT => {
                return invalid(field, "can have at most 128 bytes");
            }
            _ => {}
        }
    }
    if name.is_empty() {
        return invalid(
            "metadata.name",
            "Required value: name or generateName is required",
        );
    }
    if event["eventTime"].is_null() {
        return invalid("eventTime", "Required value");
    }
    if !["Normal", "Warning"]
        .iter()
        .any(|kind| event["type"] == *kind)
    {
        return invalid("type", "has invalid value");
    }
    let note = event["note"].as_str().unwrap_or_default();
    if note.len() > LONGEST_NOTE {
        return invalid("note", "can have at most 1024 bytes");
    }
    let about = event["regarding"]["namespace"].as_str().unwrap_or_default();
    let fits = match about {
        "" => ["default", "kube-system"].contains(&namespace),
        about => about == namespace,
    };
    if !fits {
        return invalid("involvedObject.namespace", "does not match event.namespace");
    }
    Ok(())
}
