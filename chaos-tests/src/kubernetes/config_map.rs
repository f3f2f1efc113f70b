//! Config maps, as clients write them: a replacement may say which version it replaces.

use std::sync::Arc;

use serde_json::Value;

use super::object::Object;
use super::request::Target;
use super::resource::Resource;
use super::state::State;
use super::status::Refusal;

/// Creates one.
pub(super) fn create(
    state: &mut State,
    target: &Target,
    mut map: Value,
) -> Result<Arc<Object>, Refusal> {
    let (namespace, _) = target.key();
    if !state.has_namespace(&namespace) {
        return Err(Refusal::not_found("namespaces", &namespace));
    }
    check(&mut map, &namespace)?;
    let name = name(&map);
    let key = (namespace, name.clone());
    if state.cluster.get(Resource::ConfigMaps, &key).is_some() {
        let message = format!("configmaps \"{name}\" already exists");
        return Err(Refusal::new(409, message));
    }
    put(state, map)
}

/// Replaces one, if it is still the version that the client names, where it names one.
pub(super) fn update(
    state: &mut State,
    target: &Target,
    mut map: Value,
) -> Result<Arc<Object>, Refusal> {
    let key = target.key();
    let found = state.cluster.get(Resource::ConfigMaps, &key);
    let found = found.ok_or_else(|| Refusal::not_found("configmaps", &key.1))?;
    let found = found.value().map_err(|_| Refusal::of(500))?;
    check(&mut map, &key.0)?;
    if name(&map) != key.1 {
        let message = "the name of the object does not match the name on the URL";
        return Err(Refusal::new(400, message));
    }
    let named = &map["metadata"]["resourceVersion"];
    if !named.is_null() && *named != found["metadata"]["resourceVersion"] {
        return Err(Refusal::conflict("configmaps", &key.1));
    }
    put(state, map)
}

fn name(map: &Value) -> String {
    map["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn check(map: &mut Value, namespace: &str) -> Result<(), Refusal> {
    let name = name(map);
    let metadata = &mut map["metadata"];
    if metadata["namespace"].is_null() {
        metadata["namespace"] = namespace.into();
    }
    if metadata["namespace"] != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on \
                       the request";
        return Err(Refusal::new(400, message));
    }
    let invalid = |field: &str, why: &str| {
        let message = format!("ConfigMap \"{name}\" is invalid: {field}: {why}");
        Err(Refusal::new(422, message))
    };
    if name.is_empty() {
        return invalid("metadata.name", "Required value: name is required");
    }
    let mut data = map["data"].as_object().into_iter().flatten();
    if data.any(|(_, value)| !value.is_string()) {
        return invalid("data", "values are texts");
    }
    Ok(())
}

fn put(state: &mut State, map: Value) -> Result<Arc<Object>, Refusal> {
    let put = state.put(Resource::ConfigMaps, map);
    put.map_err(|error| Refusal::new(400, error.to_string()))
}
